"""Streaming: WebSocket and server-sent events (docs.joinmastodon.org/methods/streaming).

`streams` names what can be listened to, `sockets` and `sse` are the two ways to listen, `hub` knows who does. What happens
comes in `words`; `audience` says who is told, `payloads` what, `events` puts both together.
"""

from fedi.mastodon.streaming import sse
from fedi.mastodon.streaming.sockets import PATH

__all__ = ["PATH", "ROUTES"]

ROUTES = sse.ROUTES
