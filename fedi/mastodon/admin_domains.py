"""Admin: which servers are allowed, limited and blocked, for moderators' tools."""

from starlette.routing import Route

ROUTES: list[Route] = []
