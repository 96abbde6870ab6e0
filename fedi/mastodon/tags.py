"""Hashtags: followed, featured on a profile, looked up (docs.joinmastodon.org/methods/tags, /featured_tags)."""

from starlette.routing import Route

ROUTES: list[Route] = []
