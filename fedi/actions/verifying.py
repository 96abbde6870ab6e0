"""Verified links: a field of a profile whose page links back with rel=me carries the time of that (Mastodon's green tick).

The job `verify` asks the pages; here is which fields it asks about, and how what it found is kept. A link to the actor's own
host is never verified so: whoever writes there could tick themselves. What stands for an affiliation is
`fedi.actions.affiliations`.
"""

from dataclasses import dataclass

from federation.errors import FederationError
from federation.hosts import host_of
from fedi.actions import affiliations
from fedi.actions.affiliations import lone_link
from fedi.context import Site
from storage import actors, jobs
from storage.actors import Actor
from storage.metadata import Tx

MOST = 8
"""Links of one profile that are asked for."""


@dataclass(frozen=True, slots=True)
class Link:
    """A field that may be verified: its place in the profile and its address."""

    index: int
    url: str


def unproven(actor: Actor) -> list[Link]:
    """The links of a profile that are not verified and may be, by pages elsewhere."""
    found: list[Link] = []
    for index, one in enumerate(actor.fields):
        if one.get("verified_at") is None and "affiliation" not in one:
            url = lone_link(str(one.get("value") or ""))
            if url is not None and url.startswith("https://") and _is_elsewhere(actor, url):
                found.append(Link(index, url))
    return found[:MOST]


def _is_elsewhere(actor: Actor, url: str) -> bool:
    try:
        return host_of(url) not in (actor.host, actor.domain)
    except FederationError:
        return False


def claims(actor: Actor) -> bool:
    """Whether a remote actor says what it is to its institution, which is believed once its host is known to run fedi."""
    if actor.local or not actor.fields or actor.fields[0].get("verified_at") is not None:
        return False
    return affiliations.believed(actor.iri, actor.fields, "fedi")


def ask(tx: Tx, site: Site, actor: Actor) -> None:
    """Let the links of a profile be looked at (job `verify`), where any may be verified."""
    if actor.state == "active" and (unproven(actor) or claims(actor)):
        jobs.add(tx, site.new_id(), "verify", actor.iri, {"actor": actor.iri}, site.clock())


def addresses(site: Site, actor: Actor) -> list[str]:
    """What a page may link to: the actor's id, its page, and of our own people the short form of it."""
    found = [actor.iri, actor.url]
    return [*found, site.iri(f"/@{actor.username}")] if actor.local else found


def keep(tx: Tx, site: Site, actor_iri: str, proven: set[str]) -> None:
    """Mark the fields with these addresses as verified now, as far as they are still in the profile; the actor's own IRI
    stands for what it says of itself (`claims`)."""
    actor = actors.by_iri(tx, actor_iri)
    if actor is None or not proven:
        return
    fields = [dict(one) for one in actor.fields]
    if actor.iri in proven and claims(actor):
        fields[0]["verified_at"] = site.clock()
    for link in unproven(actor):
        if link.url in proven:
            fields[link.index]["verified_at"] = site.clock()
    if fields != actor.fields:
        actors.change(tx, actor.id, fields=fields)
