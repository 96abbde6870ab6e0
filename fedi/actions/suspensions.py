"""Suspending a peering, resuming and ending it, as far as content, follows and deliveries go. Who may do so, and what the other
side is told, is `fedi.actions.peers`.

A suspension is a state and no deletion: what they wrote is hidden and what we write for them waits, but every follow stays, so
that resuming brings all of it back. Only what is ended loses its follows, and each of those is kept on a list.
"""

import contextlib
from dataclasses import dataclass

from federation.hosts import host_of
from federation.peering.pausing import GRACE
from fedi.actions import follows as follow_actions
from fedi.actions import narrowing, notifying, opened
from fedi.context import Site
from fedi.errors import Forbidden, Invalid
from storage import (
    actors,
    agreements,
    audit,
    edges,
    follows,
    jobs,
    links,
    memberships,
    notifications,
    peers,
    received,
    severed,
)
from storage.actors import Actor
from storage.edges import Edge
from storage.follows import Follow
from storage.metadata import Tx
from storage.severed import Severed

BATCH = 100
"""Follows that end, or are brought back, in one transaction; the rest by the jobs `sever` and `restore`."""
SEVERED = "severed_relationships"
"""The kind of notification about follows that ended with a peering (Mastodon's)."""
_LATELY = 24 * 3600 * 1000
"""Who was put out of a group so long (ms) before or after its peering ended, was put out because of it."""
TRUST_TAKES = 90_000
"""So many ms after we trust a peer it trusts us, too, if it does at all, and what it refused before is asked for again."""
SHOWN = 1_000
"""Follows that `impact` names."""


@dataclass(frozen=True, slots=True)
class Impact:
    """What a suspension would pause and an end would cost: how many follows of ours and of theirs, how many here have any, and
    the first thousand of them; `groups` are the handles of groups there that people here are in, and names of ours with
    members there."""

    host: str
    following: int
    followers: int
    people: int
    groups: tuple[str, ...]
    edges: tuple[Edge, ...]


def impact(tx: Tx, host: str) -> Impact:
    """Who here would lose which follows and groups with this peer."""
    following, followers, people = edges.totals(tx, host)
    found = tuple(one for one in edges.of_host(tx, host, SHOWN) if one.state == "accepted")
    groups = dict.fromkeys(one.handle if one.following else one.person for one in found if one.group)
    return Impact(host, following, followers, people, tuple(groups), found)


def began(tx: Tx, site: Site, host: str, until: int | None) -> int:
    """The peering with `host` is suspended from now on: nothing is taken or sent, what is theirs is hidden, follows stay.

    When it ends by itself unless it is resumed (ms) comes back: `until`, at most 30 days from now, as deliveries are kept no
    longer. Again only sets that time.
    """
    now = site.clock()
    latest = now + GRACE if until is None else max(now, min(until, now + GRACE))
    peers.meet(tx, host, now)
    peer = peers.by_host(tx, host)
    if peer is not None and peer.stance == "suspended":
        latest = min(latest, (peer.suspended_at or now) + GRACE)
        peers.change(tx, host, suspended_until=latest)
        return latest
    before = peer.stance if peer is not None else "none"
    peers.change(tx, host, stance="suspended", stance_before=before, suspended_at=now, suspended_until=latest)
    return latest


def over(tx: Tx, site: Site, host: str) -> bool:
    """The peering with `host` goes on: the stance is what it was, what waited for them is sent, what they sent before is
    worked out, and what a server that does not send again may have missed to tell us is asked for. False when it was not
    suspended."""
    peer = peers.by_host(tx, host)
    if peer is None or peer.stance != "suspended":
        return False
    now = site.clock()
    before = peer.stance_before or "none"
    peers.change(tx, host, stance=before, stance_before=None, suspended_at=None, suspended_until=None)
    links.release(tx, host, now)
    links.wake(tx, host, now)
    received.hasten(tx, host, now)
    since = (peer.suspended_at or now - GRACE) - 3_600_000  # what was under way when it began
    if peer.one_sided or before != "agreed":
        jobs.add(tx, site.new_id(), "catch-up", host, {"host": host, "since": since}, now)
    return True


