"""An instance in this process that can be broken in one thing at a time, as other servers have been."""

import json
import re
import threading
import time
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]

FAULTS = (
    "form-action on the authorise page",
    "COOP on the authorise page",
    "no CORS",
    "Link not exposed",
    "no Link",
    "subprotocol not echoed",
    "ids as numbers",
    "v1 notifications missing",
    "v2 notifications missing",
)


class Broken:
    """An ASGI app around the real one; `fault` is one of `FAULTS`, or None: it is as it should be."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.fault: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, with the fault."""
        fault, path = self.fault, str(scope.get("path", ""))
        if fault == "ids as numbers":  # which can't be seen in a body that is compressed
            scope = {**scope, "headers": [(n, v) for n, v in scope.get("headers", ()) if n != b"accept-encoding"]}
        if fault is None or scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif fault.endswith("notifications missing") and path.startswith(f"/api/{fault[:2]}/notifications"):
            await _missing(send)
        else:
            await self.app(scope, receive, _Sender(fault, path, send))


class _Sender:
    """`send` with the fault in what it sends. Where ids change, the body is held until it is whole."""

    def __init__(self, fault: str, path: str, send: Send) -> None:
        self.fault = fault
        self.path = path
        self.send = send
        self.start: Message | None = None
        self.body = b""

    async def __call__(self, message: Message) -> None:
        """Send one message of ASGI."""
        if message["type"] == "websocket.accept" and self.fault == "subprotocol not echoed":
            message = {**message, "subprotocol": None}
        if message["type"] == "http.response.start":
            message = {**message, "headers": self._headers(list(message["headers"]))}
        if self.fault != "ids as numbers" or not message["type"].startswith("http.response"):
            await self.send(message)
        elif message["type"] == "http.response.start":
            self.start = message
        else:
            self.body += message.get("body", b"")
            if not message.get("more_body"):
                await self._numbered()

    def _headers(self, headers: Headers) -> Headers:
        page = self.path.startswith(("/oauth/authorize", "/login"))
        if self.fault.startswith("form-action") and page:
            return [(n, v + b"; form-action 'self'" if n == b"content-security-policy" else v) for n, v in headers]
        if self.fault.startswith("COOP") and page:
            return [*headers, (b"cross-origin-opener-policy", b"same-origin")]
        gone = {"no CORS": b"access-control-", "Link not exposed": b"access-control-expose-headers", "no Link": b"link"}
        prefix = gone.get(self.fault)
        return [(n, v) for n, v in headers if prefix is None or not n.lower().startswith(prefix)]

    async def _numbered(self) -> None:
        assert self.start is not None
        changed = re.sub(rb'"id":"(\d+)"', rb'"id":\1', self.body)
        headers = [(n, v) for n, v in self.start["headers"] if n.lower() not in (b"content-length", b"etag")]
        await self.send({**self.start, "headers": [*headers, (b"content-length", str(len(changed)).encode())]})
        await self.send({"type": "http.response.body", "body": changed})


async def _missing(send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"access-control-allow-origin", b"*")]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"error": "Not found"}).encode()})


class Served:
    """An ASGI app on a port of loopback, in a thread."""

    def __init__(self, app: Any, port: int) -> None:
        self.server = uvicorn.Server(
            uvicorn.Config(app, "127.0.0.1", port, lifespan="on", log_config=None, timeout_graceful_shutdown=1)
        )
        self.thread = threading.Thread(target=self.server.run, daemon=True)

    def start(self) -> None:
        """Return when it listens."""
        self.thread.start()
        end = time.monotonic() + 30
        while not self.server.started:
            assert self.thread.is_alive(), "the server ended"
            assert time.monotonic() < end, "the server did not come up"
            time.sleep(0.02)

    def stop(self) -> None:
        """End it."""
        self.server.should_exit = True
        self.thread.join(30)
