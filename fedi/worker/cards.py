"""The job `card`: ask the page that a post links to what it says of itself, once for all posts with that link."""

import asyncio
import logging
import random
from collections.abc import Callable
from functools import cache
from typing import Any

from federation.errors import FederationError
from federation.hosts import host_of
from fedi.actions import cards as actions
from fedi.actions import publishing
from fedi.citing import identifiers
from fedi.context import Site
from fedi.fetching import works
from fedi.text.preview import Preview, provider, read_page
from fedi.worker.later import Later
from storage import actors, cards, peers, posts
from storage.cards import Card
from storage.metadata import Tx

log = logging.getLogger(__name__)

PER_MINUTE, BURST = 12, 6
"""Pages of one host."""


async def card(site: Site, payload: dict[str, Any]) -> None:
    """See to the card of the post `post` (id); a page that can't be had is a card that isn't shown."""
    post_id = int(payload["post"])
    now = site.clock()
    # Once, also where the unit runs again: or the page that it asks for would be counted as two.
    may = cache(lambda host: site.previews.allow(host, PER_MINUTE, BURST, now))
    url = await site.db.write(lambda tx: _claim(tx, site, post_id, may))
    if url is None:
        return
    work = identifiers.of_url(url)
    if work is not None:
        try:
            await works.learn(site, work)
        except FederationError as problem:
            raise Later(now + random.randint(10_000, 60_000), problem.text) from problem  # noqa: S311 - spread out, no secret
        await site.db.write(lambda tx: _show_work(tx, site, post_id, url))
        return
    try:
        html, found = await site.client.get_page(url)
        read = await asyncio.to_thread(read_page, html, found)
    except FederationError as problem:
        log.info("no card of %s: %s", url, problem.text)
        read = None
    await site.db.write(lambda tx: _keep(tx, site, post_id, url, read))


def _claim(tx: Tx, site: Site, post_id: int, may: Callable[[str], bool]) -> str | None:
    """The page to ask for a post; None when there is nothing to ask, or it is known. Raises Later."""
    now = site.clock()
    post = posts.by_id(tx, post_id)
    url = actions.page_of(site, post) if post is not None else None
    if url is None:
        return None
    known = cards.by_url(tx, url)
    if post is not None and actions.show_told(tx, site, post, url, known):
        return None  # what it names was told by somebody meanwhile
    if known is not None and known.state == "pending" and now - (known.fetched_at or 0) < actions.ASKING:
        raise Later(now + 15_000, f"{url} is being asked")
    if known is not None and known.state != "pending" and actions.is_fresh(known, now):
        if known.state == "ready":
            posts.change(tx, post_id, card_url=url)
        return None
    if identifiers.of_url(url) is not None:
        if not site.config.library.lookups or site.config.federation.mode == "closed":
            return None
        if not cards.claim(tx, url, known, now):
            raise Later(now + 15_000, f"{url} is being asked")
        return url
    host = _host(url)
    peer = peers.by_host(tx, host) if host is not None else None
    if host is None or site.config.federation.mode == "closed" or (peer is not None and peer.stance == "blocked"):
        return None
    if not may(host):
        raise Later(now + random.randint(10_000, 60_000), f"enough pages of {host} for now")  # noqa: S311
    if not cards.claim(tx, url, known, now):
        raise Later(now + 15_000, f"{url} is being asked")
    return url


def _show_work(tx: Tx, site: Site, post_id: int, url: str) -> None:
    """Show what a resolver told of a work; peers are told as well, so that nobody else has to ask (FEP-8967)."""
    post, card = posts.by_id(tx, post_id), cards.by_url(tx, url)
    if post is None or card is None or card.state != "ready" or actions.page_of(site, post) != url:
        return
    posts.change(tx, post_id, card_url=url)
    author = actors.by_id(tx, post.author_id)
    if post.local and author is not None and post.kind != "Page":
        group = actors.by_id(tx, post.group_id) if post.group_id is not None else None
        shown = posts.by_id(tx, post_id) or post
        publishing.tell(tx, site, "Update", shown, author, group, updated=site.clock())


def _host(url: str) -> str | None:
    try:
        return host_of(url)
    except FederationError:
        return None


def _keep(tx: Tx, site: Site, post_id: int, url: str, read: Preview | None) -> None:
    now = site.clock()
    if read is None:
        known = cards.by_url(tx, url)
        if known is None or known.state != "ready":  # an old card is better than none
            cards.save(tx, Card(url, "failed", "", "", {}, now))
            return
        read = Preview(known.title, known.description, known.more)
    name, address = provider(url)
    more = {"provider_name": name, **read.more, "provider_url": address}
    cards.save(tx, Card(url, "ready", read.title, read.description, more, now))
    post = posts.by_id(tx, post_id)
    if post is not None and actions.page_of(site, post) == url:
        posts.change(tx, post_id, card_url=url)
