"""Scheduled statuses (docs.joinmastodon.org/methods/scheduled_statuses)."""

from starlette.routing import Route

ROUTES: list[Route] = []
