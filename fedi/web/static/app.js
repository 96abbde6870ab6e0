// What makes pages nicer where there is a script: new posts are told of, what is typed is kept in this browser, and what
// could not be sent for want of a line is sent when it is back. Every page does all of its work without it.
"use strict";
(() => {
  const me = document.currentScript.dataset.me;
  const POLL = 25000, AGAIN = 45000, PATIENCE = 90000;
  let words = {
    new_one: "1 new", new_many: "{n} new", waiting_one: "1 waiting", waiting_many: "{n} waiting",
    offline: "There is no connection. What you wrote is kept here and is sent by itself when you are back.",
    online_only: "There is no connection. What you typed is kept in this browser.",
    refused: "Something that waited could not be posted. It is in your drafts.",
    login: "Log in again. What you wrote is kept here and is sent then.",
    restored: "What you had typed is here again.", forget: "Forget it", left: "{n} characters left", sending: "Sending…",
    copied: "Copied",
  };
  try { words = { ...words, ...JSON.parse(localStorage.getItem("words") || "{}") }; } catch { /* nothing kept */ }
  const say = (name, n) => words[n === 1 ? `${name}_one` : n === undefined ? name : `${name}_many`].replace("{n}", n);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const make = (tag, values) => Object.assign(document.createElement(tag), values);

  // What is kept in this browser, by person: nobody else who uses it finds or sends it.
  const base = new Promise((done, failed) => {
    const asked = indexedDB.open("fedi", 1);
    asked.onupgradeneeded = () => ["typed", "waiting"].forEach((name) => asked.result.createObjectStore(name, { keyPath: "id" }));
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => failed(asked.error);
  });
  const ask = async (store, mode, what) => {
    const opened = (await base).transaction(store, mode);
    const request = what(opened.objectStore(store));
    return new Promise((done, failed) => {
      opened.oncomplete = () => done(request.result);
      opened.onerror = opened.onabort = () => failed(opened.error);
    });
  };
  const put = (store, value) => ask(store, "readwrite", (at) => at.put(value));
  const drop = (store, id) => ask(store, "readwrite", (at) => at.delete(id));
  const mine = async (store) => (await ask(store, "readonly", (at) => at.getAll())).filter((one) => one.me === me);

  // Messages of ours are in one place that screen readers listen to.
  const tell = (text, button, act) => {
    let box = document.getElementById("told");
    if (!box) {
      box = make("div", { id: "told", className: "told" });
      box.setAttribute("role", "status");
      document.body.append(box);
    }
    box.replaceChildren(...(text ? [make("span", { textContent: text })] : []));
    if (text && button) box.append(make("button", { type: "button", className: "calm", textContent: button, onclick: act }));
  };

  // A page that came by fetch, in the place of the one that is shown.
  const show = (html, url) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    document.title = page.title;
    document.body.replaceWith(document.adoptNode(page.body));
    if (url !== location.href) history.pushState({ ours: true }, "", url);
    const at = location.hash && document.getElementById(location.hash.slice(1));
    if (at) at.scrollIntoView(); else scrollTo(0, 0);
    begin();
  };
  addEventListener("popstate", (event) => { if (event.state && event.state.ours || !location.hash) location.reload(); });

  // ---- what is typed ------------------------------------------------------------------------------------------------
  const FIELDS = ["title", "text", "warning"];
  const name_of = (form) => {
    const value = (field) => form.elements[field] ? form.elements[field].value : "";
    return [me, location.pathname, value("reply_to"), value("draft"), value("group")].join(" ");
  };
  const typed_in = (form) => FIELDS.map((name) => form.elements[name] ? form.elements[name].value : "");
  const saving = new WeakMap();

  const save = (form) => {
    const values = typed_in(form), id = name_of(form);
    saving.delete(form);
    if (!form.isConnected) return;
    (values.some((one) => one.trim()) ? put("typed", { id, me, values, at: Date.now() }) : drop("typed", id)).catch(() => {});
  };
  const remember = (form) => {
    clearTimeout(saving.get(form));
    saving.set(form, setTimeout(save, 400, form));
  };
  addEventListener("pagehide", () => all("form.compose").filter((form) => saving.has(form)).forEach(save));
  const restore = async (form) => {
    const id = name_of(form);
    const kept = (await mine("typed").catch(() => [])).find((one) => one.id === id);
    const before = typed_in(form);
    // What the page brings itself (a greeting, a refused text) is not written over, unless what was typed goes on from it.
    if (!kept || kept.values.join() === before.join() || !kept.values[1].startsWith(before[1])) return;
    FIELDS.forEach((name, at) => { if (form.elements[name]) form.elements[name].value = kept.values[at]; });
    const line = make("p", { className: "note", textContent: `${say("restored")} ` });
    line.setAttribute("role", "status");
    line.append(make("button", {
      type: "button", className: "quiet", textContent: say("forget"), onclick: () => {
        FIELDS.forEach((name, at) => { if (form.elements[name]) form.elements[name].value = before[at]; });
        drop("typed", id);
        line.remove();
      },
    }));
    form.prepend(line);
  };
  const forget = (form) => { clearTimeout(saving.get(form)); saving.delete(form); return drop("typed", name_of(form)).catch(() => {}); };

  document.addEventListener("input", (event) => {
    const form = event.target.form;
    if (!form || !form.classList.contains("compose")) return;
    remember(form);
    const most = event.target.dataset.most, hint = document.getElementById("hint");
    if (most && hint) {
      const left = most - [...event.target.value].length;
      if (left < 300) hint.textContent = say("left").replace("{n}", left);
    }
  });

  // ---- what is sent -------------------------------------------------------------------------------------------------
  const badge = async () => {
    const number = (await mine("waiting").catch(() => [])).length;
    let mark = document.getElementById("waiting");
    if (!number) { if (mark) mark.remove(); return; }
    if (!mark) {
      mark = make("span", { id: "waiting", className: "badge care" });
      (document.querySelector(".top") || document.body).append(mark);
    }
    mark.setAttribute("role", "status");
    mark.textContent = say("waiting", number);
  };

  // Sends one that waits: what came of it, or null where there was no line.
  const send = async (item) => {
    const body = new FormData();
    item.entries.forEach(([name, value]) => body.append(name, value));
    let answer;
    try {
      answer = await fetch("/compose", { method: "POST", body, signal: AbortSignal.timeout(PATIENCE) });
    } catch { return null; }
    if (new URL(answer.url).pathname === "/login") { tell(say("login")); return null; }
    if (answer.status >= 500 || answer.status === 429) return null;
    const html = await answer.text().catch(() => null);
    if (html === null && !answer.redirected) return null;
    await drop("waiting", item.id);
    return { ok: answer.ok, html, url: answer.url };
  };

  let flushing = false;
  const flush = async () => {
    if (flushing || !navigator.onLine) return;
    flushing = true;
    try {
      for (const item of await mine("waiting")) {
        const came = await send(item);
        if (!came) break;
        if (!came.ok) tell(say("refused"));
        await badge();
      }
    } catch { /* this browser keeps nothing */ } finally { flushing = false; }
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target, by = event.submitter;
    if (!form.classList.contains("compose") || event.defaultPrevented) return;
    if (by && by.name === "action" && by.value !== "publish") {
      if (!navigator.onLine) { event.preventDefault(); tell(say("online_only")); }
      else forget(form);
      return;
    }
    event.preventDefault();
    if (form.dataset.sending) return;
    form.dataset.sending = "1";
    const data = new FormData(form);
    data.set("action", "publish");
    const entries = [...data].filter(([, value]) => !(value instanceof File) || value.size);
    const item = { id: crypto.randomUUID(), me, at: Date.now(), entries };
    try { await put("waiting", item); } catch { form.submit(); return; }
    tell(say("sending"));
    const came = navigator.onLine ? await send(item) : null;
    delete form.dataset.sending;
    if (came && came.html) {
      await forget(form);
      tell("");
      show(came.html, came.ok ? came.url : location.href);
    } else if (came) { await forget(form); location.assign(came.url); }
    else {
      await forget(form);
      form.reset();
      all("textarea, input[name=title]", form).forEach((one) => { one.value = ""; });
      if (document.getElementById("told")?.textContent !== say("login")) tell(say("offline"));
    }
    badge();
  });
  addEventListener("online", () => { tell(""); flush(); look(); });
  setInterval(flush, AGAIN);

  // ---- what is new --------------------------------------------------------------------------------------------------
  const LIVE = /^\/(home|groups\/[^/]+|@[^/]+(\/\d+)?|people\/[^/]+\/posts\/\d+)$/;
  let known = null, fresh = [];
  const looking = () => LIVE.test(location.pathname) && !location.search;

  const look = async () => {
    if (document.hidden || !navigator.onLine) return;
    const path = location.pathname;
    const of = looking() ? path : "";
    let said;
    try {
      const answer = await fetch(`/live?of=${encodeURIComponent(of)}${known ? "" : "&words=1"}`);
      if (!answer.ok) return;
      said = await answer.json();
    } catch { return; }
    if (path !== location.pathname) return;
    if (said.words) { words = { ...words, ...said.words }; localStorage.setItem("words", JSON.stringify(said.words)); }
    unread(said.unread);
    if (!known) known = new Set([...said.ids, ...all("article[id]").map((one) => one.id.slice(1))]);
    fresh = said.ids.filter((id) => !known.has(id));
    let button = document.getElementById("fresh");
    if (!fresh.length) return;
    if (!button) {
      button = make("button", { id: "fresh", type: "button", className: "fresh", onclick: bring });
      button.setAttribute("aria-live", "polite");
      document.getElementById("main").prepend(button);
    }
    button.textContent = say("new", fresh.length);
  };
  const unread = (number) => {
    const link = document.querySelector('nav a[href="/notifications"]');
    if (!link) return;
    let mark = link.querySelector(".count");
    if (!number) { if (mark) mark.remove(); return; }
    if (!mark) { mark = make("span", { className: "count" }); link.append(" ", mark); }
    mark.textContent = number > 99 ? "99+" : number;
  };

  // New answers come to their places, so that nothing moves under who reads; a list begins anew at its top.
  const bring = async () => {
    const answer = await fetch(location.href).catch(() => null);
    if (!answer || !answer.ok) return;
    const html = await answer.text(), page = new DOMParser().parseFromString(html, "text/html");
    const came = all("article[id]", page).filter((one) => !document.getElementById(one.id));
    const places = came.map((one) => {
      let before = one.previousElementSibling;
      while (before && !(before.id && document.getElementById(before.id))) before = before.previousElementSibling;
      return before && [one, before.id];
    });
    fresh.forEach((id) => known.add(id));
    if (!/\d$/.test(location.pathname) || !came.length || places.includes(null) || places.includes(undefined)) { show(html, location.href); return; }
    places.reverse().forEach(([one, id]) => document.getElementById(id).after(document.adoptNode(one)));
    document.getElementById("fresh").remove();
    came[0].scrollIntoView({ block: "nearest" });
  };

  // ---- small things -------------------------------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-copy]");
    if (button) navigator.clipboard.writeText(button.dataset.copy).then(() => tell(say("copied")));
  });

  const begin = () => {
    known = null;
    fresh = [];
    all("form.compose").forEach(restore);
    all("input[data-zone]").forEach((one) => { one.value ||= Intl.DateTimeFormat().resolvedOptions().timeZone; });
    badge();
    setTimeout(look, 1500);
  };
  begin();
  flush();
  setInterval(look, POLL);
  document.addEventListener("visibilitychange", look);
  if ("serviceWorker" in navigator) navigator.serviceWorker.register("/sw.js").catch(() => {});
})();
