// Where activitypub-express keeps its things: its storage interface (`store/interface.js`) over plain maps. What it comes
// with needs a MongoDB server, of which no registry has a binary; the answers here are those of its MongoDB store.

import { randomBytes } from "node:crypto";

const copy = (value) => (value == null ? value : structuredClone(value));
const without = (value, meta) => {
  const made = copy(value);
  if (made != null && meta !== true) delete made._meta;
  return made;
};
const ids = (value) => [value].flat().map((one) => (typeof one === "string" ? one : one?.id));

export class MemoryStore {
  objects = new Map();
  streams = new Map(); // insertion order is age
  contexts = new Map();
  deliveries = [];

  async setup() {}
  generateId() { return randomBytes(12).toString("hex"); }

  async getObject(id, includeMeta) { return without(this.objects.get(id), includeMeta) ?? null; }
  async saveObject(object) {
    if (object == null || this.objects.has(object.id)) return false;
    this.objects.set(object.id, copy(object));
    return true;
  }
  async updateObject(object, _actorId, fullReplace) {
    const old = this.objects.get(object.id);
    if (old == null) return undefined;
    const made = fullReplace ? copy(object) : { ...old, ...copy(object) };
    for (const [name, value] of Object.entries(made)) if (value === null) delete made[name];
    this.objects.set(object.id, made);
    for (const activity of this.streams.values()) {
      if (!Array.isArray(activity.object)) continue;
      activity.object = activity.object.map((one) => (one?.id === object.id ? copy(made) : one));
    }
    return without(made);
  }

  async getActivity(id, includeMeta) { return without(this.streams.get(id), includeMeta) ?? null; }
  async saveActivity(activity) {
    if (this.streams.has(activity.id)) return undefined;
    this.streams.set(activity.id, copy(activity));
    return true;
  }
  async removeActivity(activity, actorId) {
    if (ids(this.streams.get(activity.id)?.actor).includes(actorId)) this.streams.delete(activity.id);
  }
  async updateActivity(activity, fullReplace) {
    const old = this.streams.get(activity.id);
    if (old != null) this.streams.set(activity.id, fullReplace ? copy(activity) : { ...old, ...copy(activity) });
    return copy(activity);
  }
  async updateActivityMeta(activity, key, value, remove) {
    const found = this.streams.get(activity.id);
    if (found == null) throw new Error("Error updating activity meta: not found");
    const values = new Set(found._meta?.[key] ?? []);
    if (remove) values.delete(value);
    else values.add(value);
    found._meta = { ...found._meta, [key]: [...values] };
    return copy(found);
  }

  #in(collection) { return [...this.streams.values()].filter((one) => one._meta?.collection?.includes(collection)); }
  async findActivityByCollectionAndObjectId(collection, objectId, includeMeta) {
    return without(this.#in(collection).find((one) => ids(one.object).includes(objectId)), includeMeta) ?? null;
  }
  async findActivityByCollectionAndActorId(collection, actorId, includeMeta) {
    return without(this.#in(collection).find((one) => ids(one.actor).includes(actorId)), includeMeta) ?? null;
  }
  async getStream(collection, limit, after, blockList) {
    if (after && after !== "Infinity") return []; // one page holds all that a test makes
    const found = this.#in(collection).reverse().filter((one) => !ids(one.actor).some((id) => blockList?.includes(id)));
    return (limit ? found.slice(0, limit) : found)
      .map((one) => ({ ...without(one), actor: ids(one.actor).map((id) => without(this.objects.get(id))).filter(Boolean) }))
      .filter((one) => one.actor.length > 0);
  }
  async getStreamCount(collection) { return this.#in(collection).length; }
  async getUserCount() { return 1; }

  async getContext(url) { return copy(this.contexts.get(url)) ?? null; }
  async saveContext(context) { this.contexts.set(context.documentUrl, copy(context)); }

  async deliveryEnqueue(actorId, body, addresses, signingKey) {
    for (const address of [addresses].flat()) {
      this.deliveries.push({ actorId, body, address, signingKey, attempt: 0, after: new Date() });
    }
    return true;
  }
  async deliveryDequeue() {
    const at = this.deliveries.findIndex((one) => one.after <= new Date());
    if (at >= 0) return this.deliveries.splice(at, 1)[0];
    return this.deliveries.length > 0 ? { waitUntil: this.deliveries[0].after } : null;
  }
  async deliveryRequeue(delivery) {
    delivery.after = new Date(delivery.after.getTime() + 10 ** delivery.attempt++);
    this.deliveries.push(delivery);
    return true;
  }
}
