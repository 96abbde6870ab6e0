"""A server that speaks nothing of peering, over real HTTP: as Mastodon (`PlainPeer("mastodon")`: a person who posts) or as
Lemmy (`PlainPeer("lemmy")`: a community, with somebody who posts in it and follows groups of others).

It sends what those send (shapes as in `tests/peers/`), signs as they do (draft-cavage-12, RSA), answers what they answer to
what they don't know (Mastodon takes and ignores it, Lemmy says 400), and tries again what was not taken, when told to.
"""

import json
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from federation.signatures.keys import load_private
from federation.signatures.sign import sign_get, sign_post
from tests.keys import key_pair
from tests.servers import free_port

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
AP = "application/activity+json"
_CONTEXT = ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"]
_KNOWN = {
    "Follow",
    "Undo",
    "Accept",
    "Reject",
    "Create",
    "Update",
    "Delete",
    "Announce",
    "Like",
    "Add",
    "Remove",
    "Flag",
}


class PlainPeer:
    """One such server. `inbox` is what it took, `refused` what it did not, in order; `waiting` is what others did not take."""

    def __init__(self, software: str) -> None:
        self.software = software
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        self.base = f"http://{self.host}"
        self.person = f"{self.base}/{'u' if software == 'lemmy' else 'users'}/mira"
        self.community = f"{self.base}/c/systems"
        self.inbox: list[dict[str, Any]] = []
        self.refused: list[dict[str, Any]] = []
        self.waiting: list[tuple[str, dict[str, Any], str]] = []
        self.followers: dict[str, list[tuple[str, str]]] = {}  # by actor here: (actor, inbox) there
        self.answers: list[int] = []  # what others answered
        self.outbox: dict[str, list[dict[str, Any]]] = {self.person: [], self.community: []}
        self.documents: dict[str, dict[str, Any]] = {}
        self._lock = threading.RLock()
        self._count = 0
        self._keys = {}
        for actor in (self.person, self.community):
            pair = key_pair()
            self._keys[actor] = load_private(pair.private, f"{actor}#main-key")
            self.documents[actor] = self._actor(actor, pair.public)
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()

    def _actor(self, iri: str, public: str) -> dict[str, Any]:
        group = iri == self.community
        name = iri.rsplit("/", 1)[1]
        return {
            "@context": _CONTEXT,
            "id": iri,
            "type": "Group" if group else "Person",
            "preferredUsername": name,
            "name": name.title(),
            "inbox": f"{iri}/inbox",
            "outbox": f"{iri}/outbox",
            "followers": f"{iri}/followers",
            "endpoints": {"sharedInbox": f"{self.base}/inbox"},
            "manuallyApprovesFollowers": False,
            "published": "2024-03-01T00:00:00Z",
            "publicKey": {"id": f"{iri}#main-key", "owner": iri, "publicKeyPem": public},
            **({"postingRestrictedToMods": False, "attributedTo": f"{iri}/moderators"} if group else {}),
        }

    # What it sends.

    def send(self, inbox: str, activity: dict[str, Any], actor: str) -> int:
        """POST an activity, signed; 0 when nobody answers. What was answered by 5xx or not at all waits."""
        body = json.dumps({"@context": _CONTEXT, **activity}).encode()
        headers = sign_post(self._keys[actor], inbox, body, int(time.time() * 1000))
        try:
            with urllib.request.urlopen(
                urllib.request.Request(inbox, body, headers, method="POST"), timeout=20
            ) as answer:
                status = answer.status
        except urllib.error.HTTPError as problem:
            status = problem.code
        except OSError:
            status = 0
        with self._lock:
            self.answers.append(status)
            if status in {0, 429} or status >= 500:
                self.waiting.append((inbox, activity, actor))
        return int(status)

    def again(self) -> None:
        """Try once more what waits, oldest first, as its retries do hours later."""
        with self._lock:
            waiting, self.waiting = self.waiting, []
        for inbox, activity, actor in waiting:
            self.send(inbox, activity, actor)

    def ask(self, url: str, actor: str | None = None) -> tuple[int, dict[str, Any]]:
        """GET a document, signed by an actor here (Mastodon signs as its instance); the status and the JSON."""
        headers = sign_get(self._keys[actor or self.person], url, int(time.time() * 1000)) | {"accept": AP}
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as problem:
            return problem.code, {}

    def follow(self, target: str) -> None:
        """Its person follows an actor elsewhere."""
        document = self.ask(target)[1]
        activity = {"id": self._new("follow"), "type": "Follow", "actor": self.person, "object": target, "to": [target]}
        self.send(document["inbox"], activity, self.person)

    def post(self, text: str, *, to_group: str = "", reply_to: str = "") -> str:
        """Its person publishes: at Mastodon a Note to its followers (and the group it names), at Lemmy a Page in its
        community, which announces it; or a Note in somebody else's group. The post's IRI comes back."""
        with self._lock:
            self._count += 1
            number = self._count
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        lemmy = self.software == "lemmy"
        iri = f"{self.base}/post/{number}" if lemmy else f"{self.person}/statuses/{number}"
        group = to_group or (self.community if lemmy else "")
        note: dict[str, Any] = {
            "id": iri,
            "type": "Page" if lemmy else "Note",
            "attributedTo": self.person,
            "to": [group, PUBLIC] if lemmy else [PUBLIC],
            "cc": [] if lemmy else [f"{self.person}/followers", *([group] if group else [])],
            "content": f"<p>{text}</p>",
            "published": now,
            "url": iri,
            "sensitive": False,
            "inReplyTo": reply_to or None,
            **({"name": text, "mediaType": "text/html", "audience": group, "attachment": []} if lemmy else {"tag": []}),
        }
        if to_group and not lemmy:
            note["tag"] = [{"type": "Mention", "href": to_group, "name": "@" + to_group.rsplit("/", 1)[1]}]
        create: dict[str, Any] = {"id": f"{iri}/activity", "type": "Create", "actor": self.person, "published": now}
        create |= {"to": note["to"], "cc": note["cc"], "object": note}
        self.documents[iri] = {"@context": _CONTEXT, **note}
        self.documents[create["id"]] = {"@context": _CONTEXT, **create}
        if to_group:
            self.send(self.ask(to_group)[1]["inbox"], create, self.person)
            return iri
        if not lemmy:
            self.outbox[self.person].append(create)
            for _, inbox in self.followers.get(self.person, []):
                self.send(inbox, create, self.person)
            return iri
        announce = {"id": self._new("announce"), "type": "Announce", "actor": self.community, "object": create}
        announce |= {"to": [PUBLIC], "cc": [f"{self.community}/followers"]}
        self.outbox[self.community].append(announce)
        for _, inbox in self.followers.get(self.community, []):
            self.send(inbox, announce, self.community)
        return iri

    def _new(self, kind: str) -> str:
        with self._lock:
            self._count += 1
            return f"{self.base}/activities/{kind}/{self._count}"

    # What it takes.

    def take(self, activity: dict[str, Any]) -> int:
        """Take an activity as its software does; the status that it answers."""
        kind = activity.get("type")
        with self._lock:
            if kind not in _KNOWN:
                self.refused.append(activity)
                return 400 if self.software == "lemmy" else 202
            self.inbox.append(activity)
        if kind == "Follow":
            threading.Thread(target=self._accept, args=(activity,), daemon=True).start()
        if kind == "Undo" and isinstance(activity["object"], dict) and activity["object"].get("type") == "Follow":
            target = activity["object"]["object"]
            with self._lock:
                left = [one for one in self.followers.get(target, []) if one[0] != activity["actor"]]
                self.followers[target] = left
        return 200 if self.software == "lemmy" else 202

    def _accept(self, follow: dict[str, Any]) -> None:
        target = follow["object"]
        inbox = self.ask(follow["actor"], target)[1]["inbox"]
        with self._lock:
            known = self.followers.setdefault(target, [])
            if all(one[0] != follow["actor"] for one in known):
                known.append((follow["actor"], inbox))
        accept: dict[str, Any] = {
            "id": self._new("accept"),
            "type": "Accept",
            "actor": target,
            "object": follow,
            "to": [follow["actor"]],
        }
        self.send(inbox, accept, target)

    def texts(self) -> str:
        """All that it ever took or was shown in its inbox, as one text: a canary is in it or not."""
        with self._lock:
            return json.dumps(self.inbox, ensure_ascii=False)

    def page(self, path: str, query: dict[str, list[str]]) -> dict[str, Any] | None:
        """What is at a path here."""
        if path == "/.well-known/webfinger":
            name = query.get("resource", [""])[0].removeprefix("acct:").partition("@")[0]
            found = {"mira": self.person, "systems": self.community}.get(name)
            if found is None or (found == self.community and self.software != "lemmy"):
                return None
            link = {"rel": "self", "type": AP, "href": found}
            return {"subject": f"acct:{name}@{self.host}", "links": [link]}
        if path == "/.well-known/nodeinfo":
            rel = "http://nodeinfo.diaspora.software/ns/schema/2.0"
            return {"links": [{"rel": rel, "href": f"{self.base}/nodeinfo/2.0"}]}
        if path == "/nodeinfo/2.0":
            version = "0.19.11" if self.software == "lemmy" else "4.5.2"
            return {
                "version": "2.0",
                "software": {"name": self.software, "version": version},
                "protocols": ["activitypub"],
                "services": {"inbound": [], "outbound": []},
                "usage": {"users": {"total": 1}},
                "openRegistrations": False,
                "metadata": {},
            }
        iri = self.base + path
        for actor in (self.person, self.community):
            if iri == f"{actor}/outbox":
                items = list(reversed(self.outbox[actor]))
                return {
                    "@context": _CONTEXT,
                    "id": iri,
                    "type": "OrderedCollection",
                    "totalItems": len(items),
                    "orderedItems": items,
                }
            if iri in (f"{actor}/followers", f"{actor}/moderators"):
                return {
                    "@context": _CONTEXT,
                    "id": iri,
                    "type": "OrderedCollection",
                    "totalItems": 0,
                    "orderedItems": [],
                }
        if iri == self.community and self.software != "lemmy":
            return None
        return self.documents.get(iri)


def _handler(peer: PlainPeer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            place = urlsplit(self.path)
            found = peer.page(place.path, parse_qs(place.query))
            kind = "application/jrd+json" if "webfinger" in place.path else AP
            if place.path.startswith(("/.well-known/nodeinfo", "/nodeinfo")):
                kind = "application/json"
            self._answer(404 if found is None else 200, json.dumps(found or {}).encode(), kind)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            try:
                status = peer.take(json.loads(body))
            except (ValueError, KeyError, TypeError):
                status = 400
            self._answer(status, b"", AP)

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing: pytest shows what matters."""

    return Handler
