"""WebSockets and server-sent events in tests, without a network: an ASGI client that speaks as the server passes it on."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import msgspec

from fedi.app import Fedi
from fedi.mastodon.streaming.hub import Hub, hub_of

PATIENCE = 5.0
QUIET = 0.15
"""Seconds in which nothing comes where nothing should; what is told takes some milliseconds."""


@dataclass(slots=True)
class Socket:
    """One connection: what was said to the client, and what it says."""

    app: Fedi
    scope: dict[str, Any]
    task: "asyncio.Task[None] | None" = None
    status: int = 0
    subprotocol: str | None = None
    closed: tuple[int, str] | None = None
    takes: asyncio.Event = field(default_factory=asyncio.Event)
    _in: "asyncio.Queue[dict[str, Any]]" = field(default_factory=asyncio.Queue)
    _out: "asyncio.Queue[dict[str, Any]]" = field(default_factory=asyncio.Queue)

    async def open(self) -> "Socket":
        """The handshake; `status` 101, or what the server answered instead."""
        self.takes.set()
        self._in.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(self.app(self.scope, self._in.get, self._send))
        first = await self._next(PATIENCE)
        if first["type"] == "websocket.accept":
            self.status, self.subprotocol = 101, first.get("subprotocol")
        elif first["type"] == "websocket.http.response.start":
            self.status = first["status"]
        return self

    async def _send(self, message: Any) -> None:
        await self.takes.wait()
        if message["type"] == "websocket.close":
            self.closed = (message["code"], message["reason"])
            self._in.put_nowait({"type": "websocket.disconnect", "code": message["code"]})
        self._out.put_nowait(message)

    async def _next(self, seconds: float) -> dict[str, Any]:
        async with asyncio.timeout(seconds):
            return await self._out.get()

    def say(self, message: Any) -> None:
        """Send JSON, or text or bytes as they are."""
        if isinstance(message, bytes):
            self._in.put_nowait({"type": "websocket.receive", "bytes": message})
        else:
            text = message if isinstance(message, str) else msgspec.json.encode(message).decode()
            self._in.put_nowait({"type": "websocket.receive", "text": text})

    async def subscribe(self, stream: str, **more: str) -> None:
        """Ask for a stream and wait until the hub has it."""
        before = self._listening(stream)
        self.say({"type": "subscribe", "stream": stream, **more})
        async with asyncio.timeout(PATIENCE):
            while self._listening(stream) == before:  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    def _listening(self, stream: str) -> int:
        return sum(len(known) for known in hub_of(self.app)._streams[stream].values())

    async def heard(self) -> Any:
        """The next message; its payload decoded where it is JSON of its own."""
        message = await self._next(PATIENCE)
        assert message["type"] == "websocket.send", message
        said = msgspec.json.decode(message["text"])
        if "payload" in said:
            assert isinstance(said["payload"], str)
            said["payload"] = msgspec.json.decode(said["payload"])
        return said

    async def event(self) -> tuple[Any, str, Any]:
        """(stream, event, payload) of the next message."""
        said = await self.heard()
        return said["stream"], said["event"], said.get("payload")

    async def silence(self) -> bool:
        """Whether nothing comes."""
        with contextlib.suppress(TimeoutError):
            raise AssertionError(await self._next(QUIET))
        return True

    async def end(self) -> tuple[int, str]:
        """(code, reason) of the server's close."""
        async with asyncio.timeout(PATIENCE):
            while self.closed is None:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        return self.closed

    async def leave(self) -> None:
        """Go."""
        self._in.put_nowait({"type": "websocket.disconnect", "code": 1001})
        if self.task is not None:
            await self.task


def socket(
    app: Fedi, token: str | None = None, *, protocol: str | None = None, header: str | None = None, **query: str
) -> Socket:
    """A connection that is not open yet: `token` in the query, `protocol` as subprotocol, `header` in Authorization."""
    if token is not None:
        query = {**query, "access_token": token}
    headers = [(b"host", b"alpha.example")]
    if header is not None:
        headers.append((b"authorization", f"Bearer {header}".encode()))
    scope = {
        "type": "websocket", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "wss", "root_path": "",
        "path": "/api/v1/streaming", "raw_path": b"/api/v1/streaming", "query_string": urlencode(query).encode(),
        "headers": headers, "subprotocols": [protocol] if protocol is not None else [], "client": ("192.0.2.1", 1),
        "server": ("alpha.example", 443), "extensions": {"websocket.http.response": {}},
    }  # fmt: skip
    return Socket(app, scope)


def hub(app: Fedi) -> Hub:
    """The hub of this application."""
    return hub_of(app)
