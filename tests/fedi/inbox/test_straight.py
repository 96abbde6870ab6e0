"""`fedi.cli.straight`, over real sockets: what goes the short way is answered and kept as what goes the long one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec
import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from federation.signatures.sign import sign_post
from fedi.cli.straight import Http
from fedi.inbox.door import Inbox
from storage import decisions, peers, received
from storage.metadata import Tx
from storage.received import Arrived
from tests.world import Instance, Peer

pytestmark = pytest.mark.anyio

DATE = (b"date", b"Tue, 24 Nov 2026 08:00:00 GMT")


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def answer(self) -> tuple[int, str, bytes]:
        """(status, head in lower case, body)."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        return int(head.split()[1]), head, await self.reader.readexactly(length)

    async def post(self, raw: bytes) -> tuple[int, str, bytes]:
        """The answer to a request."""
        self.writer.write(raw)
        return await self.answer()


Connect = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
async def connect(alpha: Instance) -> Connect:
    """Serve the instance on a port, and connect to it."""

    @contextlib.asynccontextmanager
    async def connected(**settings: Any) -> AsyncIterator[Client]:
        state = ServerState()
        state.default_headers = [DATE]
        proxies: dict[str, Any] = {"proxy_headers": False, "forwarded_allow_ips": []} | settings
        config = Config(alpha.app, log_config=None, access_log=False, lifespan="off", **proxies)
        config.load()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Http(config=config, server_state=state, app_state={}, _loop=loop), "127.0.0.1", 0
        )
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        try:
            yield Client(reader, writer)
        finally:
            writer.close()
            server.close()

    return connected


