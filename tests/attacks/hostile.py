"""A hostile server that speaks real HTTP on loopback, and what a test asks of the fedi process that it attacks.

One listener stands for many hosts, as every `*.localhost` leads to it. It answers by host and path with whatever a test
gave it, byte by byte if need be, and remembers what it was asked. Its actors have real keys and sign what they send.
"""

import asyncio
import contextlib
import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from federation.signatures.keys import KeyPair, PrivateKey, generate_rsa, load_private
from federation.signatures.sign import sign_get, sign_post
from storage import actors, posts, received
from storage.actors import Actor
from storage.database import Database
from storage.metadata import Tx
from storage.posts import Post
from storage.received import Received
from tests.live.client import wait_until
from tests.servers import Server

AS2 = "https://www.w3.org/ns/activitystreams"
PUBLIC = f"{AS2}#Public"
ACTIVITY_JSON = "application/activity+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the hostile server says: `body` as it goes out; a dict becomes JSON; `raw` are all bytes, head included."""

    body: Any = b""
    status: int = 200
    content_type: str = ACTIVITY_JSON
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None

    def encoded(self) -> bytes:
        """The whole answer."""
        if self.raw is not None:
            return self.raw
        data = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        lines = [f"HTTP/1.1 {self.status} X", f"content-length: {len(data)}", f"content-type: {self.content_type}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "connection: close", "", ""]).encode() + data


def redirect(location: str) -> Answer:
    """A redirect."""
    return Answer(b"", 302, headers={"location": location})


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that came: the host as it was named, and the path with its query."""

    method: str
    host: str
    target: str
    body: bytes


@cache
def key_pair(number: int = 0) -> KeyPair:
    """One of the RSA keys of the hostile side; making one takes long."""
    del number
    return generate_rsa()


class Hostile:
    """The hostile server, on a free port of one loopback address, until `close`."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.address = address
        self.port = 0
        self.answers: dict[tuple[str, str], Answer | Callable[[str], Answer]] = {}
        self.asked: list[Asked] = []
        self.taken: list[Asked] = []
        self.posted = Answer(b"", 202)  # what a POST is answered
        self.connections = 0
        self.keys: dict[str, PrivateKey] = {}
        self._serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._loop: asyncio.AbstractEventLoop
        self._ended: asyncio.Event
        started = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._run(started),), daemon=True)
        self._thread.start()
        assert started.wait(10)

    async def _run(self, started: threading.Event) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, self.address, 0)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await self._ended.wait()
        # Every connection is over before the loop is, those too that come in this moment: one that is left would be
        # collected, and warned of, in the middle of another test. Nor may the server be closed while one is being
        # accepted: asyncio (3.11) then forgets it half-made.
        self._loop.remove_reader(server.sockets[0].fileno())
        await asyncio.sleep(0.01)
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for writer in self._serving.values():
                writer.transport.abort()
            await asyncio.wait(others, timeout=0.05)
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._serving[task] = writer
        task.add_done_callback(self._serving.pop)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ")
            named = {one.partition(":")[0].lower(): one.partition(":")[2].strip() for one in head[1:] if one}
            body = await reader.readexactly(int(named.get("content-length", "0")))
            host = named.get("host", "")
            asked = Asked(method, host, target, body)
            self.asked.append(asked)
            if method == "POST":
                given = self.posted
                if given.status < 300:
                    self.taken.append(asked)
            else:
                found = self.answers.get((host, target), Answer({"error": "not here"}, 404))
                given = found(target) if callable(found) else found
            writer.write(given.encoded())
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def close(self) -> None:
        """End it, with its connections."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def host(self, name: str = "") -> str:
        """The authority of one of its hosts; without a name, of its bare address."""
        return f"{name}.localhost:{self.port}" if name else f"{self.address}:{self.port}"

    def url(self, name: str, path: str) -> str:
        """A URL at one of its hosts."""
        return f"http://{self.host(name)}{path}"

    def serve(self, url: str, answer: Answer | Callable[[str], Answer] | dict[str, Any]) -> str:
        """Answer so at a URL, which comes back."""
        host, _, path = url.removeprefix("http://").partition("/")
        self.answers[host, f"/{path}"] = Answer(answer) if isinstance(answer, dict) else answer
        return url

    def asked_at(self, name: str, path: str = "", method: str = "GET") -> list[str]:
        """The targets that were asked for at one of its hosts, those that begin so."""
        host = self.host(name)
        return [
            one.target
            for one in self.asked
            if (one.host, one.method) == (host, method) and one.target[: len(path)] == path
        ]

    def actor(self, name: str, username: str, kind: str = "Person", *, key: int = 0, **more: Any) -> str:
        """An actor at one of its hosts, with its WebFinger; its IRI."""
        iri = self.url(name, f"/users/{username}")
        pair = key_pair(key)
        self.keys[iri] = load_private(pair.private, f"{iri}#main-key")
        document: dict[str, Any] = {
            "@context": [AS2, "https://w3id.org/security/v1"], "id": iri, "type": kind, "name": username,
            "preferredUsername": username, "inbox": f"{iri}/inbox", "outbox": f"{iri}/outbox",
            "followers": f"{iri}/followers", "url": iri, "endpoints": {"sharedInbox": self.url(name, "/inbox")},
            "publicKey": {"id": f"{iri}#main-key", "owner": iri, "publicKeyPem": pair.public}, **more,
        }  # fmt: skip
        self.serve(iri, document)
        resource = f"/.well-known/webfinger?resource=acct:{username}@{self.host(name)}"
        jrd = {
            "subject": f"acct:{username}@{self.host(name)}",
            "links": [{"rel": "self", "type": ACTIVITY_JSON, "href": iri}],
        }
        self.serve(self.url(name, resource), Answer(jrd, content_type="application/jrd+json"))
        return iri

    def note(self, author: str, path: str, **more: Any) -> dict[str, Any]:
        """A public Note at the host of its author, which serves it."""
        host = author.removeprefix("http://").partition("/")[0]
        document = {
            "@context": AS2, "id": f"http://{host}{path}", "type": "Note", "attributedTo": author,
            "content": "<p>a note</p>", "to": [PUBLIC], "cc": [f"{author}/followers"],
            "published": "2026-11-01T12:00:00Z", **more,
        }  # fmt: skip
        self.serve(str(document["id"]), document)
        return document

    def activity(self, kind: str, actor: str, value: Any, **more: Any) -> dict[str, Any]:
        """An activity of one of its actors, at a new id of the actor's host."""
        host = actor.removeprefix("http://").partition("/")[0]
        made = {"@context": AS2, "id": f"http://{host}/activities/{time.time_ns()}", "type": kind, "actor": actor}
        return {**made, "object": value, "to": [PUBLIC], "cc": [], **more}

    def send(
        self, server: Server, activity: Any, *, key: PrivateKey | None = None, path: str = "/inbox"
    ) -> tuple[int, str]:
        """POST to an inbox of the fedi process, signed with the actor's key unless another is given: status and code."""
        body = activity if isinstance(activity, bytes) else json.dumps(activity).encode()
        chosen = key or self.keys[activity["actor"]]
        url = server.url + path
        headers = sign_post(chosen, url, body, time.time_ns() // 1_000_000)
        return post(url, body, headers)

    def get(self, server: Server, path: str, actor: str | None) -> int:
        """GET from the fedi process, signed by one of its actors or not: the status."""
        url = server.url + path if path.startswith("/") else path
        headers = {"accept": ACTIVITY_JSON}
        if actor is not None:
            headers |= sign_get(self.keys[actor], url, time.time_ns() // 1_000_000)
        request = urllib.request.Request(url, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as problem:
            problem.close()
            return problem.code


def post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    """A plain POST: status, and the reason code when it is refused. The server may answer before it has read all."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
    try:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request("POST", parts.path, body, headers)
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()
    code = ""
    with contextlib.suppress(ValueError, AttributeError):
        problem = json.loads(said)
        code = str(problem.get("code") or problem.get("type", "")).removeprefix("urn:fedi:")
    return answer.status, code


@dataclass(slots=True)
class Target:
    """The fedi process that is attacked, with what its own database says of it."""

    server: Server
    token: str
    db: Database

    def row(self, activity_id: str) -> Received | None:
        """The newest row about an activity that it received."""
        rows = self.db.read_now(lambda tx: received.newest(tx, 500))
        return next((row for row in rows if row.activity_id == activity_id), None)

    def outcome(self, activity: dict[str, Any]) -> tuple[str, str]:
        """(state, code) of an activity once it is worked out."""
        found: list[tuple[str, str]] = []

        def settled() -> bool:
            row = self.row(activity["id"])
            if row is not None and row.state not in ("new", "working"):
                found.append((row.state, row.code or ""))
            return bool(found)

        wait_until(settled)
        return found[0]

    def post(self, iri: str) -> Post | None:
        """A post as it is kept there."""
        return self.db.read_now(lambda tx: posts.by_iri(tx, iri))

    def actor(self, iri: str) -> Actor | None:
        """An actor as it is known there."""
        return self.db.read_now(lambda tx: actors.by_iri(tx, iri))

    def read(self, unit: Callable[[Tx], Any]) -> Any:
        """What `unit(tx)` reads in its database."""
        return self.db.read_now(unit)

    def api(self, method: str, path: str, **parameters: Any) -> Any:
        """A call of its client API by the person who lives there."""
        from tests.live.client import Person

        return Person(self.server, "ada", self.token).ask(method, path, **parameters)

    def find(self, query: str) -> Any:
        """What its search gives for a handle or an address, asking other servers."""
        return self.api("GET", "/api/v2/search", q=query, resolve="true")


def ada(target: Target) -> str:
    """The IRI of who lives at the instance."""
    return f"{target.server.url}/people/ada"


def followed(target: Target, hostile: Hostile, actor: str) -> None:
    """Ada follows an actor of the hostile side, who accepts: from now on it concerns somebody what the actor does."""
    name = actor.rpartition("/")[2]
    host = actor.removeprefix("http://").partition("/")[0]
    found = target.find(f"@{name}@{host}")["accounts"]
    assert found, f"{actor} is not found"
    target.api("POST", f"/api/v1/accounts/{found[0]['id']}/follow")

    def came() -> list[dict[str, Any]]:
        said = [json.loads(one.body) for one in hostile.asked if one.method == "POST" and one.host == host]
        return [one for one in said if one["type"] == "Follow" and one["object"] == actor]

    wait_until(came)
    accept = hostile.activity("Accept", actor, came()[0])
    assert hostile.send(target.server, accept) == (202, "")
    assert target.outcome(accept) == ("done", "")


@contextlib.contextmanager
def attacked(folder: Path, networks: str = "127.0.0.0/8") -> Iterator[Target]:
    """A fedi process on loopback with a person `ada`, that may ask these private networks only."""
    server = Server(folder, f"sqlite:///{folder}/fedi.db", "Target")
    server.init()
    server.config.write_text(server.config.read_text().replace("127.0.0.0/8", networks))
    token = server.person("ada")
    server.start()
    db = Database(server.database)
    try:
        yield Target(server, token, db)
    finally:
        db.close()
        server.kill()
