"""The one gate for what may be seen. Every channel asks here: pages, client API, ActivityPub, collections, search, counts.

The rule is one SQL condition (`visible_to`), used as it is for lists, counts and search, and for single posts through
`seen` and `may_see`, so that the two can't come to differ.

| visibility | nobody | a person of this instance | a peer's signed request |
|---|---|---|---|
| public, unlisted | yes | yes | yes |
| peers | no | yes | the group is open to the host: agreed, or with an accepted member of the group |
| members | no | accepted members of the group, author | the same, and an accepted member of the group there |
| followers | no | accepted followers, author, mentioned | host has an accepted follower of the author, or one mentioned |
| direct | no | author, mentioned | host of one mentioned |

Nothing of a suspended or gone author, of a blocked or suspended host, or deleted, is seen by anyone, nor what others wrote
in a group of such a host that not everyone may read; and such a host sees nothing. Nor is anything of a host that the policy
does not show (`fedi.actions.showing`). A host sees what it wrote.

Open to a host is of a group what its scope and the agreement with the host open together (`storage.peer_groups`): where
neither made a choice, all; of what only members read, nothing below the tier `members`. With whom nothing is agreed has
what its members there had ever since, as long as the group federates with everybody.

Whom an author blocks sees nothing of that author, whatever the visibility, nor does a signed request in their name
(Mastodon's StatusPolicy). Between two members of a group it is the same: what each writes stays in the group, for everyone
else as before, and the blocked one does not see the other's; whom the viewer blocks is left out by `fedi.hiding`. A host that
asks for itself is told as ever, as it has other people.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, bindparam, exists, func, literal, or_, select

from storage import groups
from storage.actors import Actor, actors
from storage.blocks import blocks
from storage.follows import follows
from storage.group_scopes import group_scopes
from storage.interned import Asked
from storage.memberships import accepted_among, memberships
from storage.mentions import mentions
from storage.metadata import Id, Tx, one_among
from storage.peer_groups import peer_groups
from storage.peers import CLOSED, peers, shows_nothing
from storage.people import people
from storage.posts import SAME, Post, posts
from storage.prepared import parts, rows
from storage.reactions import Boost, boosts
from storage.timelines import entries


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: nobody, a local person (`person_id`), or a peer's signed request (`host`, `actor_iri`)."""

    person_id: int | None = None
    host: str | None = None
    actor_iri: str | None = None


NOBODY = Viewer()


def person(actor_id: int) -> Viewer:
    """The viewer that a person of this instance is."""
    return Viewer(person_id=actor_id)


def visible_to(viewer: Viewer) -> ColumnElement[bool]:
    """The condition on rows of `posts` under which `viewer` may see them."""
    return _condition(viewer.person_id, viewer.host, viewer.actor_iri)


def entry_visible_to(viewer: Viewer) -> ColumnElement[bool]:
    """The condition on rows of `storage.timelines.entries` under which `viewer` may see them: the post, and of a boost that
    it was boosted (as `unseen_boosts` has it)."""
    post = exists(select(posts.c.id).where(posts.c.id == entries.c.post_id, visible_to(viewer)))
    private = [boosts.c.id == entries.c.id, one_among(boosts.c.visibility, "followers")]
    if viewer.person_id is not None:
        followed = select(follows.c.target_id).where(
            follows.c.follower_id == viewer.person_id, follows.c.state == "accepted"
        )
        private += [boosts.c.actor_id != viewer.person_id, boosts.c.actor_id.not_in(followed)]
    closed = exists(_HIDDEN.join(actors, actors.c.host == peers.c.host).where(actors.c.id == entries.c.actor_id))
    return and_(post, or_(~entries.c.boost, and_(~exists(select(boosts.c.id).where(*private)), ~closed)))


