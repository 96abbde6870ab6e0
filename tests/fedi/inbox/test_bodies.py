"""Bodies as they come: in pieces, slowly, without end, too large, of another kind; and what is no POST to an inbox."""

import asyncio
from typing import Any

import msgspec
import pytest

from federation.signatures.sign import sign_post
from fedi.inbox import door
from fedi.inbox.room import Room
from storage import received
from tests.world import Instance, Peer, call

pytestmark = pytest.mark.anyio

URL = "https://alpha.example/inbox"
AS = "application/activity+json"


async def pieces(alpha: Instance, headers: dict[str, str], parts: list[bytes], ends: bool) -> tuple[int, bytes]:
    """POST a body in these parts; without `ends` the last is never said to be the last. (status, body)."""
    got: list[Any] = []

    async def receive() -> Any:
        if not parts:
            await asyncio.sleep(30)
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts) or not ends}

    async def send(message: Any) -> None:
        got.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/inbox",
        "raw_path": b"/inbox",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("192.0.2.9", 1),
    }
    await alpha.app(scope, receive, send)
    return got[0]["status"], got[1]["body"]


async def test_a_body_in_pieces_is_read_whole(alpha: Instance, peer: Peer) -> None:
    bob = peer.actor("bob")
    body = msgspec.json.encode(peer.activity("Like", bob, "https://alpha.example/posts/1"))
    headers = {
        "content-type": AS,
        **{k.lower(): v for k, v in sign_post(peer.keys[bob], URL, body, alpha.site.clock()).items()},
    }
    assert (await pieces(alpha, headers, [body[:10], b"", body[10:50], body[50:]], ends=True))[0] == 202
    assert alpha.read(lambda tx: received.newest(tx, 1))[0].body == body
    assert alpha.app.inbox._unproven._held == 0


async def test_a_body_that_never_ends_is_given_up(alpha: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "SLOWEST", 0.02)
    status, body = await pieces(alpha, {"content-type": AS, "host": "alpha.example"}, [b"{"], ends=False)
    assert (status, msgspec.json.decode(body)["status"]) == (408, 408)
    assert alpha.app.inbox._unproven._held == 0


async def test_bodies_that_are_still_coming_have_a_bound(alpha: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha.app.inbox._unproven = Room(10_000)
    headers = {"content-type": AS, "host": "alpha.example"}
    held = [asyncio.create_task(pieces(alpha, headers, [b"x" * 2000], ends=False)) for _ in range(5)]
    await asyncio.sleep(0.02)
    refused = [task.result()[0] for task in held if task.done()]
    assert refused
    assert set(refused) == {503}
    for task in held:
        task.cancel()
    await asyncio.gather(*held, return_exceptions=True)
    assert alpha.app.inbox._unproven._held == 0


async def test_a_megabyte_in_pieces_is_too_much(alpha: Instance) -> None:
    parts = [b"x" * 100_000] * 20
    assert (await pieces(alpha, {"content-type": AS, "host": "alpha.example"}, parts, ends=True))[0] == 413
    assert len(parts) == 9  # the rest was not read


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": AS, "content-length": "1048577"}, 413),
        ({"content-type": "text/html", "content-length": "5"}, 415),
        ({"content-length": "5"}, 415),
    ],
)
async def test_cheap_refusals_come_before_the_body(alpha: Instance, headers: dict[str, str], status: int) -> None:
    assert (await pieces(alpha, {"host": "alpha.example", **headers}, [], ends=False))[0] == status


async def test_other_methods_and_addresses_are_not_the_inbox(alpha: Instance) -> None:
    assert (await call(alpha.app, "GET", URL, {})).status == 405
    assert (await call(alpha.app, "PUT", URL, {"content-type": AS}, b"{}")).status == 405
    for path in ("/inbox/", "/people/ada/x/inbox", "/people//inbox", "/x/inbox"):
        answer = await call(alpha.app, "POST", "https://alpha.example" + path, {"content-type": AS}, b"no json")
        assert answer.status in (404, 405, 307), path
    for path in ("/inbox", "/actor/inbox", "/people/ada/inbox", "/groups/g/inbox"):
        answer = await call(alpha.app, "POST", "https://alpha.example" + path, {"content-type": AS}, b"no json")
        assert answer.status == 400, path
