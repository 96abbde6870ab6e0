"""The server under `fedi serve`: uvicorn's, with what streaming needs of it beyond its settings.

WebSockets and server-sent events end before anything else does, with the code for that; nothing that could hold a token is
logged; a connection whose other side takes nothing any more is cut off instead of waited for.
"""

import contextlib
import logging
import resource
import socket
from typing import Any

import uvicorn
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from fedi.app import Fedi
from fedi.mastodon.streaming.hub import hub_of

PING = 30.0
"""Seconds between pings, and for their answer (Mastodon's streaming server does the same)."""
MESSAGE = 64 << 10
"""Bytes of one message from a client that are read at all."""
_STALLED = 60_000
"""Milliseconds that sent data may wait for the other side to take it."""


class WebSocket(WebSocketsSansIOProtocol):
    """One WebSocket."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # uvicorn's own logs each handshake with its query, where megalodon puts the token.
        self.logger = self.conn.logger = logging.getLogger("fedi.sockets")

    async def send(self, message: ASGISendEvent) -> None:
        """Send what the application says; a refusal ends the handshake, which uvicorn's own would miss."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True

    def keepalive_timeout(self) -> None:
        """No answer to a ping: the connection is cut off, since who takes nothing would not take a goodbye either."""
        super().keepalive_timeout()
        self.transport.abort()


class Server(uvicorn.Server):
    """uvicorn, told what to serve."""

    def __init__(self, config: uvicorn.Config, app: Fedi) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what streams, which would else be waited for; then everything."""
        if hasattr(self._app.state, "site"):
            await hub_of(self._app).close()
        await super().shutdown(sockets=sockets)


def prepare(listening: socket.socket) -> None:
    """Allow this process as many connections as the system lets it, and let go of those that take nothing."""
    logging.getLogger("fedi.sockets").setLevel(logging.WARNING)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):  # some systems say «unlimited» and mean less
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; what is accepted has it from the listening socket
        with contextlib.suppress(OSError):
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _STALLED)
