"""Streaming: WebSocket and server-sent events (docs.joinmastodon.org/methods/streaming)."""

from starlette.routing import Route

ROUTES: list[Route] = []
