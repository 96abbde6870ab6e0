"""Clients that send their request byte by byte, never end it, or make it endless; that take nothing of an answer: others are
served meanwhile, memory stays bounded, and the log says who it was.

The process runs with shorter times and smaller bounds than in earnest, so that a test need not wait for minutes.
"""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.hostile import post
from tests.live.client import wait_until
from tests.servers import Server

pytestmark = pytest.mark.live

QUICK = """
from fedi.cli import connections
connections.HEAD_SECONDS = connections.BODY_SECONDS = connections.STALLED_SECONDS = 2.0
connections.UNFINISHED, connections.BODIES, connections.BODY_RATE = 100, 4 << 20, 100_000
"""
HALF = b"POST /inbox HTTP/1.1\r\nhost: x\r\ncontent-type: application/activity+json\r\ncontent-length: %d\r\n\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("slow") / "fedi"
    made = Server(folder, f"sqlite:///{folder}/fedi.db", "Slow", before=QUICK)
    made.init()
    made.start()
    yield made
    made.kill()


def opened(server: Server, begun: bytes = b"") -> socket.socket:
    """A connection on which so much of a request was sent."""
    one = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    one.sendall(begun)
    return one


def ended(one: socket.socket) -> bytes:
    """What came until the server ended the connection."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while piece := one.recv(65536):
            said += piece
    one.close()
    return said


def served(server: Server) -> None:
    """Somebody else gets an answer, within a few seconds on any machine."""
    begun = time.monotonic()
    assert post(server.url + "/inbox", b"{}", {"content-type": "application/activity+json"})[0] in (400, 401)
    assert time.monotonic() - begun < 5


def test_a_request_that_never_comes_is_not_waited_for(server: Server) -> None:
    """Nothing at all, half a line, half a head, half a body: each is told so and let go."""
    served(server)
    for begun in (b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: x\r\n", HALF % 1000 + b"{"):
        assert ended(opened(server, begun)).startswith(b"HTTP/1.1 408 "), begun
    served(server)
    assert "closed 1 connections of 127.0.0.1: no complete request head within 2 s" in server.log.read_text()


def test_a_request_byte_by_byte_is_not_waited_for(server: Server) -> None:
    """A byte now and then does not keep a connection: neither of the head nor of the body."""
    for begun in (b"GET / HTTP/1.1\r\nx: ", HALF % 1000):
        one = opened(server, begun)
        end = time.monotonic() + 15
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < end:
                one.sendall(b"y")
                time.sleep(0.2)
        assert time.monotonic() < end, begun
        one.close()


def test_a_later_request_on_a_kept_connection_has_its_time_as_well(server: Server) -> None:
    one = opened(server, b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
    said = b""
    while not said.endswith(b"OK"):
        said += one.recv(4096)
    one.sendall(b"GET /health HT")
    assert ended(one).startswith(b"HTTP/1.1 408 ")


def test_what_is_refused_early_need_not_be_sent_to_the_end(server: Server) -> None:
    """A body goes on after its refusal, a byte at a time, for ever: the connection ends all the same."""
    one = opened(server, HALF % 50_000_000)
    assert one.recv(4096).startswith(b"HTTP/1.1 413 ")
    end = time.monotonic() + 15
    with contextlib.suppress(ConnectionError):
        while time.monotonic() < end:
            one.sendall(b"y")
            time.sleep(0.2)
    assert time.monotonic() < end
    one.close()


def test_thousands_of_half_open_requests_do_not_stop_others(server: Server) -> None:
    """From the same address even: who sends a whole request at once gets its answer."""
    held = []
    try:
        for number in range(1000):
            held.append(opened(server, HALF % 100_000 + b"{" * 20_000 if number % 2 else b"GET / HTTP/1.1\r\nhost:"))
            if number % 100 == 0:
                served(server)
        served(server)
        assert server.memory < 250
    finally:
        for one in held:
            one.close()


def test_bodies_that_are_never_complete_have_a_bound_together(server: Server) -> None:
    held = []
    try:
        for _ in range(60):
            one = opened(server, HALF % 1_000_000)
            with contextlib.suppress(ConnectionError):
                one.sendall(b"x" * 900_000)
            held.append(one)
        served(server)
    finally:
        for one in held:
            one.close()
    wait_until(lambda: "of bodies under way" in server.log.read_text() or _minute(server))
    assert server.memory < 250


def test_a_head_without_end_takes_no_memory(server: Server) -> None:
    """A line, a header, headers, and trailers that go on for hundreds of megabytes."""
    before = server.memory
    chunked = b"POST /inbox HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n"
    for begun, more in (
        (b"GET /", b"x" * 65536),
        (b"GET / HTTP/1.1\r\nx: ", b"y" * 65536),
        (b"GET / HTTP/1.1\r\n", b"x: yyyyyyyyyyyyy\r\n" * 4000),
        (chunked, b"x: yyyyyyyyyyyyy\r\n" * 4000),
        (chunked + b"x: ", b"y" * 65536),
        # Behind a request that is being answered.
        (b"GET /api/v1/streaming/public HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\nx: ", b"y" * 65536),
    ):
        one = opened(server, begun)
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 50_000_000:
                one.sendall(more)
                sent += len(more)
        assert sent < 50_000_000, begun
        one.close()
        served(server)
    assert server.memory - before < 40


def test_requests_sent_ahead_of_their_answers_have_a_bound(server: Server) -> None:
    """Thousands on one connection, none of whose answers are read."""
    before = server.memory
    asking(opened(server))
    served(server)
    assert server.memory - before < 40


def test_who_takes_nothing_of_the_answers_is_let_go(tmp_path: Path) -> None:
    """Where as many requests as one likes may be sent ahead, so that nothing but the answers ends the connection."""
    before = f"{QUICK}connections.PIPELINED = 1 << 30"
    server = Server(tmp_path, f"sqlite:///{tmp_path}/fedi.db", "Stalled", before=before)
    server.init()
    server.start()
    try:
        asking(opened(server))
        served(server)
        assert server.memory < 250
        wait_until(lambda: "takes nothing of an answer for 2 s" in server.log.read_text())
    finally:
        server.kill()


def asking(one: socket.socket) -> None:
    """Send requests until the server ends the connection."""
    one.settimeout(1)
    end = time.monotonic() + 30
    with contextlib.suppress(ConnectionError):
        while time.monotonic() < end:
            with contextlib.suppress(TimeoutError):
                one.sendall(b"GET /api/v2/instance HTTP/1.1\r\nhost: x\r\n\r\n" * 500)
    assert time.monotonic() < end
    one.close()


def _minute(server: Server) -> bool:
    """Whether this address was written of in the log so lately that the next line waits: one a minute for each."""
    return "closed" in server.log.read_text()


def test_the_log_stays_short(server: Server) -> None:
    """Whoever does all of the above makes no page of traces for each connection."""
    text = server.log.read_text()
    assert "Traceback" not in text
    assert text.count("\n") < 60