def _condition(person: Any, host: Any, asker: Any = None) -> ColumnElement[bool]:
    """The rule, for the id of a local person, else a peer's host (and the IRI of who asks there), else nobody (all None);
    values or `bindparam`s."""
    active = exists(select(actors.c.id).where(actors.c.id == posts.c.author_id, actors.c.state == "active"))
    closed = exists(_HIDDEN.join(actors, actors.c.host == peers.c.host).where(actors.c.id == posts.c.author_id))
    there = and_(posts.c.deleted_at.is_(None), posts.c.removed_at.is_(None))
    shut_out = _shut_out(posts.c.author_id, person, asker)
    also = [~one for one in (shut_out, _is_closed(host)) if one is not None]
    if person is not None:
        also.append(_from_open_group())
    return and_(there, active, ~closed, *also, or_(*_reasons(person, host)))


_CLOSED = select(peers.c.host).where(peers.c.stance.in_(CLOSED))
_HIDDEN = select(peers.c.host).where(shows_nothing())


def _from_open_group() -> ColumnElement[bool]:
    """Whether a post is not one that others wrote, and that only a closed host let us read."""
    return or_(
        posts.c.local,
        posts.c.visibility.notin_(("peers", "members")),
        ~exists(_HIDDEN.join(actors, actors.c.host == peers.c.host).where(actors.c.id == posts.c.group_id)),
    )


def _is_closed(host: Any) -> ColumnElement[bool] | None:
    """Whether the host that looks is closed; None where none does."""
    if host is None:
        return None
    return exists(_CLOSED.where(peers.c.host == host))


@dataclass(frozen=True, slots=True)
class _Open:
    """Conditions on a group (the column with its id) under which it is open to a host: for what agreed institutions read
    (`peers`), and for what its members read (`members`)."""

    peers: ColumnElement[bool]
    members: ColumnElement[bool]


def _open(group_id: Any, host: Any) -> _Open:
    member = exists(
        select(memberships.c.group_id)
        .join(actors, actors.c.id == memberships.c.actor_id)
        .where(
            memberships.c.group_id == group_id,
            memberships.c.state == "accepted",
            actors.c.host == host,
            actors.c.state == "active",
        )
    )
    scoped = exists(
        select(group_scopes.c.group_id).where(group_scopes.c.group_id == group_id, group_scopes.c.mode != "public")
    )

    def is_agreed(*more: ColumnElement[bool]) -> ColumnElement[bool]:
        return exists(select(peers.c.host).where(peers.c.host == host, peers.c.stance == "agreed", *more))

    def has_row(*more: ColumnElement[bool]) -> ColumnElement[bool]:
        here = (peer_groups.c.group_id == group_id, peer_groups.c.host == host)
        return exists(select(peer_groups.c.group_id).where(*here, *more))

    trusted = peers.c.tier == "members"
    plain = ~is_agreed()
    return _Open(
        or_(
            and_(is_agreed(), has_row()),
            and_(~scoped, or_(is_agreed(peers.c.opens.in_(("all", "peers"))), and_(plain, member))),
        ),
        and_(
            or_(
                and_(is_agreed(trusted), has_row(peer_groups.c.see == "members")),
                and_(~scoped, or_(is_agreed(trusted, peers.c.opens == "all"), plain)),
            ),
            member,
        ),
    )


def _shut_out(author: Any, person: Any, asker: Any) -> ColumnElement[bool] | None:
    """Whether `author` blocks who looks; None where nobody is known to look."""
    if person is not None:
        return exists(select(blocks.c.id).where(blocks.c.owner_id == author, blocks.c.actor_id == person))
    if asker is not None:
        who = select(actors.c.id).where(actors.c.iri == asker).scalar_subquery()
        return exists(select(blocks.c.id).where(blocks.c.owner_id == author, blocks.c.actor_id == who))
    return None


_BY_NAME = posts.c.visibility.notin_(("peers", "members"))
"""Being named opens no private group: who was put out of it may be answered there still, by their name."""


