"""Admin: accounts, for moderators' tools (docs.joinmastodon.org/methods/admin/accounts)."""

from starlette.routing import Route

ROUTES: list[Route] = []
