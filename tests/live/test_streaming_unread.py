"""Clients that listen to a stream and read nothing of it: what waits for them has a bound in memory, all together; they are let go,
and who reads gets everything meanwhile."""

import contextlib
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.attacks.hostile import Hostile, Target, followed
from tests.live.client import wait_until
from tests.live.traffic import running
from tests.servers import Server

pytestmark = pytest.mark.live

HELD = 4 << 20
BEFORE = f"""
from fedi.mastodon.streaming import hub
hub.HELD = {HELD}
"""
LONG = "<p>" + "long " * 30_000 + "</p>"
UPDATE = b"event: update\n"
POSTS = 120
"""Of 150 KB each."""


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("unread") / "fedi"
    with running(Server(folder, f"sqlite:///{folder}/fedi.db", "Unread", before=BEFORE)) as made:
        yield made


def listening(server: Server, token: str, *, upgrade: bool) -> socket.socket:
    """A client on the stream of ada's home, with a small window; its handshake is over."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.settimeout(30)
    one.connect(("127.0.0.1", server.port))
    path = "/api/v1/streaming?stream=user" if upgrade else "/api/v1/streaming/user"
    lines = [f"GET {path} HTTP/1.1", "host: x", f"authorization: Bearer {token}"]
    if upgrade:
        lines += ["connection: Upgrade", "upgrade: websocket", "sec-websocket-version: 13"]
        lines += ["sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="]
    one.sendall("\r\n".join([*lines, "", ""]).encode())
    wanted = b" 101 " if upgrade else b":)\n\n"
    said = b""
    while wanted not in said:
        piece = one.recv(4096)
        assert piece, said
        said += piece
    return one


def heard(one: socket.socket, posts: int) -> int:
    """How many new posts a client was told of, until there were so many or the stream ended."""
    count, last = 0, b""
    with contextlib.suppress(ConnectionResetError):
        while count < posts and not last.endswith(b"\r\n0\r\n\r\n"):
            piece = one.recv(1 << 20)
            if not piece:
                break
            count += (last + piece).count(UPDATE)
            last = (last + piece)[1 - len(UPDATE) :]
    return count


@pytest.mark.parametrize("upgrade", [True, False], ids=["websocket", "events"])
def test_who_reads_nothing_of_a_stream_takes_little_memory(target: Target, hostile: Hostile, upgrade: bool) -> None:
    author = hostile.actor("long", f"lou{int(upgrade)}")
    followed(target, hostile, author)
    reading = listening(target.server, target.token, upgrade=False)
    unread = [listening(target.server, target.token, upgrade=upgrade) for _ in range(30)]
    before = target.server.memory
    try:
        with ThreadPoolExecutor(1) as pool:
            told = pool.submit(heard, reading, POSTS)
            for number in range(POSTS):
                note = hostile.note(author, f"/notes/{int(upgrade)}-{number}", content=LONG)
                assert hostile.send(target.server, hostile.activity("Create", author, note)) == (202, "")
            assert told.result(60) == POSTS
        assert target.server.memory - before < 45
        # They are let go: what had gone out to them can be read, and then it is over.
        end = time.monotonic() + 30
        for one in unread:
            assert heard(one, 10 * POSTS) < POSTS
        assert time.monotonic() < end
        wait_until(lambda: "read too slowly" in target.server.log.read_text(), 5)
    finally:
        for one in (reading, *unread):
            one.close()