def _reasons(person: Any, host: Any) -> list[ColumnElement[bool]]:
    reasons: list[ColumnElement[bool]] = [posts.c.visibility.in_(("public", "unlisted"))]
    if person is not None:
        reasons += [
            posts.c.visibility == "peers",
            posts.c.author_id == person,
            and_(
                _BY_NAME,
                exists(
                    select(mentions.c.post_id).where(mentions.c.post_id == posts.c.id, mentions.c.actor_id == person)
                ),
            ),
            and_(
                posts.c.visibility == "followers",
                exists(
                    select(follows.c.id).where(
                        follows.c.follower_id == person,
                        follows.c.target_id == posts.c.author_id,
                        follows.c.state == "accepted",
                    )
                ),
            ),
            and_(
                posts.c.visibility == "members",
                exists(
                    select(memberships.c.group_id).where(
                        memberships.c.group_id == posts.c.group_id,
                        memberships.c.actor_id == person,
                        memberships.c.state == "accepted",
                    )
                ),
            ),
        ]
    elif host is not None:
        theirs = select(actors.c.id).where(actors.c.host == host, actors.c.state == "active")
        group = _open(posts.c.group_id, host)
        reasons += [
            posts.c.author_id.in_(theirs),
            and_(
                _BY_NAME,
                exists(
                    select(mentions.c.post_id)
                    .join(actors, actors.c.id == mentions.c.actor_id)
                    .where(mentions.c.post_id == posts.c.id, actors.c.host == host, actors.c.kind != "Group")
                ),
            ),
            and_(posts.c.visibility == "peers", group.peers),
            and_(posts.c.visibility == "members", group.members),
            and_(
                posts.c.visibility == "followers",
                exists(
                    select(follows.c.id)
                    .join(actors, actors.c.id == follows.c.follower_id)
                    .where(
                        follows.c.target_id == posts.c.author_id,
                        follows.c.state == "accepted",
                        actors.c.host == host,
                    )
                ),
            ),
        ]
    return reasons


def seen(tx: Tx, viewer: Viewer, ids: list[int]) -> dict[int, Post]:
    """Those of these posts that `viewer` may see, by id."""
    if not ids:
        return {}
    kind = "person" if viewer.person_id is not None else ("host" if viewer.host is not None else "nobody")
    if kind == "host" and viewer.actor_iri is not None:
        kind = "asker"
    values = {"ids": ids, "person": viewer.person_id, "host": viewer.host, "asker": viewer.actor_iri}
    return {post.id: post for post in SAME.all_of(tx, _SEEN[kind], values)}


def _seen_by(person: Any, host: Any, asker: Any = None) -> Asked:
    return SAME.asked(posts.c.id.in_(bindparam("ids", expanding=True)), _condition(person, host, asker))


_SEEN = {
    "person": _seen_by(bindparam("person", type_=Id()), None),
    "host": _seen_by(None, bindparam("host", type_=Text())),
    "asker": _seen_by(None, bindparam("host", type_=Text()), bindparam("asker", type_=Text())),
    "nobody": _seen_by(None, None),
}
"""The queries of `seen`, built once: they are asked for every page."""


def may_see(tx: Tx, viewer: Viewer, post: Post) -> bool:
    """Whether `viewer` may see this post, and so learn that it exists."""
    return post.id in seen(tx, viewer, [post.id])


def seers(tx: Tx, post_id: int, people_ids: Collection[int], *, gone: bool = False) -> set[int]:
    """Who of these people may see this post; `gone`: or might, were it not deleted or removed, so that they can be told.

    One query for all of them: what is shown to many at once (streams) asks the gate from this side.
    """
    query = _SEERS[gone]
    values = {"post": post_id}
    return {row[0] for part in parts(people_ids) for row in rows(tx, query, values | {"people": part})}


_OF_THESE = (
    select(people.c.actor_id)
    .join_from(people, posts, posts.c.id == bindparam("post", type_=Id()))
    .where(people.c.actor_id.in_(bindparam("people", type_=Id(), expanding=True)))
)
_SEERS = {
    False: _OF_THESE.where(_condition(people.c.actor_id, None)),
    True: _OF_THESE.where(
        or_(*_reasons(people.c.actor_id, None)),
        ~exists(
            select(blocks.c.id).where(blocks.c.owner_id == posts.c.author_id, blocks.c.actor_id == people.c.actor_id)
        ),
    ),
}


