"""Blocks and mutes of accounts: set, lift, list (docs.joinmastodon.org/methods/blocks, /mutes)."""

from starlette.routing import Route

ROUTES: list[Route] = []
