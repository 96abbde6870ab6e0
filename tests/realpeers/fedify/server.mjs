// A small server made of Fedify as its manual has it: one person, `fay`, with an RSA and an Ed25519 key, an inbox, and
// notes. Fedify verifies signatures (draft-cavage-12 and RFC 9421) and proofs (FEP-8b32), expands JSON-LD, and reads and
// writes everything through its typed vocabulary: what is told of a document here is what Fedify made of it.

import { createServer } from "node:http";
import { Temporal } from "@js-temporal/polyfill";
import { createFederation, generateCryptoKeyPair, MemoryKvStore, verifyObject } from "@fedify/fedify";
import * as vocab from "@fedify/vocab";
import { getDocumentLoader } from "@fedify/vocab-runtime";
import jsonld from "jsonld";
import { control, origin, port } from "../node.mjs";

const { Accept, Activity, Announce, Create, Delete, Dislike, Endpoints, Follow, Like, Link, Mention, Note } = vocab;
const { Object: AsObject, Person, PUBLIC_COLLECTION, Reject, Tombstone, Undo, Update } = vocab;

const identifier = "fay";
// Settings that a test may ask for: to be a server that has no draft signatures any more.
const onlyRfc9421 = process.env.ONLY_RFC9421 === "1";

const followers = new Map(); // id -> Actor
const notes = new Map(); // id -> Note, or Tombstone
const creates = new Map(); // number -> Create
const received = []; // one entry per POST, in order
let counter = 0;

const federation = createFederation({
  kv: new MemoryKvStore(),
  allowPrivateAddress: true, // the tests are on loopback; never in production
  firstKnock: process.env.FIRST_KNOCK ?? "rfc9421",
});
// The contexts that Fedify has built in, and no other: what we emit must be readable by them alone.
const bundled = getDocumentLoader();
const contextLoader = async (url) => {
  if (url.startsWith(origin)) throw new Error(`${url} is no context`);
  return await bundled(url);
};

const keys = [await generateCryptoKeyPair("RSASSA-PKCS1-v1_5"), await generateCryptoKeyPair("Ed25519")];

federation
  .setActorDispatcher("/users/{identifier}", async (ctx, name) => {
    if (name !== identifier) return null;
    const pairs = await ctx.getActorKeyPairs(name);
    return new Person({
      id: ctx.getActorUri(name),
      preferredUsername: name,
      name: "Fay of Fedify",
      summary: "Made of a library",
      inbox: ctx.getInboxUri(name),
      outbox: ctx.getOutboxUri(name),
      followers: ctx.getFollowersUri(name),
      endpoints: new Endpoints({ sharedInbox: ctx.getInboxUri() }),
      url: new URL(`/@${name}`, origin),
      publicKey: pairs[0].cryptographicKey,
      assertionMethods: pairs.map((pair) => pair.multikey),
    });
  })
  .setKeyPairsDispatcher((_ctx, name) => (name === identifier ? keys : []));

federation.setFollowersDispatcher("/users/{identifier}/followers", () => ({ items: [...followers.values()] }));
federation.setOutboxDispatcher("/users/{identifier}/outbox", () => ({ items: [...creates.values()] }));
federation.setObjectDispatcher(Note, "/users/{identifier}/notes/{id}", (ctx, values) => {
  const found = notes.get(ctx.getObjectUri(Note, values).href);
  return found instanceof Note ? found : null;
});
federation.setObjectDispatcher(Create, "/users/{identifier}/creates/{id}", (_ctx, { id }) => creates.get(id) ?? null);
federation.setNodeInfoDispatcher("/nodeinfo/2.1", () => ({
  software: { name: "made-of-fedify", version: "1.0.0" },
  protocols: ["activitypub"],
  usage: { users: { total: 1 }, localPosts: notes.size, localComments: 0 },
}));

federation
  .setInboxListeners("/users/{identifier}/inbox", "/inbox")
  .setSharedKeyDispatcher(() => ({ identifier }))
  .on(Activity, async (ctx, activity) => {
    const entry = ctx.data;
    entry.verified = true; // Fedify calls a listener only for what is signed by its actor or carries its proof
    entry.activity = await show(activity, ctx);
    if (activity instanceof Follow && activity.id != null) {
      const follower = await activity.getActor(ctx);
      followers.set(follower.id.href, follower);
      await send(ctx, follower, new Accept({ id: next("accepts"), actor: ctx.getActorUri(identifier), object: activity }));
    }
    if (activity instanceof Undo) {
      const undone = await activity.getObject(ctx);
      if (undone instanceof Follow) followers.delete(undone.actorId.href);
    }
  })
  .onUnverifiedActivity((_ctx, activity, reason) => {
    const entry = _ctx.data;
    entry.refused = { type: activity?.constructor?.name, reason };
  })
  .onError((ctx, error) => {
    if (ctx.data != null) ctx.data.error = String(error?.stack ?? error);
  });

