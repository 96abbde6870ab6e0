"""One connection against peers that answer as they like: what is read, what is given up, what is kept for the next request."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from federation import transport as transport_module
from federation.errors import TooLarge, Unreachable
from federation.hosts import Networks
from federation.http1 import MAX_HEAD, MAX_HEADERS, request_bytes
from federation.transport import Response, SocketTransport
from tests.federation.server import Answer, Peer, Writer, answer, running

pytestmark = pytest.mark.anyio


@pytest.fixture
async def there() -> AsyncIterator[Peer]:
    async with running() as server:
        yield server


@pytest.fixture
async def transport() -> AsyncIterator[SocketTransport]:
    made = SocketTransport(Networks(["127.0.0.0/8"]))
    yield made
    await made.close()


async def get(transport: SocketTransport, there: Peer, path: str = "/x", limit: int = 1000) -> Response:
    return await transport.send("GET", there.url(path), {}, None, timeout=5, limit=limit)


def then_close(*pieces: bytes) -> Answer:
    async def write(writer: Writer) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        writer.close()

    return write


def endless(piece: bytes, head: bytes = b"HTTP/1.1 200 X\r\n") -> Answer:
    async def write(writer: Writer) -> None:
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()

    return write


async def test_a_body_in_pieces_and_one_that_ends_with_the_connection(transport: SocketTransport, there: Peer) -> None:
    there.routes["/x"] = [
        b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        then_close(b"HTTP/1.0 200 X\r\n\r\n", b"to the", b" end"),
        answer(b"kept"),
    ]
    assert (await get(transport, there)).body == b"hello"
    assert (await get(transport, there)).body == b"to the end"
    assert (await get(transport, there)).body == b"kept"
    assert there.connections == 2


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body(transport: SocketTransport, there: Peer, status: int) -> None:
    there.routes["/x"] = [f"HTTP/1.1 {status} X\r\n\r\n".encode(), answer(b"next")]
    assert (await get(transport, there)).status == status
    assert (await get(transport, there)).body == b"next"
    assert there.connections == 1


async def test_what_comes_before_the_answer_is_left_out(transport: SocketTransport, there: Peer) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    there.routes["/x"] = b"HTTP/1.1 100 Continue\r\n\r\n" + early + answer(b"it", etag="1")
    found = await get(transport, there)
    assert (found.status, found.body, found.headers["etag"]) == (200, b"it", "1")
    assert "link" not in found.headers


async def test_the_second_of_two_headers_counts(transport: SocketTransport, there: Peer) -> None:
    there.routes["/x"] = b"HTTP/1.1 200 X\r\nX-A: one\r\nx-a: two\r\ncontent-length: 0\r\n\r\n"
    assert (await get(transport, there)).headers["x-a"] == "two"


@pytest.mark.parametrize(
    "reply",
    [
        endless(b"x: y\r\n"),  # header after header
        endless(b"y" * 1000, b"HTTP/1.1 200 X\r\nx: "),  # one header without an end
        endless(b"HTTP/1.1 100 Continue\r\n\r\n", b""),  # always about to answer
        then_close(b"HTTP/1.1 200 X\r\n" + b"a: b\r\n" * (MAX_HEADERS + 1) + b"\r\n"),
        then_close(b"HTTP/1.1 200 X\r\n" + b"a: " + b"b" * MAX_HEAD + b"\r\ncontent-length: 0\r\n\r\n"),
        then_close(b"HTTP/1.1 200 X\r\ncontent-length: 10\r\n\r\nhalf"),
        then_close(b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhe"),
        then_close(b"HTTP/1.1 200 X\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd"),
        then_close(b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nwhatever"),
    ],
)
async def test_what_is_given_up(transport: SocketTransport, there: Peer, reply: Answer) -> None:
    there.routes["/x"] = [reply, answer(b"well")]
    with pytest.raises(Unreachable) as caught:
        await get(transport, there)
    assert caught.value.code != "timeout"  # given up as soon as it is seen
    assert (await get(transport, there)).body == b"well"
    assert there.connections == 2, "nothing of the first is on the connection of the second"


@pytest.mark.parametrize("head", [b"HTTP/1.1 202 X\r\n\r\n", b"HTTP/1.1 202 X\r\ncontent-length: 99999999999\r\n\r\n"])
async def test_gigabytes_are_not_read(transport: SocketTransport, there: Peer, head: bytes) -> None:
    there.routes["/x"] = endless(b"z" * 65536, head)
    with pytest.raises(TooLarge) as caught:
        await get(transport, there)
    assert caught.value.answered == 202


async def test_gigabytes_in_chunks_are_not_read(transport: SocketTransport, there: Peer) -> None:
    head = b"HTTP/1.1 202 X\r\ntransfer-encoding: chunked\r\n\r\n"
    there.routes["/x"] = endless(b"400\r\n" + b"z" * 1024 + b"\r\n", head)
    with pytest.raises(TooLarge):
        await get(transport, there)


@pytest.mark.parametrize("more", [answer(b"forged"), b"nonsense\r\n\r\n"])
async def test_an_answer_that_nobody_asked_for_answers_nothing(
    transport: SocketTransport, there: Peer, more: bytes
) -> None:
    """A peer that sends two answers to one request must not answer the next one before it was sent."""
    there.routes["/x"] = [answer(b"first") + more, answer(b"second")]
    assert (await get(transport, there)).body == b"first"
    assert (await get(transport, there)).body == b"second"
    assert there.connections == 2


async def test_what_is_said_on_an_idle_connection_ends_it(transport: SocketTransport, there: Peer) -> None:
    async def late(writer: Writer) -> None:
        writer.write(answer(b"first"))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(answer(b"forged"))

    there.routes["/x"] = [late, answer(b"second")]
    assert (await get(transport, there)).body == b"first"
    await asyncio.sleep(0.2)
    assert (await get(transport, there)).body == b"second"
    assert there.connections == 2


async def test_who_waits_no_longer_leaves_no_half_answer_behind(transport: SocketTransport, there: Peer) -> None:
    ended = asyncio.Event()

    async def half(writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 X\r\ncontent-length: 1000000\r\n\r\nhalf")
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b".")
                await writer.drain()
                await asyncio.sleep(0.01)
        ended.set()

    there.routes["/x"] = [half, answer(b"whole")]
    asked = asyncio.create_task(get(transport, there, limit=2_000_000))
    while not there.asked:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    asked.cancel()
    await asyncio.wait((asked,))
    assert (await get(transport, there)).body == b"whole"
    await asyncio.wait_for(ended.wait(), 5)


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/a b", {}),
        ("/a\r\nx: y", {}),
        ("/", {"x": "a\r\ny: b"}),
        ("/", {"x": "a\ny: b"}),
        ("/", {"x\r\ny": "b"}),
        ("/", {"x": "a\0"}),
    ],
)
def test_nothing_ends_a_line_of_a_request_but_its_end(target: str, headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="where none may be"):
        request_bytes("GET", target, "far.example", headers, None)


@pytest.mark.parametrize(
    "url", ["http://a b/", "ftp://a/", "http://u@a/", "http://a:99999/", "http://a/x y", "http:///"]
)
async def test_what_is_no_url(transport: SocketTransport, url: str) -> None:
    with pytest.raises(Unreachable):
        await transport.send("GET", url, {}, None, timeout=5, limit=100)


async def test_no_more_than_sixteen_connections_to_one_origin(transport: SocketTransport, there: Peer) -> None:
    free = asyncio.Event()

    async def wait(writer: Writer) -> None:
        await free.wait()
        writer.write(answer(b""))

    there.routes["/x"] = wait
    asked = [asyncio.create_task(get(transport, there)) for _ in range(40)]
    while len(there.asked) < transport_module.MOST_AT_ORIGIN:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert there.connections == transport_module.MOST_AT_ORIGIN
    free.set()
    assert {(await one).status for one in asked} == {200}
    assert there.connections == transport_module.MOST_AT_ORIGIN


async def test_a_resolver_that_hangs_stops_nothing_that_is_known(
    transport: SocketTransport, there: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = transport_module._lookup
    asked: list[str] = []

    async def lookup(host: str, port: int, family: socket.AddressFamily) -> list[transport_module.Address]:
        asked.append(host)
        if len(asked) > 1:
            await asyncio.sleep(60)
        return await real("localhost", port, family)

    monkeypatch.setattr(transport_module, "_lookup", lookup)
    monkeypatch.setattr(transport_module, "KNOWN_SECONDS", 0.0)
    monkeypatch.setattr(transport_module, "_LATE", 0.05)
    there.routes["/x"] = [then_close(answer(b"one")), answer(b"two")]
    for body in (b"one", b"two"):
        found = await transport.send("GET", there.url("/x", "far.test"), {}, None, timeout=5, limit=100)
        assert found.body == body
        await asyncio.sleep(0.05)
    assert asked == ["far.test", "far.test"]


async def test_an_address_that_is_silent_is_passed_over(
    transport: SocketTransport, there: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lookup(_host: str, _port: int, _family: socket.AddressFamily) -> list[transport_module.Address]:
        return [(socket.AF_INET, "127.9.9.9"), (socket.AF_INET, "127.0.0.1")]

    real = transport.connect_to

    async def connect(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
        if address == "127.9.9.9":
            await asyncio.sleep(60)
        return await real(family, address, port)

    monkeypatch.setattr(transport_module, "_lookup", lookup)
    monkeypatch.setattr(transport, "connect_to", connect)
    there.routes["/x"] = answer(b"here")
    found = await transport.send("GET", there.url("/x", "far.test"), {}, None, timeout=5, limit=100)
    assert found.body == b"here"


@pytest.mark.parametrize("piece", [b"x" * 65536, b"1;" + b"x" * 65000 + b"\r\na\r\n"])
async def test_a_body_of_trailers_or_frames_without_an_end_is_given_up(
    transport: SocketTransport, there: Peer, piece: bytes
) -> None:
    """What a trailer has is held until its line ends, which it never does; what frames a body is no part of its limit."""
    begun = b"2\r\nhe\r\n" + (b"0\r\nx: " if piece[:1] == b"x" else b"")
    there.routes["/x"] = endless(piece, b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n" + begun)
    with pytest.raises(Unreachable, match="frames"):
        await get(transport, there)
