"""Announcements: what the admins tell everyone here; read, and reacted to."""

from starlette.routing import Route

ROUTES: list[Route] = []
