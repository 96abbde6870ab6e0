"""Trends: hashtags, statuses and links of the day (docs.joinmastodon.org/methods/trends)."""

from starlette.routing import Route

ROUTES: list[Route] = []
