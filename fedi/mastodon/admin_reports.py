"""Admin: reports, for moderators' tools (docs.joinmastodon.org/methods/admin/reports)."""

from starlette.routing import Route

ROUTES: list[Route] = []
