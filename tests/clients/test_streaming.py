"""Streaming as clients use it, over real sockets: the `websockets` library, Mastodon.py, several processes, the end."""

import asyncio
import json
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from mastodon import Mastodon, StreamListener
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.clients.conftest import University, build
from tests.servers import Server

pytestmark = pytest.mark.live


def address(server: Server, **query: str) -> str:
    """Where the WebSocket is, as the instance says."""
    with urllib.request.urlopen(server.url + "/api/v2/instance") as answer:
        told = json.load(answer)["configuration"]["urls"]["streaming"]
    assert told == server.url.replace("http", "ws")
    return f"{told}/api/v1/streaming" + (f"?{urlencode(query)}" if query else "")


def ask(server: Server, token: str, path: str, **form: str) -> Any:
    """POST a form."""
    request = urllib.request.Request(server.url + path, urlencode(form).encode(), {"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


async def event(socket: ClientConnection) -> tuple[Any, str, Any]:
    """(stream, event, payload) of the next message."""
    said = json.loads(await asyncio.wait_for(socket.recv(), 60))
    return said["stream"], said["event"], json.loads(said["payload"])


async def test_a_browsers_handshake_and_what_is_told(university: University) -> None:
    server, token = university.server, university.tokens["ben"]
    with pytest.raises(InvalidStatus) as refused:
        await connect(address(server))
    assert refused.value.response.status_code == 401
    async with connect(address(server), subprotocols=[token]) as socket:  # type: ignore[list-item]
        assert socket.subprotocol == token
        assert socket.response is not None
        assert "Sec-WebSocket-Extensions" not in socket.response.headers
        await socket.send(json.dumps({"type": "subscribe", "stream": "nothing"}))
        assert json.loads(await socket.recv()) == {"error": "Unknown stream type", "status": 400}
        await socket.send(json.dumps({"type": "subscribe", "stream": "user"}))
        await socket.send(json.dumps({"type": "subscribe", "stream": "nothing"}))
        await socket.recv()  # so the one before is subscribed to
        posted = await asyncio.to_thread(ask, server, token, "/api/v1/statuses", status="told")
        stream, name, status = await event(socket)
        assert (stream, name, status["id"]) == (["user"], "update", posted["id"])
        await (await socket.ping())  # it answers ours as well
    async with connect(address(server, stream="user", access_token=token) + "&x=1") as socket:
        posted = await asyncio.to_thread(ask, server, token, "/api/v1/statuses", status="told at once")
        assert (await event(socket))[2]["id"] == posted["id"]
    assert token not in server.log.read_text(), "a token is in the log"


class Heard(StreamListener):
    """What Mastodon.py's listener was called with."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.beats = 0

    def on_update(self, status: Any) -> None:
        self.told.append(("update", status))

    def on_delete(self, status_id: Any) -> None:
        self.told.append(("delete", status_id))

    def on_status_update(self, status: Any) -> None:
        self.told.append(("status.update", status))

    def on_notification(self, notification: Any) -> None:
        self.told.append(("notification", notification))

    def on_filters_changed(self) -> None:
        self.told.append(("filters_changed", None))

    def handle_heartbeat(self) -> None:
        self.beats += 1

    def wait(self, count: int) -> list[str]:
        end = time.monotonic() + 60
        while len(self.told) < count and time.monotonic() < end:
            time.sleep(0.02)
        return [name for name, _ in self.told]


def test_mastodonpy_streams_its_user(university: University) -> None:
    ada, ben = (Mastodon(access_token=university.tokens[name], api_base_url=university.url) for name in ("ada", "ben"))
    ben.account_follow(ada.me().id)
    assert ben.stream_healthy()
    heard = Heard()
    handle = ben.stream_user(heard, run_async=True)
    end = time.monotonic() + 60
    while not heard.beats and time.monotonic() < end:  # `:)`
        time.sleep(0.02)
    posted = ada.status_post("@mlops @ben streamed #tea")
    heard.wait(2)
    ada.status_update(posted.id, "@mlops @ben streamed anew #tea")
    heard.wait(3)
    ben.create_filter_v2("Tea", ["home"], "warn")
    heard.wait(4)
    ada.status_delete(posted.id)
    names = heard.wait(5)
    handle.close()
    assert sorted(names[:2]) == ["notification", "update"]
    assert names[2:5] == ["status.update", "filters_changed", "delete"]
    update = dict(heard.told)["update"]
    assert (update.id, update.account.acct, update.favourited) == (posted.id, "ada", False)
    assert dict(heard.told)["notification"].type == "mention"
    assert str(dict(heard.told)["delete"]) == str(posted.id)


async def test_several_processes_tell_each_other_and_end_together(tmp_path: Path) -> None:
    """Two processes answer and one works, and a command is a fourth: whoever writes, everybody's streams are told."""
    server = Server(tmp_path / "north", f"sqlite:///{tmp_path}/fedi.db", "North")
    tokens = (await asyncio.to_thread(build, tmp_path, server)).tokens
    await asyncio.to_thread(server.start, "--workers", "2")
    try:
        ada = [await connect(address(server, stream="user", access_token=tokens["ada"])) for _ in range(8)]
        ben = [await connect(address(server, stream="user", access_token=tokens["ben"])) for _ in range(8)]
        for number in range(3):
            posted = await asyncio.to_thread(ask, server, tokens["ada"], "/api/v1/statuses", status=f"post {number}")
            told = await asyncio.gather(*(event(socket) for socket in ada))
            assert {status["id"] for _, _, status in told} == {posted["id"]}
        await asyncio.to_thread(server.fedi, "person", "suspend", "ben")
        assert {await _close_of(socket) for socket in ben} == {1008}

        request = urllib.request.Request(
            server.url + "/api/v1/streaming/user", headers={"Authorization": f"Bearer {tokens['ada']}"}
        )
        events = await asyncio.to_thread(urllib.request.urlopen, request, timeout=60)
        assert events.readline() == b":)\n"
        closes = [asyncio.create_task(_close_of(socket)) for socket in ada]
        begun = time.monotonic()
    finally:
        await asyncio.to_thread(server.stop)
    assert time.monotonic() - begun < 15, "open connections are waited for"
    assert {await one for one in closes} == {1001}
    assert events.read().replace(b":thump\n\n", b"") == b"\n", "the answer ends whole"
    events.close()
    assert "Traceback" not in server.log.read_text()


async def _close_of(socket: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        await asyncio.wait_for(socket.recv(), 60)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code
