"""Media: upload, look up, describe, delete (docs.joinmastodon.org/methods/media)."""

from starlette.routing import Route

ROUTES: list[Route] = []
