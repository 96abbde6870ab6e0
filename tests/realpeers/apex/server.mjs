// A small server made of activitypub-express as its README has it: one person, `abe`, whose inbox verifies draft-cavage
// signatures, compacts JSON-LD and keeps what comes; GETs are signed by a system actor. It has no idea of groups, proofs
// or RFC 9421: what is told of an activity here is what it stored.

import ActivitypubExpress from "activitypub-express";
import express from "express";
import { contexts, control, origin, port } from "../node.mjs";
import { MemoryStore } from "./store.mjs";

const app = express();
app.set("env", "production"); // unsigned requests are refused
const routes = {
  actor: "/u/:actor", object: "/o/:id", activity: "/s/:id", inbox: "/u/:actor/inbox", outbox: "/u/:actor/outbox",
  followers: "/u/:actor/followers", following: "/u/:actor/following", liked: "/u/:actor/liked",
  collections: "/u/:actor/c/:id", blocked: "/u/:actor/blocked", rejections: "/u/:actor/rejections",
  rejected: "/u/:actor/rejected", shares: "/s/:id/shares", likes: "/s/:id/likes",
};
const store = new MemoryStore();
for (const [url, document] of Object.entries(contexts)) await store.saveContext({ contextUrl: null, documentUrl: url, document });
const apex = ActivitypubExpress({
  name: "made-of-apex", version: "1.0.0", baseUrl: origin, actorParam: "actor", objectParam: "id", activityParam: "id",
  routes, store, logger: { info: () => {}, warn: console.warn, error: console.error },
});
const received = [];

app.post("/control/:command", (request, response) => control(commands, request, response));
app.use((request, response, next) => {
  if (request.method !== "POST") return next();
  const signature = "signature-input" in request.headers ? "rfc9421" : "signature" in request.headers ? "draft" : null;
  const entry = { signature, verified: false, activity: null, raw: null };
  received.push(entry);
  request.entry = entry;
  response.on("finish", () => {
    entry.status = response.statusCode;
    entry.verified ||= response.locals.apex?.sender != null; // set when the signature holds
  });
  next();
});
app.use(
  express.json({
    type: apex.consts.jsonldTypes,
    verify: (request, _response, body) => { request.entry.raw = JSON.parse(body); },
  }),
  express.urlencoded({ extended: true }),
  apex,
);
app.route(routes.inbox).get(apex.net.inbox.get).post(apex.net.inbox.post);
app.route(routes.outbox).get(apex.net.outbox.get);
app.get(routes.actor, apex.net.actor.get);
app.get(routes.followers, apex.net.followers.get);
app.get(routes.following, apex.net.following.get);
app.get(routes.liked, apex.net.liked.get);
app.get(routes.object, apex.net.object.get);
app.get(routes.activity, apex.net.activityStream.get);
app.get(routes.shares, apex.net.shares.get);
app.get(routes.likes, apex.net.likes.get);
app.get("/.well-known/webfinger", apex.net.webfinger.get);
app.get("/.well-known/nodeinfo", apex.net.nodeInfoLocation.get);
app.get("/nodeinfo/:version", apex.net.nodeInfo.get);

const me = await apex.createActor("abe", "Abe of apex", "<p>Made of a library</p>");
await store.saveObject(me);
const system = await apex.createActor("system", "System", "", null, "Service");
await store.saveObject(system);
apex.systemUser = system;

app.on("apex-inbox", async ({ activity, object }) => {
  const entry = received.findLast((one) => one.raw?.id === activity.id);
  if (entry != null) entry.activity = show({ ...activity, object: object == null ? activity.object : [object] });
  if (activity.type === "Follow") {
    const accept = await apex.buildActivity("Accept", me.id, activity.actor[0], { object: activity.id });
    const { postTask } = await apex.acceptFollow(me, activity);
    await apex.addToOutbox(me, { ...accept, object: [without(activity)] });
    await postTask();
  }
});

const without = ({ _meta, ...rest }) => rest;
const first = (value) => (Array.isArray(value) ? value[0] : value) ?? null;
const id = (value) => (typeof first(value) === "string" ? first(value) : first(value)?.id ?? null);

/** What activitypub-express made of a document, as plain JSON. */
function show(object) {
  if (object == null || typeof object === "string") return null;
  const shown = { type: first(object.type), id: object.id, to: object.to ?? [], cc: object.cc ?? [] };
  if (object.actor != null) {
    return { ...shown, actor: id(object.actor), objectId: id(object.object), object: show(first(object.object)) };
  }
  return {
    ...shown,
    name: first(object.name), content: first(object.content), summary: first(object.summary),
    author: id(object.attributedTo), inReplyTo: id(object.inReplyTo), url: id(object.url), audience: object.audience ?? [],
    published: first(object.published), updated: first(object.updated),
    source: first(first(object.source)?.content),
    links: (object.attachment ?? []).map((one) => first(one.href) ?? first(one.url)),
    mentions: (object.tag ?? []).filter((one) => one.type === "Mention").map((one) => first(one.name)),
    hashtags: (object.tag ?? []).filter((one) => one.type !== "Mention").map((one) => first(one.name)),
    username: first(object.preferredUsername), inbox: first(object.inbox),
    sharedInbox: first(first(object.endpoints)?.sharedInbox), followers: id(object.followers), outbox: id(object.outbox),
    publicKey: first(object.publicKey)?.id ?? null,
  };
}

const PUBLIC = "https://www.w3.org/ns/activitystreams#Public";
const about = ({ to = [], group = null }) => ({
  to: [PUBLIC, ...to], cc: [me.followers[0]], ...(group == null ? {} : { audience: group }),
});

async function say(type, { to, ...etc }) {
  const activity = await apex.buildActivity(type, me.id, to, etc);
  await apex.addToOutbox(me, activity);
  return activity;
}

const commands = {
  me: () => ({ id: me.id, handle: `@abe@127.0.0.1:${port}` }),
  received: () => received,
  fetch: async ({ url }) => show(await apex.requestObject(url)),
  follow: async ({ actor }) => ({ id: (await say("Follow", { to: [actor], object: actor })).id }),
  unfollow: async ({ actor, follow }) => {
    await say("Undo", { to: [actor], object: without(await store.getActivity(follow)) });
  },
  post: async ({ content, title, inReplyTo, ...where }) => {
    const made = {
      id: apex.utils.objectIdToIRI(), type: "Note", attributedTo: me.id, content, published: new Date().toISOString(),
      ...(title == null ? {} : { name: title }), ...(inReplyTo == null ? {} : { inReplyTo }), ...about(where),
      tag: (where.to ?? []).map((href) => ({ type: "Mention", href, name: href })),
    };
    const activity = await say("Create", { ...about(where), object: made });
    await store.saveObject(activity.object[0]);
    return { id: made.id, activity: activity.id };
  },
  edit: async ({ id, content, ...where }) => {
    const changed = await store.updateObject({ id, content: [content], updated: [new Date().toISOString()] }, me.id, false);
    await say("Update", { ...about(where), object: changed });
  },
  delete: async ({ id, ...where }) => {
    await store.updateObject(await apex.buildTombstone({ id }), me.id, true);
    await say("Delete", { ...about(where), object: id });
  },
  // Public, as it is served to nobody else otherwise: who gets it from the group must be able to ask whether it is true.
  like: async ({ object, kind, to = [] }) => ({ id: (await say(kind ?? "Like", { to: [PUBLIC, ...to], object })).id }),
  unlike: async ({ id, to = [] }) => {
    await say("Undo", { to: [PUBLIC, ...to], object: without(await store.getActivity(id)) });
  },
};

app.listen(port, "127.0.0.1");