def seen_count(tx: Tx, viewer: Viewer, *conditions: ColumnElement[bool]) -> int:
    """How many posts under these conditions `viewer` may see."""
    return tx.scalar(select(func.count()).select_from(posts).where(visible_to(viewer), *conditions)) or 0


def shut_out(tx: Tx, viewer: Viewer, ids: list[int]) -> set[int]:
    """Those of these actors who block the viewer, and so show them nothing: no boosts, lists or figures either."""
    condition = _shut_out(actors.c.id, viewer.person_id, viewer.actor_iri)
    if condition is None or not ids:
        return set()
    return set(tx.scalars(select(actors.c.id).where(actors.c.id.in_(ids), condition)))


def may_see_group(tx: Tx, viewer: Viewer, group: Actor) -> bool:
    """Whether `viewer` may see who is in a group and what it announces. Its name and how to join are never hidden."""
    if group.state != "active":
        return False
    shut = _is_closed(viewer.host)
    if shut is not None and tx.scalar(select(shut)):
        return False
    row = groups.by_id(tx, group.id)
    if row is None or row.see == "public":
        return True
    if viewer.person_id is not None:
        if row.see == "peers":
            return True
        return _is_member(tx, group.id, memberships.c.actor_id == viewer.person_id)
    if viewer.host is not None:
        opened = _open(literal(group.id), viewer.host)
        return bool(tx.scalar(select(opened.peers if row.see == "peers" else opened.members)))
    return False


def groups_seen(tx: Tx, viewer: Viewer, several: list[Actor]) -> set[int]:
    """Those of these groups of which the viewer may know who is in them; for a person in two queries at most."""
    rows = groups.by_ids(tx, [one.id for one in several])
    active = {one.id: one for one in several if one.state == "active"}
    found = {one for one in active if one not in rows or rows[one].see == "public"}
    rest = [one for one in active if one not in found]
    if viewer.person_id is not None:
        found |= {one for one in rest if rows[one].see == "peers"}
        found |= {group_id for group_id, _ in accepted_among(tx, rest, [viewer.person_id])}
    elif viewer.host is not None:
        found |= {one for one in rest if may_see_group(tx, viewer, active[one])}
    return found


def _is_member(tx: Tx, group_id: int, who: ColumnElement[bool]) -> bool:
    query: Any = select(memberships.c.group_id).where(
        memberships.c.group_id == group_id, memberships.c.state == "accepted", who
    )
    return tx.scalar(query.limit(1)) is not None


_SHUT = (
    select(actors.c.id)
    .join(peers, peers.c.host == actors.c.host)
    .where(
        actors.c.id.in_(bindparam("ids", type_=Id(), expanding=True)),
        ~actors.c.local,
        shows_nothing(),
    )
)
"""Those of some actors that are of a closed host."""


def unseen_boosts(tx: Tx, viewer: Viewer, several: Iterable[Boost]) -> frozenset[int]:
    """Which of these boosts (ids) `viewer` may not see: those for followers are for followers, and who boosted; those of
    closed hosts, also of their groups, are for nobody."""
    several = list(several)
    if not several:
        return frozenset()
    shut = {row[0] for row in rows(tx, _SHUT, {"ids": list({one.actor_id for one in several})})}
    unseen = frozenset(one.id for one in several if one.actor_id in shut)
    private = [one for one in several if one.visibility == "followers" and one.actor_id != viewer.person_id]
    if not private:
        return unseen
    followed: set[int] = set()
    if viewer.person_id is not None:
        mine = select(follows.c.target_id).where(
            follows.c.follower_id == viewer.person_id,
            follows.c.state == "accepted",
            follows.c.target_id.in_({one.actor_id for one in private}),
        )
        followed.update(tx.scalars(mine))
    return unseen | {one.id for one in private if one.actor_id not in followed}
