"""Domain blocks of persons: one person wants nothing of a whole server. What the instance blocks is policy."""

from federation.errors import FederationError
from federation.hosts import normal_host
from fedi.actions import follows as follow_actions
from fedi.context import Site
from fedi.errors import Invalid
from storage import actors, domain_blocks, follows, jobs, notifications
from storage.actors import Actor
from storage.domain_blocks import DomainBlock
from storage.metadata import Tx

BATCH = 100
"""Follows that end in one transaction; more are ended by the job `part`."""


def normalised(domain: str) -> str:
    """A domain as it is kept: lower case, the A-label of an international one, with its port where it has one.

    Raises Invalid, in Mastodon's words, for what is none.
    """
    text = domain.strip().rstrip("/").removeprefix("https://").removeprefix("http://")
    if not text:
        raise Invalid("Validation failed: Domain can't be blank")
    try:
        return normal_host(text)
    except FederationError as problem:
        raise Invalid("Validation failed: Domain is not a valid domain name") from problem


def block(tx: Tx, site: Site, person: Actor, domain: str) -> None:
    """A local person blocks a domain: follows from and to it end, and nothing of it is shown to them. Again is nothing.

    Raises Invalid for what is no domain, and for this instance's own.
    """
    host = normalised(domain)
    if host in (site.config.host, site.config.handle_domain):
        raise Invalid("Validation failed: Domain is this server's own")
    if not domain_blocks.insert(tx, DomainBlock(site.new_id(), person.id, host, site.clock())):
        return
    notifications.forget_host(tx, person.id, host)
    if part(tx, site, person, host):
        payload = {"person": person.iri, "domain": host}
        jobs.add(tx, site.new_id(), "part", f"{person.iri} {host}", payload, site.clock())


def part(tx: Tx, site: Site, person: Actor, host: str) -> bool:
    """End the next follows between a person and a host; whether there may be more. Nothing when it is blocked no longer."""
    if host not in domain_blocks.of_person(tx, person.id):
        return False
    ties = domain_blocks.ties(tx, person.id, host, BATCH)
    others = actors.by_ids(tx, [one for tie in ties for one in tie if one != person.id])
    for follower_id, target_id in ties:
        if follower_id == person.id:
            follow_actions.unfollow(tx, site, person, others[target_id])
        else:
            edge = follows.find(tx, follower_id, person.id)
            if edge is not None:
                follow_actions.reject(tx, site, edge)
    return len(ties) == BATCH


def unblock(tx: Tx, person: Actor, domain: str) -> None:
    """Block a domain no longer; nothing when it was not blocked. Raises Invalid for what is no domain."""
    domain_blocks.remove(tx, person.id, normalised(domain))
