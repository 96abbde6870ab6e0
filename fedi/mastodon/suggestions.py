"""Suggestions: whom one might follow (docs.joinmastodon.org/methods/suggestions)."""

from starlette.routing import Route

ROUTES: list[Route] = []
