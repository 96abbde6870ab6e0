"""The server under `fedi serve`: uvicorn's, with what streaming needs of it beyond its settings.

WebSockets and server-sent events end before anything else does, with the code for that; nothing that could hold a token is
logged; a connection whose other side takes nothing any more is cut off instead of waited for.
"""

import asyncio
import contextlib
import logging
import resource
import socket
from typing import Any

import uvicorn.server
from uvicorn.config import Config

from fedi.app import Fedi
from fedi.cli import memory
from fedi.mastodon.streaming.hub import hub_of

PING = 30.0
"""Seconds between pings, and for their answer (Mastodon's streaming server does the same)."""
MESSAGE = 64 << 10
"""Bytes of one message from a client that are read at all."""
_GIVE_BACK = 150
"""Tenths of a second between two times that free memory is given back."""
_STALLED = 60_000
"""Milliseconds that sent data may wait for the other side to take it."""


def websocket(*args: Any, **kwargs: Any) -> asyncio.Protocol:
    """A WebSocket's protocol, as uvicorn calls its class. What it needs is imported with the first of them."""
    from fedi.cli.websocket import WebSocket

    return WebSocket(*args, **kwargs)


class Server(uvicorn.server.Server):
    """uvicorn, told what to serve."""

    def __init__(self, config: Config, app: Fedi) -> None:
        super().__init__(config)
        self._app = app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets=sockets)
        memory.settle()

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second."""
        if counter % _GIVE_BACK == 0:
            await asyncio.to_thread(memory.give_back)
        return await super().on_tick(counter)

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
