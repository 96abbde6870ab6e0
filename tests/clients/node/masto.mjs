// masto.js as it comes: what it sees of an instance, as one line of JSON. URL, TOKEN and TAG come from the environment.

import { createRestAPIClient, createStreamingAPIClient, MastoHttpError } from "masto";
import WebSocket from "ws";

const { URL: url, TOKEN: accessToken, TAG: tag } = process.env;
const masto = createRestAPIClient({ url, accessToken });
const seen = {};

const me = await masto.v1.accounts.verifyCredentials();
seen.me = me.acct;
seen.app = (await masto.v1.apps.verifyCredentials()).name;

const posted = [];
for (let number = 0; number < 5; number++) {
  posted.push((await masto.v1.statuses.create({ status: `masto ${number} #${tag}`, visibility: "public" })).id);
}
seen.pages = [];
for await (const page of masto.v1.timelines.tag.$select(tag).list({ limit: 2 })) seen.pages.push(page.map((one) => one.id));
seen.posted = posted;
seen.home = (await masto.v1.timelines.home.list({ limit: 3 })).map((one) => one.id);

const file = new Blob([Buffer.from(process.env.PNG, "base64")], { type: "image/png" });
const media = await masto.v2.media.create({ file, description: "Noise" }); // waits until it is ready
seen.media = { url: media.url, type: media.type, description: media.description, blurhash: media.blurhash };
const shown = await masto.v1.statuses.create({ status: "with a picture", mediaIds: [media.id] });
seen.attached = shown.mediaAttachments.map((one) => one.id);
seen.uploaded = media.id;

const grouped = await masto.v2.notifications.list();
seen.grouped = { groups: grouped.notificationGroups.map((one) => one.type), accounts: grouped.accounts.length };
seen.list = (await masto.v1.notifications.list()).map((one) => one.type);
seen.lists = (await masto.v1.lists.create({ title: "from masto.js" })).title;
seen.filter = (await masto.v2.filters.create({
  title: "f", context: ["home"], filterAction: "warn", keywordsAttributes: [{ keyword: "xyzzy" }],
})).keywords[0].keyword;
seen.search = (await masto.v2.search.list({ q: "ben", type: "accounts" })).accounts.map((one) => one.acct);
seen.group = (await masto.v1.accounts.lookup({ acct: "mlops" })).group;

try {
  await masto.v1.statuses.$select("1").fetch();
} catch (problem) {
  seen.missing = { kind: problem instanceof MastoHttpError, status: problem.statusCode, text: problem.message };
}

const instance = await masto.v2.instance.fetch();
const streaming = createStreamingAPIClient({
  streamingApiUrl: instance.configuration.urls.streaming, accessToken, implementation: WebSocket,
});
const events = [];
const wanted = ["user update", "hashtag update", "user delete"];
const both = (async () => {
  const subscriptions = { user: streaming.user.subscribe(), hashtag: streaming.hashtag.subscribe({ tag }) };
  await Promise.all(Object.entries(subscriptions).map(async ([name, subscription]) => {
    for await (const event of subscription) {
      events.push(`${name} ${event.event}`);
      if (event.event === "update") seen[`${name} update`] = event.payload.content;
      if (wanted.every((one) => events.includes(one))) break;
      if (name === "hashtag" && events.includes("hashtag update")) break;
    }
  }));
})();
// Nothing says when it has subscribed, so it posts until it hears of it.
let live;
for (let tries = 0; tries < 20 && !(seen["user update"] && seen["hashtag update"]); tries++) {
  live = await masto.v1.statuses.create({ status: `live #${tag}` });
  await new Promise((resolve) => setTimeout(resolve, 400));
}
await masto.v1.statuses.$select(live.id).remove();
await Promise.race([both, new Promise((resolve) => setTimeout(resolve, 6000))]);
seen.events = events;
console.log(JSON.stringify(seen));
process.exit(0);
