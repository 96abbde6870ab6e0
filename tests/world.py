"""Several instances in one process, each with its own database, that reach each other as ASGI apps instead of sockets.

`World` is the network: hosts by name, what was sent, and switches to take a host down. The instances are whole: the same
app, the same worker steps; only the sockets are missing (tests/live has those).
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from federation.errors import Unreachable
from federation.signatures.keys import PrivateKey, load_private
from federation.signatures.sign import sign_post
from federation.transport import Response
from fedi.actions import groups as group_actions
from fedi.actions import people as people_actions
from fedi.app import Fedi, build
from fedi.config import Config
from fedi.context import Site, close_site, now, open_site
from fedi.worker import loop
from storage import actors, posts
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post
from tests.keys import key_pair

T = TypeVar("T")


@dataclass(slots=True)
class World:
    """The network between instances: a Transport that calls the app of the host it is asked for."""

    apps: dict[str, Any] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    sent: list[tuple[str, str, bytes]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, timeout: float, limit: int
    ) -> Response:
        """Answer as the host would; Unreachable when there is none, or it is down."""
        host = urlsplit(url).netloc
        if host not in self.apps or host in self.down:
            raise Unreachable(f"{host} does not answer")
        if body is not None:
            self.sent.append((host, url, body))
        else:
            self.asked.append((host, url))
        return await call(self.apps[host], method, url, headers, body or b"")

    async def close(self) -> None:
        """Nothing to close."""


async def call(
    app: Any, method: str, url: str, headers: Mapping[str, str], body: bytes = b"", address: str = "192.0.2.1"
) -> Response:
    """One request from `address` to an ASGI app, as a server would pass it on."""
    parts = urlsplit(url)
    sent = {name.lower(): value for name, value in headers.items()}
    sent.setdefault("host", parts.netloc)
    if body:
        sent["content-length"] = str(len(body))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": parts.scheme,
        "path": parts.path or "/",
        "raw_path": (parts.path or "/").encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
        "server": (parts.hostname, parts.port or 443),
        "client": (address, 1),
    }
    status, answered, pieces = 500, {}, []
    incoming = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if incoming:
            return incoming.pop()
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            answered.update({k.decode().lower(): v.decode("latin-1") for k, v in message["headers"]})
        else:
            pieces.append(message.get("body", b""))

    await app(scope, receive, send)
    return Response(status, answered, b"".join(pieces))


@dataclass(slots=True)
class Instance:
    """One university: its app and its site."""

    name: str
    app: Fedi
    site: Site
    world: World

    def person(self, username: str, **values: Any) -> Actor:
        """A person of this instance."""
        values = {"email": f"{username}@{self.name}", **values}
        return self.site.db.write_now(lambda tx: people_actions.register(tx, self.site, username=username, **values))

    def group(self, name: str, owner: Actor, **values: Any) -> Actor:
        """A group of this instance."""
        return self.site.db.write_now(
            lambda tx: group_actions.create(
                tx, self.site, name=name, title=values.pop("title", name.title()), owner=owner, **values
            )
        )

    def read(self, unit: Callable[[Tx], T]) -> T:
        """What `unit(tx)` returns."""
        return self.site.db.read_now(unit)

    def write(self, unit: Callable[[Tx], T]) -> T:
        """What `unit(tx)` returns, committed."""
        return self.site.db.write_now(unit)

    def actor(self, iri: str) -> Actor:
        """An actor as this instance knows it."""
        found = self.read(lambda tx: actors.by_iri(tx, iri))
        assert found is not None, f"{self.name} does not know {iri}"
        return found

    def post(self, iri: str) -> Post:
        """A post as this instance has it, deleted ones included."""
        found = self.read(lambda tx: posts.by_iri(tx, iri))
        assert found is not None, f"{self.name} does not know {iri}"
        return found

    def has(self, iri: str) -> bool:
        """Whether this instance has this post."""
        return self.read(lambda tx: posts.by_iri(tx, iri)) is not None

    async def get(self, path: str, **headers: str) -> Response:
        """What a GET of this path answers; `accept` and other headers by name."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await call(self.app, "GET", self.site.config.origin + path, named)

    async def document(self, path: str) -> Any:
        """The ActivityPub document at this path, unsigned."""
        answer = await self.get(path, accept="application/activity+json")
        assert answer.status == 200, (answer.status, answer.body)
        return msgspec.json.decode(answer.body)


async def instance(world: World, name: str, database_url: str, folder: Path, **settings: Any) -> Instance:
    """A new instance at https://`name`, with an empty database that has all tables."""
    config = Config(url=f"https://{name}", name=name.title(), database=database_url, data=folder / name, **settings)
    site = open_site(config, transport=world, clock=now)
    await site.db.write(lambda tx: people_actions.ensure_instance_actor(tx, site))
    app = build(config, site=site, worker=False)
    world.apps[name] = app
    return Instance(name, app, site, world)


async def settle(*instances: Instance, rounds: int = 40) -> None:
    """Let every instance work until none has anything to do: what was received, what is to be sent, jobs."""
    for _ in range(rounds):
        worked = 0
        for one in instances:
            worked += await loop.step(one.site)
        if not worked:
            return
    raise AssertionError("the instances never come to rest: a loop?")


