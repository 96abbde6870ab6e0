"""A notification that was kept is pushed, though the server is killed between the two."""

import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from tests.conftest import Databases
from tests.fedi.push.browser import Browser
from tests.live.client import Person
from tests.servers import Server, free_port

pytestmark = pytest.mark.live


@pytest.fixture
def server(databases: Databases, tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "alpha", databases.bare("sqlite"), "Alpha")
    yield made
    made.kill()


@pytest.fixture
def got() -> Iterator[tuple[str, "queue.Queue[bytes]"]]:
    """(where a push service on loopback is, the bodies that it got)."""
    bodies: queue.Queue[bytes] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.put(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(201)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the test says what went wrong."""

    port = free_port()
    listening = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{port}/send/x", bodies
    listening.shutdown()
    listening.server_close()
    thread.join(10)


def test_a_push_survives_the_server_being_killed(server: Server, got: tuple[str, "queue.Queue[bytes]"]) -> None:
    endpoint, bodies = got
    server.init()
    ada, ben = (Person(server, name, server.person(name)) for name in ("ada", "ben"))
    server.start("--no-worker")  # so that it is certain that nothing is pushed before
    browser = Browser.new()
    form = {
        "subscription[endpoint]": endpoint,
        "subscription[standard]": "true",
        "subscription[keys][p256dh]": browser.p256dh,
        "subscription[keys][auth]": browser.auth_text,
        "data[alerts][mention]": "true",
    }
    key = ada.ask("POST", "/api/v1/push/subscription", **form)["server_key"]
    ben.ask("POST", "/api/v1/statuses", status="@ada are you there?")
    server.kill()
    assert bodies.empty()
    server.start()
    message = msgspec.json.decode(browser.read(bodies.get(timeout=30)))
    assert (message["title"], message["body"]) == ("ben mentioned you", "@ada are you there?")
    assert message["access_token"] == ada.token
    assert ada.ask("GET", f"/api/v1/notifications/{message['notification_id']}")["type"] == "mention"
    assert ada.ask("GET", "/api/v1/push/subscription")["server_key"] == key, "the pair outlives the process"
