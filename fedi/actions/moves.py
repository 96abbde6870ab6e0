"""Moving: an actor says that it is another one from now on, and its followers go along (FEP-7628).

Both must say so: the old one by `Move`, the new one by naming the old in `alsoKnownAs`. Posts stay where they are.
"""

from dataclasses import replace

from fedi.actions import blocks as block_actions
from fedi.actions import follows as follow_actions
from fedi.actions import memberships as membership_actions
from fedi.actions import profiles, sending
from fedi.context import Site
from fedi.errors import Invalid, Problem
from storage import account_notes, actors, blocks, follows, jobs, mutes, outbox
from storage.actors import Actor
from storage.metadata import Tx

COOL_DOWN = 7 * 24 * 3600_000
"""An actor moves once in so many ms (Mastodon: a week), or it would send its followers to and fro."""
ALIASES = 10
BATCH = 100
"""Followers that go along in one transaction."""


def alias(tx: Tx, site: Site, actor: Actor, other: Actor) -> Actor:
    """A local actor says that it is `other` as well, so that `other` can move to it. Raises Invalid for too many."""
    if other.id == actor.id:
        raise Invalid("An account is itself already; name the other one.", code="alias")
    if other.iri in actor.also_known_as:
        return actor
    if len(actor.also_known_as) >= ALIASES:
        raise Invalid(f"An account has at most {ALIASES} others; take one away first.", code="alias")
    return _known_as(tx, site, actor, [*actor.also_known_as, other.iri])


def unalias(tx: Tx, site: Site, actor: Actor, iri: str) -> Actor:
    """Take back that a local actor is also the one with this IRI; nothing when it did not say so."""
    if iri not in actor.also_known_as:
        return actor
    return _known_as(tx, site, actor, [one for one in actor.also_known_as if one != iri])


def _known_as(tx: Tx, site: Site, actor: Actor, iris: list[str]) -> Actor:
    actors.change(tx, actor.id, also_known_as=iris)
    changed = replace(actor, also_known_as=iris)
    profiles.announce_profile(tx, site, changed)
    return changed


def check(actor: Actor, target: Actor, now: int) -> None:
    """Raises Invalid, saying why, unless `actor` may move to `target` as both are known now (ms)."""
    if target.id == actor.id:
        raise Invalid("An account can't move to itself.", code="move")
    if target.state != "active":
        raise Invalid("The account to move to is suspended or gone.", code="move")
    if target.is_group != actor.is_group:
        raise Invalid("A person moves to a person, and a group to a group.", code="move")
    if target.moved_to is not None:
        raise Invalid("The account to move to has moved on itself.", code="move")
    if actor.iri not in target.also_known_as:
        raise Invalid(
            f"{target.handle} does not say that it is {actor.handle} as well; set that there first.", code="alias"
        )
    if actor.moved_at is not None and now - actor.moved_at < COOL_DOWN:
        raise Invalid("This account moved less than a week ago; wait until the week is over.", code="cool-down")


def move(tx: Tx, site: Site, actor: Actor, target: Actor) -> Actor:
    """A local person or group moves to `target`, whose document was read just now; followers' servers are told.

    Raises Invalid as `check`.
    """
    now = site.clock()
    check(actor, target, now)
    actors.change(tx, actor.id, moved_to=target.iri, moved_at=now)
    changed = replace(actor, moved_to=target.iri, moved_at=now)
    profiles.announce_profile(tx, site, changed)
    sending.send(
        tx,
        site,
        changed,
        "Move",
        actor.iri,
        to=[sending.PUBLIC],
        cc=[actor.followers or ""],
        audience=outbox.Audience(followers_of=(actor.id,)),
        target=target.iri,
    )
    _go_along(tx, site, changed, target)
    return changed


def moved(tx: Tx, site: Site, actor: Actor, target: Actor) -> None:
    """A remote actor moved to `target`, whose document was read just now: its followers here go along.

    Raises Invalid as `check`.
    """
    now = site.clock()
    check(actor, target, now)
    actors.change(tx, actor.id, moved_to=target.iri, moved_at=now)
    _go_along(tx, site, actor, target)


def _go_along(tx: Tx, site: Site, actor: Actor, target: Actor) -> None:
    """Followers go along, some at a time (job `move`). Whoever blocks or mutes the old one does the new one, or moving would
    be a way around it (Mastodon), and what was noted about it is noted about the new one."""
    owners = actors.by_ids(tx, blocks.local_owners(tx, actor.id))
    for owner in owners.values():
        if owner.id != target.id and follows.find(tx, owner.id, target.id) is None:
            block_actions.block(tx, site, owner, target)
    mutes.carry_over(tx, actor.id, iter(site.new_id, 0), target.id, site.clock())
    account_notes.carry_over(tx, actor.id, target.id)
    jobs.add(tx, site.new_id(), "move", actor.iri, {"actor": actor.iri, "target": target.iri, "after": 0}, site.clock())


def carry(tx: Tx, site: Site, actor: Actor, target: Actor, after: int) -> int | None:
    """The next followers here of `actor` follow `target` instead; of groups that means to ask to join again.

    `after` is the id of the last follow that was seen to; that of this batch comes back, None when there are no more. Who
    can't follow the new one keeps the old.
    """
    found = follows.followers(tx, actor.id, BATCH, min_id=after, state="accepted")
    people_here = actors.by_ids(tx, [follow.follower_id for follow in found])
    for follow in found:
        follower = people_here.get(follow.follower_id)
        if follower is None or not follower.local or follower.id == target.id:
            continue
        try:
            follow_actions.follow(
                tx,
                site,
                follower,
                target,
                reblogs=follow.reblogs,
                notify=follow.notify,
                languages=follow.languages,
            )
        except Problem:
            continue
        if not (actor.local and actor.is_group and membership_actions.moderates(tx, follower, actor)):
            follow_actions.unfollow(tx, site, follower, actor)  # moderators of what was left close up behind the others
    return max(follow.id for follow in found) if len(found) == BATCH else None
