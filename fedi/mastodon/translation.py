"""Translation of statuses, where an engine is configured."""

from starlette.routing import Route

ROUTES: list[Route] = []
