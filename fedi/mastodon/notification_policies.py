"""Whose notifications wait in requests, and those requests."""

from starlette.routing import Route

ROUTES: list[Route] = []
