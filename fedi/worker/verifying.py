"""The job `verify`: ask the pages that a profile links to whether they link back with rel=me."""

import asyncio
import logging
from typing import Any

from federation import discovery
from federation.errors import FederationError
from federation.hosts import host_of
from fedi.actions import verifying
from fedi.context import Site
from fedi.text.backlinks import links_back
from storage import actors, peers
from storage.metadata import Tx

log = logging.getLogger(__name__)


async def verify(site: Site, payload: dict[str, Any]) -> None:
    """Look at the links of the actor `actor` (IRI) that are not verified, each page once.

    A page that can't be had now is asked again later, with the rest of the job; what was found is kept at once.
    """
    iri = str(payload["actor"])
    actor = await site.db.read(lambda tx: actors.by_iri(tx, iri))
    if actor is None or actor.state != "active":
        return
    if verifying.claims(actor) and await _runs_fedi(site, actor.host):
        await site.db.write(lambda tx: verifying.keep(tx, site, iri, {iri}))
    profile = verifying.addresses(site, actor)
    waits: FederationError | None = None
    for url in {link.url: None for link in verifying.unproven(actor)}:
        try:
            if not await site.db.read(lambda tx, url=url: _may_ask(tx, site, url)):  # type: ignore[misc]  # a lambda with a default
                continue
            html, found = await site.client.get_page(url)
        except FederationError as problem:
            log.info("%s is not verified for %s: %s", url, iri, problem.text)
            waits = problem if problem.retry else waits
            continue
        if _is_its_own(url, found) and await asyncio.to_thread(links_back, html, found, profile):
            await site.db.write(lambda tx, url=url: verifying.keep(tx, site, iri, {url}))  # type: ignore[misc]  # a lambda with a default
    if waits is not None:
        raise waits


def _is_its_own(url: str, found: str) -> bool:
    """Whether what an address led to is of the website that the reader sees: its host, or one above or below that (`www.`).
    Many sites send on to any address that they are given, and would else give their name away."""
    asked, answered = host_of(url), host_of(found)
    return asked == answered or asked.endswith(f".{answered}") or answered.endswith(f".{asked}")


async def _runs_fedi(site: Site, host: str) -> bool:
    """Whether a host says that it runs fedi; it is asked where that is not known yet (`fedi.outbox.fanout` does it too)."""
    known = await site.db.read(lambda tx: peers.by_host(tx, host))
    if known is None or known.stance == "blocked" or known.nodeinfo_at is not None:
        return known is not None and known.software == "fedi"
    try:
        found = await discovery.nodeinfo(site.client, host)
    except FederationError:
        return False
    await site.db.write(
        lambda tx: peers.change(tx, host, software=found.software, version=found.version, nodeinfo_at=site.clock())
    )
    return found.software == "fedi"


def _may_ask(tx: Tx, site: Site, url: str) -> bool:
    """A website is no peer, so that no agreement is needed; what the operator blocked is not asked, nor anyone where nothing
    goes out at all."""
    peer = peers.by_host(tx, host_of(url))
    return site.config.federation.mode != "closed" and (peer is None or peer.stance != "blocked")
