"""Meet the actors that a text mentions before it is published, so that its mentions are links and reach them."""

import asyncio

from federation.errors import FederationError
from fedi.context import Site
from fedi.errors import NotFound
from fedi.fetching.actors import actor
from fedi.text.mentions import handles_in

_HANDLES = 20
_SECONDS = 10.0


async def meet(site: Site, text: str) -> None:
    """Ask for the actors that a text mentions and we don't know, at once; one that can't be had stays text."""

    async def one(handle: str) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                await actor(site, handle)
        except (FederationError, NotFound, TimeoutError):
            return

    handles = [handle for handle in dict.fromkeys(handles_in(text)) if "@" in handle]
    await asyncio.gather(*(one(handle) for handle in handles[:_HANDLES]))