@pytest.fixture
def long_way(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What came to the door by ASGI."""
    came: list[str] = []
    true = Inbox.__call__

    async def call(self: Inbox, scope: Any, receive: Any, send: Any) -> None:
        came.append(scope["path"])
        await true(self, scope, receive, send)

    monkeypatch.setattr(Inbox, "__call__", call)
    return came


def request(alpha: Instance, peer: Peer, activity: dict[str, Any], *more: str, breaks: bool = False) -> bytes:
    """The bytes of a signed POST; with `breaks` of one whose signature is of another body."""
    body = msgspec.json.encode(activity)
    headers = sign_post(
        peer.keys[activity["actor"]], alpha.site.config.origin + "/inbox", body + b" " * breaks, alpha.site.clock()
    )
    named = {"content-type": "application/activity+json"} | {name.lower(): value for name, value in headers.items()}
    lines = ["POST /inbox HTTP/1.1", *(f"{name}: {value}" for name, value in named.items()), *more]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


@pytest.fixture
async def bob(alpha: Instance, peer: Peer) -> str:
    """An actor whose key the instance has."""
    actor = peer.actor("bob")
    assert (await peer.send(alpha, like(peer, actor))).status == 202
    return actor


def like(peer: Peer, actor: str) -> dict[str, Any]:
    """A new activity."""
    return peer.activity("Like", actor, f"https://alpha.example/posts/{len(peer.documents)}")


def kept(alpha: Instance) -> list[str]:
    """The ids of what is stored, in order of arrival, without the first."""
    rows = alpha.read(lambda tx: received.newest(tx, 100))
    return [row.activity_id for row in sorted(rows, key=lambda row: row.id)][1:]


async def test_one_after_the_other_on_one_connection(
    alpha: Instance, peer: Peer, bob: str, connect: Connect, long_way: list[str]
) -> None:
    sent = [like(peer, bob) for _ in range(3)]
    async with connect() as client:
        for one in sent:
            status, head, body = await client.post(request(alpha, peer, one))
            assert (status, body) == (202, b"")
            assert head == "http/1.1 202 accepted\r\ndate: tue, 24 nov 2026 08:00:00 gmt\r\ncontent-length: 0\r\n\r\n"
    assert kept(alpha) == [one["id"] for one in sent]
    assert long_way == []


async def test_sent_ahead_they_are_answered_in_order(alpha: Instance, peer: Peer, bob: str, connect: Connect) -> None:
    good, other = like(peer, bob), like(peer, bob)
    async with connect() as client:
        client.writer.write(
            request(alpha, peer, good)
            + request(alpha, peer, like(peer, bob), breaks=True)
            + request(alpha, peer, other)
            + b"GET /health HTTP/1.1\r\nhost: alpha.example\r\n\r\n"
        )
        assert [(await client.answer())[0] for _ in range(4)] == [202, 401, 202, 200]
    assert [one for one in kept(alpha) if one in (good["id"], other["id"])] == [good["id"], other["id"]]


async def test_in_pieces_it_goes_the_long_way(
    alpha: Instance, peer: Peer, bob: str, connect: Connect, long_way: list[str]
) -> None:
    one = like(peer, bob)
    raw = request(alpha, peer, one)
    async with connect() as client:
        for at in range(0, len(raw), 300):
            client.writer.write(raw[at : at + 300])
            await asyncio.sleep(0.01)
        assert (await client.answer())[0] == 202
        assert long_way == ["/inbox"]
        assert (await client.post(request(alpha, peer, like(peer, bob))))[0] == 202
        assert long_way == ["/inbox"]
    assert kept(alpha)[0] == one["id"]


async def test_what_is_refused_and_who_is_unknown_go_the_long_way(
    alpha: Instance, peer: Peer, bob: str, connect: Connect, long_way: list[str]
) -> None:
    stranger = peer.actor("stranger")
    async with connect() as client:
        status, head, body = await client.post(request(alpha, peer, like(peer, bob), breaks=True))
        assert status == 401
        assert "application/problem+json" in head
        assert msgspec.json.decode(body)["status"] == 401
        assert (await client.post(request(alpha, peer, like(peer, stranger))))[0] == 202
        assert (await client.post(b"POST /inbox HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n"))[0] == 415
    assert len(long_way) == 3


async def test_expect_continue_is_answered_first(alpha: Instance, peer: Peer, bob: str, connect: Connect) -> None:
    raw = request(alpha, peer, like(peer, bob), "expect: 100-continue")
    head, end, body = raw.partition(b"\r\n\r\n")
    async with connect() as client:
        client.writer.write(head + end)
        assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        assert (await client.post(body))[0] == 202


async def test_connection_close_is_obeyed(alpha: Instance, peer: Peer, bob: str, connect: Connect) -> None:
    async with connect() as client:
        status, head, _ = await client.post(request(alpha, peer, like(peer, bob), "connection: close"))
        assert status == 202
        assert "\r\nconnection: close\r\n" in head
        assert await client.reader.read() == b""
    assert len(kept(alpha)) == 1


async def test_policy_says_no_after_the_proof(
    alpha: Instance, peer: Peer, bob: str, connect: Connect, long_way: list[str]
) -> None:
    alpha.write(lambda tx: peers.meet(tx, peer.host, 0))
    alpha.write(lambda tx: peers.change(tx, peer.host, stance="blocked"))
    async with connect() as client:
        status, _, body = await client.post(request(alpha, peer, like(peer, bob)))
    assert (status, msgspec.json.decode(body)["code"]) == (403, "host-blocked")
    assert long_way == []
    assert kept(alpha) == []
    assert [one.code for one in alpha.read(lambda tx: decisions.newest(tx, 10))] == ["host-blocked"]


async def test_what_can_not_be_stored_is_no_202(
    alpha: Instance, peer: Peer, bob: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    def insert(tx: Tx, several: Sequence[Arrived]) -> int:
        raise ValueError("no")

    with monkeypatch.context() as broken:
        broken.setattr(received, "insert_arrived", insert)
        async with connect() as client:
            status, head, _ = await client.post(request(alpha, peer, like(peer, bob)))
            assert status == 500
            assert "application/problem+json" in head
            broken.undo()
            assert (await client.post(request(alpha, peer, like(peer, bob))))[0] == 202


async def test_who_goes_away_meanwhile_disturbs_nobody(
    alpha: Instance, peer: Peer, bob: str, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    one = like(peer, bob)
    async with connect() as client:
        client.writer.write(request(alpha, peer, one))
        await client.writer.drain()
        client.writer.transport.abort()
        for _ in range(200):
            if kept(alpha):
                break
            await asyncio.sleep(0.01)
    assert kept(alpha) == [one["id"]]
    assert caplog.records == []


async def test_addresses_are_those_that_a_trusted_proxy_tells(
    alpha: Instance, peer: Peer, bob: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    true = Inbox.at_once

    def at_once(self: Inbox, site: Any, scope: Any, address: str, raw: bytes, told: Any) -> bool:
        seen.append(address)
        return true(self, site, scope, address, raw, told)

    monkeypatch.setattr(Inbox, "at_once", at_once)
    told = "x-forwarded-for: 198.51.100.9, 203.0.113.7"
    for trusted in (["127.0.0.1"], ["192.0.2.1"]):
        async with connect(proxy_headers=True, forwarded_allow_ips=trusted) as client:
            assert (await client.post(request(alpha, peer, like(peer, bob), told)))[0] == 202
    assert seen == ["203.0.113.7", "127.0.0.1"]
