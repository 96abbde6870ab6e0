"""Looking an institution up before an admin deals with it: who speaks for the host, with which key, and what it runs.

Also hosts that nothing is agreed with are asked, whatever the mode is, as that is how one begins; only blocked ones are not.
"""

import contextlib
from functools import partial
from typing import Any

from federation import discovery
from federation.errors import AddressForbidden, FederationError, Gone, Malformed, Refused
from federation.hosts import host_of, normal_host, same_origin
from federation.peering.institution import SPEAKING, Found, describe
from federation.vocabulary.actor import read_actor
from fedi.context import Site
from fedi.errors import Invalid
from fedi.facts import AGREEMENT
from fedi.fetching.actors import keep_actor
from fedi.fetching.asking import instance_key, once
from storage import peers
from storage.metadata import Tx


def host_named(url_or_host: str) -> str:
    """The host that somebody means by its address or name. Raises Malformed or UnsupportedHost."""
    text = url_or_host.strip()
    return host_of(text) if "://" in text else normal_host(text.partition("/")[0])


async def look_up(site: Site, url_or_host: str) -> Found:
    """Who speaks for a host, by its NodeInfo (FEP-2677), else by the actor that is called as the host, else by what is at its
    root. What is found is kept: its actor with its keys, and what it runs.

    Raises Invalid for ourselves, Refused for a blocked host, and the errors of `federation.errors` when it can't be asked.
    """
    host = host_named(url_or_host)
    if host == site.config.host:
        raise Invalid("This is the host of this instance itself.", code="ourselves")
    peer = await site.db.read(lambda tx: peers.by_host(tx, host))
    if peer is not None and peer.stance == "blocked":
        raise Refused(f"{host} is blocked here; unblock it first", answered=403)
    return await once(site, f"institution {host}", lambda: _look_up(site, host), host)


async def _look_up(site: Site, host: str) -> Found:
    software = version = None
    problem: FederationError | None = None
    try:
        said = await discovery.nodeinfo(site.client, host)
        software, version = said.software, said.version
    except FederationError as why:
        problem = why
    document = await _speaker(site, host)
    if document is None and problem is not None and (problem.retry or isinstance(problem, AddressForbidden)):
        raise problem
    if document is not None:
        await keep_actor(site, document, AGREEMENT)
    found = describe(host, document, software, version)
    await site.db.write(partial(_keep, site=site, found=found))
    return found


async def _speaker(site: Site, host: str) -> dict[str, Any] | None:
    """The document of the actor that speaks for a host; None where there is none."""
    for iri in [one async for one in _candidates(site, host)]:
        with contextlib.suppress(FederationError):
            if host_of(iri) != host:
                continue
            document = (await site.client.get_document(iri, await instance_key(site))).document
            read = read_actor(document)
            if read.kind in SPEAKING and same_origin(read.id, iri):
                return document
    return None


async def _candidates(site: Site, host: str) -> Any:
    with contextlib.suppress(FederationError):
        named = await discovery.instance_actor(site.client, host)
        if named is not None:
            yield named
            return
    with contextlib.suppress(FederationError):  # Mastodon's is called as its host is
        yield (await discovery.webfinger(site.client, f"{host}@{host}")).actor_iri
    # Lemmy's is the root of the site; of the scheme of its host, which is https but for private networks.
    scheme = "http" if site.client.networks.private and ":" in host else "https"
    yield f"{scheme}://{host}/"


def _keep(tx: Tx, *, site: Site, found: Found) -> None:
    now = site.clock()
    peers.meet(tx, found.host, now)
    peer = peers.by_host(tx, found.host)
    values: dict[str, Any] = {"nodeinfo_at": now}
    if found.software is not None:
        values |= {"software": found.software, "version": found.version}
    if found.instance_actor is not None and (peer is None or peer.instance_actor is None):
        # Who was once known to speak for a host goes on doing so until an admin says otherwise (`fedi.actions.peers`).
        values["instance_actor"] = found.instance_actor
    peers.change(tx, found.host, **values)


async def institution(site: Site, payload: dict[str, Any]) -> None:
    """The job `institution`: find out who speaks for the `host` that offered an agreement, before an admin signs it."""
    with contextlib.suppress(Malformed, Gone):
        await look_up(site, str(payload["host"]))