/** What Fedify knows of an object, as plain JSON. */
async function show(object, ctx, depth = 0) {
  if (object == null) return null;
  const href = (url) => (url instanceof URL ? url.href : url instanceof Link ? url.href?.href : null) ?? null;
  const text = (value) => (value == null ? null : value.toString());
  const shown = { type: object.constructor.name, id: href(object.id) };
  if (object instanceof vocab.Tombstone) return shown;
  if (object instanceof Activity) {
    shown.actor = href(object.actorId);
    shown.objectId = href(object.objectId);
    shown.to = object.toIds.map(href);
    shown.cc = object.ccIds.map(href);
    if (depth < 3 && !(object instanceof Delete)) {
      // Of another origin than the activity: Fedify asks that origin, as it should.
      const inner = await object.getObject({ ...ctx, documentLoader: await signed(ctx), suppressError: true });
      shown.object = await show(inner, ctx, depth + 1);
    }
    return shown;
  }
  Object.assign(shown, {
    name: text(object.name),
    content: text(object.content),
    summary: text(object.summary),
    author: href(object.attributionId),
    inReplyTo: href(object.replyTargetId),
    url: href(object.url),
    to: object.toIds.map(href),
    cc: object.ccIds.map(href),
    audience: object.audienceIds.map(href),
    published: object.published?.toString() ?? null,
    updated: object.updated?.toString() ?? null,
    sensitive: object.sensitive ?? null,
    source: text(object.source?.content),
    links: [], mentions: [], hashtags: [],
  });
  for await (const one of object.getAttachments({ ...ctx, suppressError: true })) {
    shown.links.push(one instanceof Link ? href(one) : href(one.url));
  }
  for await (const one of object.getTags({ ...ctx, suppressError: true })) {
    (one instanceof Mention ? shown.mentions : shown.hashtags).push(text(one.name));
  }
  if (object.preferredUsername != null) {
    shown.username = text(object.preferredUsername);
    shown.inbox = href(object.inboxId);
    shown.sharedInbox = href(object.endpoints?.sharedInbox);
    shown.followers = href(object.followersId);
    shown.outbox = href(object.outboxId);
    shown.featured = href(object.featuredId);
    shown.discoverable = object.discoverable ?? null;
    shown.approves = object.manuallyApprovesFollowers ?? null;
    shown.publicKey = (await object.getPublicKey({ ...ctx, suppressError: true }))?.id?.href ?? null;
    shown.assertionMethods = [];
    for await (const key of object.getAssertionMethods({ ...ctx, suppressError: true })) {
      shown.assertionMethods.push({ id: key.id?.href, algorithm: key.publicKey?.algorithm?.name });
    }
  }
  return shown;
}

const context = (data) => federation.createContext(new URL(origin), data);
const signed = (ctx) => ctx.getDocumentLoader({ identifier });
const next = (kind) => new URL(`/users/${identifier}/${kind}/${++counter}`, origin);

async function look(ctx, url) {
  const found = await ctx.lookupObject(url, { documentLoader: await signed(ctx) });
  if (found == null) throw new Error(`Fedify could not read ${url}`);
  return found;
}

async function send(ctx, recipients, activity) {
  await ctx.sendActivity({ identifier }, recipients, activity);
}

/** To these actors, and to whoever follows. */
async function spread(ctx, to, activity) {
  for (const url of new Set(to ?? [])) await send(ctx, await look(ctx, url), activity);
  if (followers.size > 0) await send(ctx, [...followers.values()], activity);
}

const about = (ctx, { to = [], group = null }) => ({
  tos: [PUBLIC_COLLECTION, ...to.map((one) => new URL(one))],
  ccs: [ctx.getFollowersUri(identifier)],
  ...(group == null ? {} : { audience: new URL(group) }),
});

