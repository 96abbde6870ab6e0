"""Web Push subscriptions (docs.joinmastodon.org/methods/push)."""

from starlette.routing import Route

ROUTES: list[Route] = []
