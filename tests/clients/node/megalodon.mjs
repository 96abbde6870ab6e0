// megalodon as it comes: what it sees of an instance, as one line of JSON. URL and TOKEN come from the environment.

import generator, { detector } from "megalodon";

const { URL: url, TOKEN: token } = process.env;
const seen = {};
const log = console.log;
console.log = (...words) => process.stderr.write(`${words.join(" ")}\n`);

const kind = await detector(url);
seen.kind = kind;
const client = generator(kind, url, token);
const app = await client.registerApp("megalodon", { scopes: ["read", "write", "follow"] });
seen.app = [typeof app.client_id, typeof app.client_secret, typeof app.url];
seen.me = (await client.verifyAccountCredentials()).data.acct;
const instance = (await client.getInstance()).data;
seen.instance = { title: instance.title, streaming: instance.urls.streaming_api, max: instance.configuration.statuses.max_characters };
const posted = (await client.postStatus("from megalodon", { visibility: "public" })).data;
seen.posted = posted.id;
seen.home = (await client.getHomeTimeline({ limit: 2 })).data.map((one) => one.id);
seen.older = (await client.getHomeTimeline({ limit: 2, max_id: seen.home[1] })).data.map((one) => one.id);
seen.notifications = (await client.getNotifications({ limit: 5 })).data.map((one) => one.type);
seen.favourited = (await client.favouriteStatus(posted.id)).data.favourited;
seen.context = (await client.getStatusContext(posted.id)).data.descendants.length;
seen.search = (await client.search("ben", { type: "accounts" })).data.accounts.map((one) => one.acct);
const group = (await client.lookupAccount("mlops")).data;
seen.group = group.group;
seen.relationship = (await client.getRelationship(group.id)).data.following;
seen.lists = (await client.createList("from megalodon")).data.title;
const poll = (await client.postStatus("tea?", { poll: { options: ["yes", "no"], expires_in: 600 } })).data;
seen.poll = poll.poll.options.map((one) => one.title);

const events = [];
const stream = await client.userStreaming();
const heard = new Promise((resolve) => {
  stream.on("update", (status) => {
    events.push("update");
    seen.live = status.content;
    if (events.includes("delete")) resolve();
  });
  stream.on("delete", () => {
    events.push("delete");
    resolve();
  });
  stream.on("error", (problem) => events.push(`error ${problem}`));
});
await new Promise((resolve) => stream.on("connect", resolve));
await new Promise((resolve) => setTimeout(resolve, 400));
const live = (await client.postStatus("live", {})).data;
for (let tries = 0; tries < 120 && events.length < 1; tries++) await new Promise((resolve) => setTimeout(resolve, 50));
await client.deleteStatus(live.id);
await Promise.race([heard, new Promise((resolve) => setTimeout(resolve, 6000))]);
stream.stop();
seen.events = events;
log(JSON.stringify(seen));
process.exit(0);