const commands = {
  /** Who this is. */
  me: () => ({ id: `${origin}/users/${identifier}`, handle: `@${identifier}@127.0.0.1:${port}` }),
  received: () => received,
  /** A document, fetched with a signature and read. */
  fetch: async ({ url }) => {
    const ctx = context(null);
    return await show(await look(ctx, url), ctx);
  },
  follow: async ({ actor }) => {
    const ctx = context(null);
    const followed = await look(ctx, actor);
    const id = next("follows");
    await send(ctx, followed, new Follow({ id, actor: ctx.getActorUri(identifier), object: followed.id, to: followed.id }));
    return { id: id.href };
  },
  unfollow: async ({ actor, follow }) => {
    const ctx = context(null);
    const me = ctx.getActorUri(identifier);
    const undone = new Follow({ id: new URL(follow), actor: me, object: new URL(actor) });
    await send(ctx, await look(ctx, actor), new Undo({ id: next("undos"), actor: me, object: undone }));
  },
  post: async ({ content, title, inReplyTo, ...where }) => {
    const ctx = context(null);
    const id = String(++counter);
    const me = ctx.getActorUri(identifier);
    const note = new Note({
      id: ctx.getObjectUri(Note, { identifier, id }),
      attribution: me,
      name: title ?? null,
      content,
      mediaType: "text/html",
      published: Temporal.Now.instant(),
      replyTarget: inReplyTo == null ? null : new URL(inReplyTo),
      tags: (where.to ?? []).map((one) => new Mention({ href: new URL(one), name: one })),
      ...about(ctx, where),
    });
    const uri = ctx.getObjectUri(Create, { identifier, id });
    const create = new Create({ id: uri, actor: me, object: note, ...about(ctx, where) });
    notes.set(note.id.href, note);
    creates.set(id, create);
    await spread(ctx, where.to, create);
    return { id: note.id.href, activity: uri.href };
  },
  edit: async ({ id, content, ...where }) => {
    const ctx = context(null);
    const note = notes.get(id).clone({ content, updated: Temporal.Now.instant() });
    notes.set(id, note);
    const update = new Update({ id: next("updates"), actor: ctx.getActorUri(identifier), object: note, ...about(ctx, where) });
    await spread(ctx, where.to, update);
  },
  delete: async ({ id, ...where }) => {
    const ctx = context(null);
    notes.set(id, new Tombstone({ id: new URL(id) }));
    const object = new Tombstone({ id: new URL(id) });
    await spread(ctx, where.to, new Delete({ id: next("deletes"), actor: ctx.getActorUri(identifier), object, ...about(ctx, where) }));
  },
  like: async ({ object, kind, to }) => {
    const ctx = context(null);
    const Kind = kind === "Dislike" ? Dislike : Like;
    const id = next("likes");
    await spread(ctx, to, new Kind({ id, actor: ctx.getActorUri(identifier), object: new URL(object) }));
    return { id: id.href };
  },
  unlike: async ({ id, object, to }) => {
    const ctx = context(null);
    const me = ctx.getActorUri(identifier);
    const like = new Like({ id: new URL(id), actor: me, object: new URL(object) });
    await spread(ctx, to, new Undo({ id: next("undos"), actor: me, object: like }));
  },
  /** The terms of a document that its contexts do not define, and so no reader of JSON-LD sees. */
  undefined: async ({ document }) => {
    // ActivityStreams gives what it does not know a blank name (`_:term`); elsewhere `safe` makes it an error.
    const expanded = await jsonld.expand(document, { documentLoader: contextLoader, safe: true });
    const found = new Set();
    const walk = (value) => {
      if (Array.isArray(value)) return value.forEach(walk);
      if (value == null || typeof value !== "object") return;
      for (const [name, one] of Object.entries(value)) {
        if (name.startsWith("_:")) found.add(name.slice(2));
        if (name === "@type") [one].flat().forEach((type) => /^_:|^[^:]*$/.test(type) && found.add(type));
        walk(one);
      }
    };
    walk(expanded);
    return [...found].sort();
  },
  /** Whether Fedify believes the proof of a document. */
  proof: async ({ document }) => {
    const ctx = context(null);
    const activity = await verifyObject(Activity, document, { contextLoader, documentLoader: await signed(ctx) });
    return activity == null ? null : await show(activity, ctx);
  },
};

createServer(async (request, response) => {
  if (request.url.startsWith("/control/")) return await control(commands, request, response);
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  let entry = null;
  if (request.method === "POST") {
    const signature = "signature-input" in request.headers ? "rfc9421" : "signature" in request.headers ? "draft" : null;
    entry = { signature, verified: false, activity: null, raw: null };
    if (onlyRfc9421 && signature !== "rfc9421") {
      response.writeHead(401);
      return response.end();
    }
    received.push(entry);
    try {
      entry.raw = JSON.parse(body);
    } catch { /* Fedify will say so */ }
  }
  const headers = new Headers();
  for (let at = 0; at < request.rawHeaders.length; at += 2) headers.append(request.rawHeaders[at], request.rawHeaders[at + 1]);
  const asked = new Request(new URL(request.url, origin), {
    method: request.method, headers, ...(body.length > 0 ? { body } : {}),
  });
  const answer = await federation.fetch(asked, {
    contextData: entry,
    onNotFound: () => new Response("not found", { status: 404 }),
    onNotAcceptable: () => new Response("ask for application/activity+json", { status: 406 }),
  });
  if (entry != null) {
    entry.status = answer.status;
    if (!answer.ok) entry.answer = await answer.clone().text();
  }
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  response.end(Buffer.from(await answer.arrayBuffer()));
}).listen(port, "127.0.0.1");
