"""Whom somebody might follow, and who wants to be found at all: candidates by a bounded number of queries.

Only ids come back; who of them is hidden, followed or dismissed is for the caller to leave out.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, select

from storage.actors import Actor, actors
from storage.follows import follows
from storage.groups import groups
from storage.ids import time_of
from storage.memberships import memberships
from storage.metadata import Tx, all_of, columns
from storage.peers import peers
from storage.posts import posts

ACTOR = columns(actors, Actor)
NEAR = 200
"""Whom somebody follows, or shares groups with, as far as they are looked at."""
RECENT = 1_000
"""Posts whose authors are the last active; where these don't fill a page, all accounts are looked at."""
ROWS = 4_000
"""Memberships or followings that are looked at for one answer: groups may have everybody in them."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An actor, and why: one of Mastodon's sources."""

    actor_id: int
    source: str


def findable() -> ColumnElement[bool]:
    """The condition on `actors` of those who want to be found (`discoverable`), and may be."""
    limited = select(peers.c.host).where(peers.c.stance.in_(("limited", "suspended", "blocked")))
    return and_(
        actors.c.discoverable,
        actors.c.state == "active",
        actors.c.kind != "Application",
        actors.c.moved_to.is_(None),
        actors.c.host.not_in(limited),
    )


def directory(
    tx: Tx, *, new: bool, local: bool, limit: int, offset: int, without: list[int], hosts: list[str]
) -> list[Actor]:
    """Who wants to be found, last active first, or the newest (`new`); only of this instance (`local`); none of `without`,
    and nobody of these `hosts`."""
    query = select(*ACTOR).where(findable())
    if local:
        query = query.where(actors.c.local)
    if without:
        query = query.where(actors.c.id.not_in(without))
    if hosts:
        query = query.where(actors.c.local | (actors.c.host.not_in(hosts) & actors.c.domain.not_in(hosts)))
    if new:
        return all_of(
            tx, query.order_by(actors.c.created_at.desc(), actors.c.id.desc()).limit(limit).offset(offset), Actor
        )
    active = func.coalesce(actors.c.last_post_at, 0)
    query = query.order_by(active.desc(), actors.c.id.desc())
    last = select(posts.c.id, posts.c.author_id).where(posts.c.deleted_at.is_(None))
    if local:
        last = last.where(posts.c.local)
    recent = tx.execute(last.order_by(posts.c.id.desc()).limit(RECENT)).all()
    if len(recent) == RECENT:
        # Who wrote since the oldest of these wrote one of them, as ids tell the time.
        among = actors.c.id.in_({author for _, author in recent})
        first = query.where(among, active >= time_of(recent[-1][0]))
        found = all_of(tx, first.limit(offset + limit), Actor)
        if len(found) == offset + limit:
            return found[offset:]
    return all_of(tx, query.limit(limit).offset(offset), Actor)


def near(tx: Tx, person_id: int, limit: int) -> list[Candidate]:
    """Candidates for one person: groups that who is in their groups is in as well, people of their groups, whom those
    follow whom they follow, and the groups and people here whom most follow. Each may come several times."""
    companions = _companions(tx, person_id, limit)
    return [
        *(Candidate(one, "friends_of_friends") for one in _groups_of(tx, companions[:NEAR], limit)),
        *(Candidate(one, "similar_to_recently_followed") for one in companions),
        *(Candidate(one, "friends_of_friends") for one in _followed_by_followed(tx, person_id, limit)),
        *(Candidate(one, "featured") for one in _most_followed(tx, limit, "Group")),
        *(Candidate(one, "most_followed") for one in _most_followed(tx, limit, "Person", "Service")),
    ]


def _companions(tx: Tx, person_id: int, limit: int) -> list[int]:
    mine = select(memberships.c.group_id).where(memberships.c.actor_id == person_id, memberships.c.state == "accepted")
    some = (
        select(memberships.c.actor_id)
        .where(memberships.c.group_id.in_(mine), memberships.c.state == "accepted", memberships.c.actor_id != person_id)
        .limit(ROWS)
        .subquery()
    )
    query = select(some.c.actor_id).group_by(some.c.actor_id).order_by(func.count().desc(), some.c.actor_id)
    return list(tx.scalars(query.limit(limit)))


def _groups_of(tx: Tx, others: list[int], limit: int) -> list[int]:
    """Only groups whose members everyone may know."""
    if not others:
        return []
    query = (
        select(memberships.c.group_id)
        .join(groups, groups.c.actor_id == memberships.c.group_id)
        .where(memberships.c.actor_id.in_(others), memberships.c.state == "accepted", groups.c.see == "public")
        .group_by(memberships.c.group_id)
        .order_by(func.count().desc(), memberships.c.group_id)
    )
    return list(tx.scalars(query.limit(limit)))


def _followed_by_followed(tx: Tx, person_id: int, limit: int) -> list[int]:
    """Not by those who show nobody whom they follow, and no groups: who is in them is asked for above."""
    mine = (
        select(follows.c.target_id)
        .join(actors, actors.c.id == follows.c.target_id)
        .where(follows.c.follower_id == person_id, follows.c.state == "accepted", ~actors.c.hide_collections)
        .order_by(follows.c.id.desc())
        .limit(NEAR)
    )
    some = (
        select(follows.c.target_id)
        .where(follows.c.follower_id.in_(mine), follows.c.state == "accepted", follows.c.target_id != person_id)
        .limit(ROWS)
        .subquery()
    )
    number = func.count().label("number")
    # So many more that there are enough when groups are left out: to look at the rows of all takes many times as long.
    most = select(some.c.target_id, number).group_by(some.c.target_id).order_by(number.desc(), some.c.target_id)
    ranked = most.limit(3 * limit).subquery()
    query = select(ranked.c.target_id).join(actors, actors.c.id == ranked.c.target_id).where(actors.c.kind != "Group")
    return list(tx.scalars(query.order_by(ranked.c.number.desc(), ranked.c.target_id).limit(limit)))


def _most_followed(tx: Tx, limit: int, *kinds: str) -> list[int]:
    """Of this instance, of one kind after the other: so that each is a walk along the index."""
    found: list[tuple[int, int]] = []
    for kind in kinds:
        query = select(actors.c.followers_count, actors.c.id).where(findable(), actors.c.local, actors.c.kind == kind)
        most = query.order_by(actors.c.followers_count.desc(), actors.c.id.desc()).limit(limit)
        found += [(count, actor_id) for count, actor_id in tx.execute(most)]
    return [actor_id for _, actor_id in sorted(found, reverse=True)[:limit]]


def of(tx: Tx, ids: list[int]) -> dict[int, Actor]:
    """Those of these actors who want to be found, by id."""
    if not ids:
        return {}
    return {one.id: one for one in all_of(tx, select(*ACTOR).where(actors.c.id.in_(ids), findable()), Actor)}
