"""Domain blocks of the caller (docs.joinmastodon.org/methods/domain_blocks)."""

from starlette.routing import Route

ROUTES: list[Route] = []
