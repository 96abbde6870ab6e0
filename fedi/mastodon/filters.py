"""Filters, version 2, and the old form of them, version 1 (docs.joinmastodon.org/methods/filters)."""

from starlette.routing import Route

ROUTES: list[Route] = []