def trusted(tx: Tx, site: Site, host: str) -> None:
    """What is for members may flow with `host` from now on: what groups there said while it might not was never sent here,
    so it is asked for, in a while, as they come to trust us at about the same time."""
    now = site.clock()
    payload = {"host": host, "since": now - GRACE, "groups": True}
    jobs.add(tx, site.new_id(), "catch-up", f"{host} groups", payload, now, due_at=now + TRUST_TAKES)


def ended(tx: Tx, site: Site, host: str, cause: str) -> None:
    """The peering with `host` is over (`cause`: ended, expired, purged).

    After a suspension the host is blocked, as a timer must not open what somebody shut; else it is as any other that nothing
    was agreed with. Where nothing is taken from it any more, follows end, and who had them is told and has a list.
    """
    peer = peers.by_host(tx, host)
    if peer is None:
        return
    suspended = peer.stance == "suspended"
    blocked = suspended or peer.stance == "blocked"
    peers.change(
        tx,
        host,
        stance="blocked" if blocked else "none",
        stance_before=None,
        suspended_at=None,
        suspended_until=None,
        reason=peer.reason or f"the peering {cause}" if blocked else peer.reason,
    )
    links.forget_kept(tx, host)
    received.hasten(tx, host, site.clock())
    _list_put_out(tx, site, host, cause)
    if not _shut(tx, site, host):
        _close(tx, site, host, cause)
    elif sever(tx, site, host, cause):
        payload = {"host": host, "cause": cause}
        jobs.add(tx, site.new_id(), "sever", host, payload, site.clock())


def put_out(tx: Tx, site: Site, follow: Follow, follower: Actor, group: Actor) -> None:
    """A group of a peer puts somebody of ours out. It may be the first that is seen here of the end of the peering, or the last:
    then it is listed as what was lost with it."""
    if not (follower.local and group.is_group and follow.state == "accepted"):
        return
    peer, now = peers.by_host(tx, group.host), site.clock()
    newest = next(iter(agreements.of_host(tx, group.host)), None)
    over = newest is not None and newest.state in ("ended", "expired") and newest.changed_at > now - _LATELY
    if peer is None or not (over or peer.stance in ("agreed", "suspended")):
        return
    cause = newest.state if over and newest is not None else severed.PUT_OUT
    if over:
        _tell(tx, site, [follower], group.host)
    severed.insert(tx, Severed(site.new_id(), group.host, follower.id, group.iri, group.handle, True, cause, now, None))


def _list_put_out(tx: Tx, site: Site, host: str, cause: str) -> None:
    people = actors.by_ids(tx, severed.ended(tx, host, cause, site.clock() - _LATELY))
    _tell(tx, site, list(people.values()), host, anew=True)


def _close(tx: Tx, site: Site, host: str, cause: str) -> None:
    """Put everybody of a host out of the groups here that not everyone may read, as no agreement opens these any more, and list
    whom these lost."""
    for group, _ in opened.private_groups(tx, memberships.groups_with(tx, host)):
        inside = actors.by_ids(tx, memberships.at_host(tx, group.id, host))
        for member in inside.values():
            edge = follows.find(tx, member.id, group.id)
            if edge is not None and edge.state == "accepted":
                made = Severed(
                    site.new_id(), host, group.id, member.iri, member.handle, False, cause, site.clock(), None
                )
                severed.insert(tx, made)
        if inside:
            reason = f"the agreement that opened {group.name or group.username} to your institution is over"
            body = {"host": host, "reason": reason}
            audit.add(tx, site.new_id(), site.clock(), "fedi", "group.closed", group.handle, body)
            narrowing.closed(tx, site, group, [host], reason)


