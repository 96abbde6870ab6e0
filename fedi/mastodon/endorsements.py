"""Endorsements: accounts that a person features on their profile."""

from starlette.routing import Route

ROUTES: list[Route] = []
