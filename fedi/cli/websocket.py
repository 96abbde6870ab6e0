"""WebSockets under `fedi serve`: uvicorn's, which log nothing that could hold a token and let go of who is gone."""

import logging
from typing import Any

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


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
