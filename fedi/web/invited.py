"""An invitation into a group that came as a message: the group it is about, with the button to join, at one's own university.

Any server can send such a message: it is a private post with the address of a group of fedi in it. A group that is not known here is
asked for at its server, as for what is searched for, and only for a moment.
"""

import asyncio
import contextlib
import re
from dataclasses import dataclass
from html import unescape

from federation.errors import FederationError
from fedi import searching
from fedi.context import Site
from fedi.web.paths import actor_path
from storage import actors, follows
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post

_ADDRESS = re.compile(r'href="(https?://[^"<>\s]{3,250}/groups/[A-Za-z0-9_]{1,60})"')
_MOST = 2
_PATIENCE = 4.0
"""Seconds that the page waits for another server."""


@dataclass(frozen=True, slots=True)
class Invited:
    """A group that a message is about: `state` of one's follow of it, None for none."""

    group: Actor
    path: str
    state: str | None


async def into(site: Site, me: Actor, post: Post) -> list[Invited]:
    """The groups that a private post of somebody else is about, two at most."""
    if post.visibility != "direct" or post.author_id == me.id:
        return []
    found = [unescape(one) for one in _ADDRESS.findall(post.content[:20_000])]
    addresses = list(dict.fromkeys(found))[:_MOST]
    if not addresses:
        return []
    known = await site.db.read(lambda tx: actors.by_iris(tx, addresses))
    for address in addresses:
        if address not in known and not site.is_local(address):
            with contextlib.suppress(FederationError, TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    resolved = await searching.resolve(site, me.id, address)
                if isinstance(resolved, Actor):
                    known[address] = resolved
    groups = [one for one in known.values() if one.is_group and one.state == "active"]

    def states(tx: Tx) -> list[Invited]:
        edges, _back = follows.between(tx, me.id, [one.id for one in groups])
        return [Invited(one, actor_path(one), edges[one.id].state if one.id in edges else None) for one in groups]

    return await site.db.read(states) if groups else []
