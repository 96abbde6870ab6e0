"""Meet the actors that a text mentions before it is published, so that its mentions are links and reach them."""

import asyncio

from federation.errors import FederationError
from fedi.context import Site
from fedi.errors import NotFound
from fedi.fetching.actors import actor
from fedi.text.mentions import handles_in
from storage import actors
from storage.metadata import Tx

_HANDLES = 20
_SECONDS = 10.0
ASKING = (60, 60)
"""How often other servers are asked for what one person mentions: so many times a minute, so many at once."""


def strangers_in(text: str) -> list[str]:
    """The handles in a text that may be somebody's elsewhere, each once, as many as are asked for."""
    if "@" not in text:
        return []  # as of most texts, which need not be cut into words for it
    return [handle for handle in dict.fromkeys(handles_in(text)) if "@" in handle][:_HANDLES]


async def meet(site: Site, person_id: int, text: str) -> None:
    """Ask for the actors that a text of this person's mentions and we don't know, at once; one that can't be had stays text,
    and so do those of a person who mentions more strangers than anybody does."""

    async def one(handle: str) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                await actor(site, handle)
        except (FederationError, NotFound, TimeoutError):
            return

    handles = strangers_in(text)
    if not handles:
        return
    strangers = await site.db.read(lambda tx: [handle for handle in handles if not _is_known(tx, site, handle)])
    key, now = f"mentions {person_id}", site.clock()
    asked = [handle for handle in strangers if site.searches.allow(key, *ASKING, now)]
    await asyncio.gather(*(one(handle) for handle in asked))


def _is_known(tx: Tx, site: Site, handle: str) -> bool:
    """Whether a handle is one of ours, or of somebody elsewhere who is known here."""
    username, _, domain = handle.partition("@")
    ours = domain.lower() in (site.config.handle_domain, site.config.host)
    return ours or actors.by_name(tx, username, domain.lower()) is not None