def _tell(tx: Tx, site: Site, people: list[Actor], host: str, *, anew: bool = False) -> None:
    """Tell people that they lost follows with a host, once; in place of what they were told about another host."""
    instance = actors.by_iri(tx, site.instance_iri)
    for person in people:
        if instance is not None and (anew or host not in severed.lately(tx, person.id, site.clock() - GRACE)):
            notifications.forget(tx, person_id=person.id, actor_id=instance.id, kind=SEVERED)
            notifying.tell(tx, site, person, SEVERED, instance)


def sever(tx: Tx, site: Site, host: str, cause: str) -> bool:
    """End the next follows between this instance and a host of which nothing is taken; whether there may be more. Nobody
    there is told, as nothing is sent there."""
    if not _shut(tx, site, host):
        return False
    found = edges.of_host(tx, host, BATCH)
    known = actors.by_ids(tx, [one for edge in found for one in (edge.person_id, edge.actor_id)])
    concerned: set[int] = set()
    for edge in found:
        person, actor = known[edge.person_id], known[edge.actor_id]
        if edge.state == "accepted":
            if person.id not in concerned:
                _tell(tx, site, [person], host)
            row = Severed(
                site.new_id(), host, person.id, actor.iri, edge.handle, edge.following, cause, site.clock(), None
            )
            severed.insert(tx, row)
            concerned.add(person.id)
        if edge.following:
            follow = follows.by_id(tx, edge.follow_id)
            if follow is not None:
                follow_actions.rejected(tx, site, follow)
        else:
            follow_actions.undone(tx, site, actor, person)
        left = follows.by_id(tx, edge.follow_id)
        if left is not None:  # of a twin that is kept as such: the edge itself is what counts here
            follows.remove(tx, left.id)
    return len(found) == BATCH


def _shut(tx: Tx, site: Site, host: str) -> bool:
    """Whether nothing is taken from a host."""
    peer = peers.by_host(tx, host)
    stance = peer.stance if peer is not None else "none"
    return stance == "blocked" or (site.config.federation.mode != "open" and stance not in ("agreed", "suspended"))


def restored(tx: Tx, site: Site, host: str) -> None:
    """An agreement with `host` is in force (again): what was severed is brought back, by the job `restore`."""
    if severed.of_host(tx, host, limit=1):
        jobs.add(tx, site.new_id(), "restore", host, {"host": host, "after": 0}, site.clock())


def restore(tx: Tx, site: Site, host: str, after: int) -> int | None:
    """Follow again whom people here followed at a host, behind the row `after`; the row to go on behind comes back, None at the
    end. Who followed people here does so again from there: they can't be made to."""
    if _shut(tx, site, host):
        return None
    found = severed.of_host(tx, host, after=after, limit=BATCH)
    here = actors.by_ids(tx, list({row.person_id for row in found}))
    back: list[int] = []
    for row in found:
        person, actor = here.get(row.person_id), actors.by_iri(tx, row.actor_iri)
        if person is None or actor is None or host_of(actor.iri) != host:
            continue
        if row.following:
            edge = follows.find(tx, person.id, actor.id)
            with contextlib.suppress(Forbidden, Invalid):
                edge = edge or follow_actions.follow(tx, site, person, actor)
            if edge is not None and edge.state == "accepted":
                back.append(row.id)
        elif follows.find(tx, actor.id, person.id) is not None:
            back.append(row.id)
    if back:
        severed.restored(tx, back, site.clock())
    return found[-1].id if len(found) == BATCH else None


def pause_private(tx: Tx, site: Site, host: str) -> None:
    """What is not public waits for `host` from now on, as new terms were offered that it has not signed."""
    peers.meet(tx, host, site.clock())
    peers.change(tx, host, paused=True)


def unpause(tx: Tx, site: Site, host: str) -> None:
    """New terms were signed, or withdrawn: what waited for `host` is sent. Nothing when nothing waited."""
    peers.change(tx, host, paused=False)
    peer = peers.by_host(tx, host)
    if peer is not None and peer.stance != "suspended":
        links.release(tx, host, site.clock())
        links.wake(tx, host, site.clock())
