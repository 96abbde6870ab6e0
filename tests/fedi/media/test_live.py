"""Uploads over real HTTP to a real `fedi serve`: broken off by the client, and by a power cut."""

import io
import json
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.servers import Server

pytestmark = pytest.mark.live


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "one", f"sqlite:///{tmp_path / 'one.db'}", "One")
    made.init()
    made.start()
    yield made
    made.stop()


def form(content: bytes) -> bytes:
    return (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.png"\r\nContent-Type: image/png\r\n\r\n'
        + content
        + b"\r\n--b--\r\n"
    )


def half(server: Server, token: str, body: bytes, length: int) -> socket.socket:
    """Send the beginning of an upload whose headers promise `length` bytes."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    head = (
        f"POST /api/v2/media HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {length}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    return connection


def until(wanted: Callable[[], bool]) -> None:
    end = time.monotonic() + 15
    while not wanted():
        assert time.monotonic() < end
        time.sleep(0.02)


def kept(server: Server) -> list[Path]:
    return [path for path in (server.folder / "data" / "media").rglob("*") if path.is_file()]


def test_an_upload_that_breaks_off_leaves_nothing(server: Server) -> None:
    token = server.person("ada")
    body = form(b"\x89PNG\r\n\x1a\n" + bytes(3 << 20))
    connection = half(server, token, body[: 2 << 20], len(body))
    until(lambda: any(path.stat().st_size > 1 << 20 for path in kept(server)))  # it is on disk as it comes
    connection.close()
    until(lambda: kept(server) == [])
    # One that says another length than it has, and ends early for the server.
    connection = half(server, token, body[: 1 << 20], 1 << 20)
    answer = connection.recv(4096)
    connection.close()
    assert b"400" in answer.split(b"\r\n")[0]
    until(lambda: kept(server) == [])


def test_a_power_cut_in_the_middle_loses_only_what_was_under_way(server: Server) -> None:
    token = server.person("ada")
    out = io.BytesIO()
    Image.linear_gradient("L").resize((800, 600)).convert("RGB").save(out, "PNG")
    request = urllib.request.Request(
        f"{server.url}/api/v2/media",
        form(out.getvalue()),
        {"authorization": f"Bearer {token}", "content-type": "multipart/form-data; boundary=b"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        done = json.load(answer)
    before = len(kept(server))
    body = form(b"\x89PNG\r\n\x1a\n" + bytes(3 << 20))
    connection = half(server, token, body[: 2 << 20], len(body))
    until(lambda: len(kept(server)) > before)
    server.kill()
    connection.close()
    server.start()
    with urllib.request.urlopen(done["url"], timeout=10) as answer:
        assert answer.status == 200
        assert answer.headers["content-type"] == "image/png"
    read = urllib.request.Request(
        f"{server.url}/api/v1/media/{done['id']}", headers={"authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(read, timeout=10) as answer:
        assert json.load(answer)["id"] == done["id"]
