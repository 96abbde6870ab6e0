"""Followers as the two servers of a follow know them (FEP-8fcf): what a peer says of ours, held against what we know."""

from collections.abc import Callable
from functools import cache

from federation.hosts import same_origin
from federation.synchronisation import Synchronisation, digest_of
from fedi.actions import follows as follow_actions
from fedi.actions import sending
from fedi.context import Site
from storage import actors, follows, jobs, outbox
from storage.actors import Actor
from storage.follows import Follow
from storage.metadata import Tx

OFTEN = (1.0, 3)
"""What one actor says of its followers is looked at so often a minute, so often at once."""
MOST = 200
"""Follows that are taken back at once, where a peer knows more than we do."""


def chances(site: Site) -> Callable[[str], bool]:
    """Whether what an actor (its IRI) says of its followers is looked at now: asked once for each, however often a unit of
    work that asks runs."""
    now = site.clock()
    return cache(lambda iri: site.synchronised.allow(f"from {iri}", *OFTEN, now))


def heard(tx: Tx, site: Site, actor_iri: str, told: Synchronisation, may: Callable[[str], bool]) -> bool:
    """A remote actor said, signed, who of us follows it: ask for the list (a job) where we know otherwise.

    What is not about its own followers, or would make us ask another host, is passed over (FEP-8fcf, «receiving end»).
    `may` is `chances` for this unit of work and all its runs. Whether a job was made comes back.
    """
    actor = actors.by_iri(tx, actor_iri)
    if actor is None or actor.local or actor.followers != told.collection or not same_origin(told.url, actor.iri):
        return False
    if not may(actor.iri):
        return False
    known = follows.at_host(tx, actor.id, site.config.host, 100_000)
    if digest_of(known) == told.digest:
        return False
    return jobs.add(tx, site.new_id(), "followers", actor.iri, {"actor": actor.iri, "url": told.url}, site.clock())


def reconcile(tx: Tx, site: Site, actor: Actor, before: list[Follow], listed: set[str]) -> tuple[int, int, int]:
    """Make our follows of a remote `actor` those that it lists: (dropped, accepted, taken back) are how many.

    `before` are the accepted follows that we knew before we asked, since those that began meanwhile can't be listed;
    `listed` the IRIs of our people whom the actor's server has as followers.
    """
    dropped = accepted = taken_back = 0
    followers = actors.by_ids(tx, [follow.follower_id for follow in before])
    for follow in before:
        follower = followers.get(follow.follower_id)
        now = follows.by_id(tx, follow.id)
        if follower is not None and now is not None and follower.local and follower.iri not in listed:
            follow_actions.rejected(tx, site, now)
            dropped += 1
    ours = [one for one in actors.by_iris(tx, sorted(listed)[:10_000]).values() if one.local]
    for follower in ours:
        known = follows.find(tx, follower.id, actor.id)
        if known is not None and known.state == "pending":
            follow_actions.settled(tx, site, known, follower, actor)  # its Accept was lost
            accepted += 1
        elif known is None and taken_back < MOST:
            _take_back(tx, site, follower, actor)
            taken_back += 1
    return dropped, accepted, taken_back


def _take_back(tx: Tx, site: Site, follower: Actor, actor: Actor) -> None:
    """Tell a server that somebody here does not follow its actor: the Follow that it knows, by actor and object."""
    iri = site.iri(f"/activities/{site.new_id()}")
    document = {"id": iri, "type": "Follow", "actor": follower.iri, "object": actor.iri}
    audience = outbox.Audience(actors=(actor.id,))
    sending.send(tx, site, follower, "Undo", document, to=[actor.iri], cc=[], audience=audience)
