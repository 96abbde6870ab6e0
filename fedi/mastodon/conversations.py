"""Conversations: direct messages, thread by thread (docs.joinmastodon.org/methods/conversations)."""

from starlette.routing import Route

ROUTES: list[Route] = []
