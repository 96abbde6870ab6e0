"""The other side of the benchmarks: remote actors that sign, a lean HTTP client, and hosts that take deliveries.

All of it is kept light, since it shares the machine with what is measured: requests are signed before the clock runs and
written to the socket as ready bytes.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast
from urllib.parse import urlsplit

import msgspec

from federation.signatures.keys import KeyPair, PrivateKey, generate_rsa, load_private
from federation.signatures.sign import sign_post

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
AP = "application/activity+json"


def address(number: int) -> str:
    """The loopback address of remote host `number`: hosts differ by address, as they do in the world."""
    return f"127.0.{1 + number // 250}.{1 + number % 250}"


@dataclass(slots=True)
class Remote:
    """An actor at a host of its own."""

    number: int
    port: int
    pair: KeyPair
    key: PrivateKey = field(init=False)

    def __post_init__(self) -> None:
        self.key = load_private(self.pair.private, f"{self.id}#main-key")

    @property
    def host(self) -> str:
        """Address and port."""
        return f"{address(self.number)}:{self.port}"

    @property
    def id(self) -> str:
        """The actor's IRI."""
        return f"http://{self.host}/users/u{self.number}"

    def document(self) -> dict[str, Any]:
        """The actor as Mastodon serves one."""
        return {
            "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"],
            "id": self.id,
            "type": "Person",
            "preferredUsername": f"u{self.number}",
            "name": f"User {self.number}",
            "summary": "",
            "inbox": f"{self.id}/inbox",
            "outbox": f"{self.id}/outbox",
            "followers": f"{self.id}/followers",
            "following": f"{self.id}/following",
            "url": f"http://{self.host}/@u{self.number}",
            "manuallyApprovesFollowers": False,
            "endpoints": {"sharedInbox": f"http://{self.host}/inbox"},
            "publicKey": {"id": f"{self.id}#main-key", "owner": self.id, "publicKeyPem": self.pair.public},
        }

    def note(self, run: str, number: int, *, audience: str = "") -> dict[str, Any]:
        """A Create of a public Note of about 2 kB, as Mastodon sends it; into the group `audience`, if one is given."""
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        name = f"{self.id}/statuses/{run}-{number}"
        cc = [f"{self.id}/followers", *([audience] if audience else [])]
        text = f"<p>note {run} {number} " + "lorem ipsum dolor sit amet consectetur " * 14 + "</p>"
        note = {
            "id": name,
            "type": "Note",
            "summary": None,
            "inReplyTo": None,
            "published": now,
            "url": name,
            "attributedTo": self.id,
            "to": [PUBLIC],
            "cc": cc,
            "sensitive": False,
            "content": text,
            "contentMap": {"en": text},
            "attachment": [],
            "tag": [],
            **({"audience": audience} if audience else {}),
        }
        return {
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": f"{name}/activity",
            "type": "Create",
            "actor": self.id,
            "published": now,
            "to": [PUBLIC],
            "cc": cc,
            "object": note,
        }

    def follow(self, target: str) -> dict[str, Any]:
        """A Follow of `target`."""
        return {
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": f"{self.id}#follow-{time.time_ns()}",
            "type": "Follow",
            "actor": self.id,
            "object": target,
        }

    def request(self, inbox: str, activity: dict[str, Any]) -> bytes:
        """The bytes of a signed POST."""
        body = msgspec.json.encode(activity)
        headers = sign_post(self.key, inbox, body, time.time_ns() // 1_000_000)
        lines = [f"POST {urlsplit(inbox).path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


def remotes(count: int, port: int) -> list[Remote]:
    """Actors at `count` hosts. Sixteen key pairs serve them all: making one takes as long as using it a thousand times."""
    pairs = [generate_rsa() for _ in range(16)]
    return [Remote(number, port, pairs[number % 16]) for number in range(count)]


class Connection:
    """One kept connection that sends ready bytes and reads the answer."""

    def __init__(self, base: str) -> None:
        place = urlsplit(base)
        self._host, self._port = place.hostname or "", place.port or 80
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, raw: bytes) -> tuple[int, bytes]:
        """(status, body)."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        writer.write(raw)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        body = b""
        if b"content-length:" in head:
            length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
            body = await reader.readexactly(length) if length else b""
        if b"connection: close" in head:
            self.close()
        return int(head[9:12]), body

    def close(self) -> None:
        """End it."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def load(base: str, requests: Iterable[bytes], connections: int) -> tuple[float, list[float]]:
    """Send all requests over so many connections; (seconds in all, seconds of each). Raises AssertionError unless all
    are answered with 2xx.
    """
    left = iter(requests)
    each: list[float] = []

    async def work() -> None:
        connection = Connection(base)
        for raw in left:
            begun = time.perf_counter()
            status, body = await connection.send(raw)
            assert 200 <= status < 300, (status, body[:300])
            each.append(time.perf_counter() - begun)
        connection.close()

    begun = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(connections)))
    return time.perf_counter() - begun, each