async def close(*instances: Instance) -> None:
    """End the instances."""
    for one in instances:
        await close_site(one.site)


class Peer:
    """A server that is not ours: it serves the documents it is given, keeps what it gets, and signs what it sends."""

    def __init__(self, world: World, host: str, software: str | None = None) -> None:
        self.world = world
        self.host = host
        self.software = software
        self.documents: dict[str, dict[str, Any]] = {}
        self.status: dict[str, int] = {}
        self.inbox: list[Any] = []
        self.asked: list[str] = []
        self.keys: dict[str, PrivateKey] = {}
        world.apps[host] = self

    def iri(self, path: str) -> str:
        """The IRI of something of this server."""
        return f"https://{self.host}{path}"

    def actor(self, name: str, kind: str = "Person", **more: Any) -> str:
        """A new actor of this server; its IRI."""
        iri = self.iri(f"/users/{name}")
        pair = key_pair()
        self.keys[iri] = load_private(pair.private, f"{iri}#main-key")
        self.documents[iri] = {
            "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"],
            "id": iri, "type": kind, "preferredUsername": name, "name": name.title(), "inbox": f"{iri}/inbox",
            "outbox": f"{iri}/outbox", "followers": f"{iri}/followers", "following": f"{iri}/following",
            "endpoints": {"sharedInbox": self.iri("/inbox")}, "url": self.iri(f"/@{name}"),
            "publicKey": {"id": f"{iri}#main-key", "owner": iri, "publicKeyPem": pair.public}, **more,
        }  # fmt: skip
        return iri

    def note(self, author: str, name: str, **more: Any) -> dict[str, Any]:
        """A public Note of an actor here, served at its id."""
        iri = self.iri(f"/notes/{name}")
        self.documents[iri] = {
            "@context": "https://www.w3.org/ns/activitystreams", "id": iri, "type": "Note", "attributedTo": author,
            "content": f"<p>{name}</p>", "to": ["https://www.w3.org/ns/activitystreams#Public"],
            "cc": [f"{author}/followers"], "published": "2026-11-01T12:00:00Z", "url": iri, **more,
        }  # fmt: skip
        return self.documents[iri]

    def activity(self, type: str, actor: str, object: Any, **more: Any) -> dict[str, Any]:
        """An activity of an actor here, served at its id."""
        iri = more.pop("id", self.iri(f"/activities/{len(self.documents)}"))
        made = {
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": iri,
            "type": type,
            "actor": actor,
            "object": object,
        }
        self.documents[iri] = made | {"to": ["https://www.w3.org/ns/activitystreams#Public"], "cc": []} | more
        return self.documents[iri]

    async def send(self, to: Instance, activity: Any, *, key: str | None = None, path: str = "/inbox") -> Response:
        """POST an activity to the inbox of an instance, signed by its actor, or by the actor `key`."""
        body = activity if isinstance(activity, bytes) else msgspec.json.encode(activity)
        url = to.site.config.origin + path
        headers = sign_post(self.keys[key or activity["actor"]], url, body, to.site.clock())
        headers = {name.lower(): value for name, value in headers.items()}
        headers.setdefault("content-type", "application/activity+json")
        return await call(to.app, "POST", url, headers, body)

    def got(self, type: str) -> list[Any]:
        """The activities of this type that came."""
        return [activity for activity in self.inbox if activity["type"] == type]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        message = await receive()
        iri = self.iri(scope["path"])
        self.asked.append(iri)
        status = 404
        document: dict[str, Any] | None = None
        if scope["method"] == "POST":
            self.inbox.append(msgspec.json.decode(message["body"]))
            status = 202
        elif scope["path"] == "/.well-known/webfinger":
            name = (
                scope["query_string"].decode().partition("acct%3A")[2]
                or scope["query_string"].decode().partition("acct:")[2]
            )
            name = name.partition("%40")[0].partition("@")[0]
            actor = self.iri(f"/users/{name}")
            if actor in self.documents:
                links = [{"rel": "self", "type": "application/activity+json", "href": actor}]
                status, document = 200, {"subject": f"acct:{name}@{self.host}", "links": links}
        elif scope["path"] == "/.well-known/nodeinfo" and self.software:
            rel = "http://nodeinfo.diaspora.software/ns/schema/2.1"
            status, document = 200, {"links": [{"rel": rel, "href": self.iri("/nodeinfo/2.1")}]}
        elif scope["path"] == "/nodeinfo/2.1" and self.software:
            software = {"name": self.software, "version": "1.0"}
            status, document = 200, {"version": "2.1", "software": software, "protocols": ["activitypub"],
                                     "services": {"inbound": [], "outbound": []}, "openRegistrations": False,
                                     "usage": {"users": {}}, "metadata": {}}  # fmt: skip
        elif iri in self.documents:
            status, document = self.status.get(iri, 200), self.documents[iri]
        kind = (
            b"application/jrd+json"
            if "webfinger" in iri
            else b"application/json"
            if "nodeinfo" in iri
            else b"application/activity+json"
        )
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]})
        await send({"type": "http.response.body", "body": msgspec.json.encode(document)})
