"""Instances that ask to follow this one, as Mobilizon's do: there that is what peering is, one direction each.

Such a request waits for an admin, who agrees alone (`fedi.actions.peers.agree_alone`) or refuses.
"""

from federation.peering.institution import SPEAKING
from fedi.actions import follows as follow_actions
from fedi.context import Site
from fedi.errors import NotFound
from storage import actors, audit, follows
from storage.actors import Actor
from storage.metadata import Tx

MOST = 100
_NOTED, _OF_ALL = (1 / 60, 3), (1, 60)
"""What the log, which is for good, keeps of requests of one host and of all: so many a minute, so many at once."""


def asked(tx: Tx, site: Site, by: Actor) -> None:
    """Note that the actor of an instance asked to follow ours. A person who does is turned down: nobody is peered with people."""
    if by.kind not in SPEAKING:
        instance = actors.by_iri(tx, site.instance_iri)
        follow = follows.find(tx, by.id, instance.id) if instance is not None else None
        if follow is not None:
            follow_actions.reject(tx, site, follow)
        return
    now = site.clock()
    if not (site.refusals.allow(f"asks {by.host}", *_NOTED, now) and site.refusals.allow("asks", *_OF_ALL, now)):
        return
    audit.add(tx, site.new_id(), site.clock(), by.iri, "peer.requested", by.host, {"software": "follow"})


def requests(tx: Tx, site: Site) -> list[Actor]:
    """The instance actors whose request to follow ours waits, newest first."""
    instance = actors.by_iri(tx, site.instance_iri)
    if instance is None:
        return []
    waiting = follows.followers(tx, instance.id, MOST, state="pending")
    found = actors.by_ids(tx, [one.follower_id for one in waiting])
    return [found[one.follower_id] for one in waiting if one.follower_id in found]


def answer_request(tx: Tx, site: Site, who: str, host: str, *, accept: bool, reason: str = "") -> None:
    """Accept or refuse the request of a host's instance actor; accepted, ours asks to follow theirs in turn.

    Raises NotFound when none waits.
    """
    instance = actors.by_iri(tx, site.instance_iri)
    theirs = next((one for one in requests(tx, site) if one.host == host), None)
    follow = follows.find(tx, theirs.id, instance.id) if theirs is not None and instance is not None else None
    if instance is None or theirs is None or follow is None:
        raise NotFound(f"No request of {host} waits.")
    if accept:
        follow_actions.accept(tx, site, follow)
        if follows.find(tx, instance.id, theirs.id) is None:
            follow_actions.follow(tx, site, instance, theirs)
    else:
        follow_actions.reject(tx, site, follow)
    body = {"accepted": accept, "reason": reason[:2_000]}
    audit.add(tx, site.new_id(), site.clock(), who, "peer.request-answered", host, body)
