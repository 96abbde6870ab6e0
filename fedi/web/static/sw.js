// Shows the pages that were seen last where there is no line. They are of who was logged in, and gone with the log-out.
"use strict";
const PAGES = "pages", FILES = "files", MOST = 40;
const OFFLINE = "/offline";
// Not kept: secrets, what is done once, and what is of no use later.
const PRIVATE = /^\/(login|logout|join|oauth|admin|settings|reset|confirm|welcome|drafts|live|api|media|reports?|cases|appeals|sign-ups|mail|feeds|(groups\/[^/]+|@[^/]+)\/(moderation|settings|log|health))(\/|$)/;
const NAMED = /^\/static\/[a-z]+\.[0-9a-f]{10}\.(css|js)$/;
const ENDS = /^\/(login|logout|join|settings\/security)(\/|$)/;

const forget = () => caches.delete(PAGES);

addEventListener("install", (event) => event.waitUntil(skipWaiting()));
addEventListener("activate", (event) => event.waitUntil(clients.claim()));

addEventListener("fetch", (event) => {
  const { request } = event, url = new URL(request.url);
  if (url.origin !== location.origin) return;
  if (request.method !== "GET") {
    if (ENDS.test(url.pathname)) event.waitUntil(forget());
    return;
  }
  if (NAMED.test(url.pathname)) event.respondWith(file(request));
  else if (request.mode === "navigate") event.respondWith(page(event, request, url));
});

async function file(request) {
  const kept = await caches.match(request, { cacheName: FILES });
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok) {
    const files = await caches.open(FILES);
    const kind = new URL(request.url).pathname.split(".").pop();
    for (const other of await files.keys()) if (other.url.endsWith(kind)) await files.delete(other);
    await files.put(request, answer.clone());
  }
  return answer;
}

async function page(event, request, url) {
  let answer;
  try {
    answer = await fetch(request);
  } catch (problem) {
    const pages = await caches.open(PAGES);
    const kept = await pages.match(url.href, { ignoreVary: true }) || await pages.match(OFFLINE, { ignoreVary: true });
    if (kept) return kept;
    throw problem;
  }
  if (new URL(answer.url || url).pathname === "/login") event.waitUntil(forget()); // the session is over
  else if (answer.ok && answer.headers.has("x-person") && !PRIVATE.test(url.pathname)) event.waitUntil(keep(url.href, answer.clone(), answer.headers.get("x-person")));
  return answer;
}

// Pages of one person only: whose they are is said by the page's header.
async function keep(address, answer, person) {
  let pages = await caches.open(PAGES);
  const offline = await pages.match(OFFLINE, { ignoreVary: true });
  if (offline && offline.headers.get("x-person") !== person) {
    await forget();
    pages = await caches.open(PAGES);
  }
  if (!offline || offline.headers.get("x-person") !== person) {
    const made = await fetch(OFFLINE);
    if (made.ok && made.headers.get("x-person") === person) await pages.put(OFFLINE, made);
    else return;
  }
  await pages.delete(address, { ignoreVary: true });
  await pages.put(address, answer);
  const kept = (await pages.keys()).filter((one) => !one.url.endsWith(OFFLINE));
  for (const old of kept.slice(0, Math.max(0, kept.length - MOST))) await pages.delete(old, { ignoreVary: true });
}