class Host(asyncio.Protocol):
    """What answers at a remote host: its actor, WebFinger, and 202 to every POST, which it counts."""

    actors: ClassVar[dict[str, Remote]] = {}
    took: ClassVar[dict[str, int]] = {}
    last: ClassVar[float] = 0.0
    tasks: ClassVar[set["asyncio.Task[None]"]] = set()
    connections: ClassVar[set[asyncio.Transport]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are none by their class
        self.buffer = b""
        Host.connections.add(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        Host.connections.discard(self.transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, rest = self.buffer.split(b"\r\n\r\n", 1)
            lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}
            length = int(headers.get("content-length", 0))
            if len(rest) < length:
                return
            body, self.buffer = rest[:length], rest[length:]
            method, target, _ = lines[0].split(" ", 2)
            self._answer(method, target, headers.get("host", ""), body)

    def _answer(self, method: str, target: str, host: str, body: bytes) -> None:
        if method == "POST":
            if b'"Create"' in body[:3000] or b'"Announce"' in body[:3000]:
                Host.took[host] = Host.took.get(host, 0) + 1
                Host.last = time.perf_counter()
            elif b'"type":"Follow"' in body:
                task = asyncio.get_running_loop().create_task(_accept(Host.actors[host], msgspec.json.decode(body)))
                Host.tasks.add(task)
                task.add_done_callback(Host.tasks.discard)
            self._reply(202, b"")
            return
        actor = Host.actors.get(host)
        if actor is not None and target.startswith("/.well-known/webfinger"):
            link = {"rel": "self", "type": AP, "href": actor.id}
            answer = {"subject": f"acct:u{actor.number}@{host}", "links": [link]}
            self._reply(200, msgspec.json.encode(answer), "application/jrd+json")
        elif actor is not None and target == f"/users/u{actor.number}":
            self._reply(200, msgspec.json.encode(actor.document()))
        else:
            self._reply(404, b"{}")

    def _reply(self, status: int, body: bytes, kind: str = AP) -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)


async def _accept(me: Remote, follow: dict[str, Any]) -> None:
    """Accept a follow, as Mastodon does for an account that is not locked."""
    origin = "/".join(follow["actor"].split("/")[:3])
    accept = {
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": f"{me.id}#accept-{time.time_ns()}",
        "type": "Accept",
        "actor": me.id,
        "object": follow,
    }
    connection = Connection(origin)
    status, body = await connection.send(me.request(f"{origin}/inbox", accept))
    assert status == 202, (status, body)
    connection.close()


async def serve(actors: list[Remote]) -> list[asyncio.Server]:
    """Listen at the address of every actor's host."""
    Host.actors = {actor.host: actor for actor in actors}
    loop = asyncio.get_running_loop()
    return [await loop.create_server(Host, address(actor.number), actor.port, backlog=256) for actor in actors]


async def die(listening: list[asyncio.Server], count: int) -> None:
    """The last `count` hosts are gone: nobody listens there any more."""
    addresses = {address(number) for number in range(len(listening) - count, len(listening))}
    for server in listening[-count:]:
        server.close()
    for connection in list(Host.connections):
        if connection.get_extra_info("sockname")[0] in addresses:
            connection.abort()
    await asyncio.sleep(0.1)


class Hanging(asyncio.Protocol):
    """A host that takes connections and never answers."""


async def hang(listening: list[asyncio.Server], actors: list[Remote], count: int) -> list[asyncio.Server]:
    """The last `count` hosts take connections and never answer any more; what listens there now. They leave `listening`."""
    gone = actors[len(listening) - count : len(listening)]
    await die(listening, count)
    del listening[-count:]
    loop = asyncio.get_running_loop()
    return [await loop.create_server(Hanging, address(actor.number), actor.port, backlog=256) for actor in gone]
