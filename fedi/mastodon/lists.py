"""Lists and who is in them (docs.joinmastodon.org/methods/lists)."""

from starlette.routing import Route

ROUTES: list[Route] = []
