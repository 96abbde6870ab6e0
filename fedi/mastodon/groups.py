"""Groups under the names that group-aware clients try (mastodon/mastodon#19059, pl-fe)."""

from starlette.routing import Route

ROUTES: list[Route] = []
