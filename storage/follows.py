"""Follows: who follows whom, and who asked to."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Table,
    Text,
    bindparam,
    delete,
    exists,
    func,
    select,
    text,
    update,
)

from storage import held
from storage.actors import GROUP, actors
from storage.metadata import Id, Json, Time, Tx, all_of, columns, id_column, insert_new, metadata, one_of
from storage.prepared import parts, rows
from storage.timelines import Page

follows = Table(
    "follows",
    metadata,
    id_column(),  # the cursor of followers and following lists
    Column("follower_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("target_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("state", Text, nullable=False),  # pending accepted
    Column("iri", Text, nullable=False, unique=True),  # of the Follow activity
    Column("reblogs", Boolean, nullable=False),  # show the target's announces at home
    Column("notify", Boolean, nullable=False),  # notify of each post of the target
    Column("created_at", Time, nullable=False),
    Column("kind", Text, nullable=False, server_default="Follow"),  # of the activity: Follow, or Join (Mobilizon)
    Column("languages", Json),  # [language tag] of the posts that the follower wants to see; null: all
    Index("uq_follows_pair", "follower_id", "target_id", unique=True),
    Index("ix_follows_target_id", "target_id", "state", "id"),
)
# Few want to be told of each post, and each post asks who does. It begins with what it is about, or SQLite might as well take
# the one above, and read all followers.
Index(
    "ix_follows_notify",
    follows.c.notify,
    follows.c.target_id,
    follows.c.state,
    follows.c.follower_id,
    sqlite_where=text("notify = 1"),  # as SQLAlchemy asks for it
    postgresql_where=follows.c.notify,
)
# Few say which languages they want, and each home asks.
Index(
    "ix_follows_languages",
    follows.c.follower_id,
    sqlite_where=follows.c.languages.isnot(None),
    postgresql_where=follows.c.languages.isnot(None),
)


@dataclass(frozen=True, slots=True)
class Follow:
    """A row of `follows`."""

    id: int
    follower_id: int
    target_id: int
    state: str
    iri: str
    reblogs: bool
    notify: bool
    created_at: int
    kind: str = "Follow"
    languages: list[str] | None = None


_NOTHING: Mapping[Any, Any] = {}
_ROW = columns(follows, Follow)
_BETWEEN = select(*_ROW).where(
    follows.c.follower_id == bindparam("follower"), follows.c.target_id == bindparam("target")
)
_BY_IRI = select(*_ROW).where(follows.c.iri == bindparam("iri"))
_A_FOLLOW = select(follows.c.id).where(follows.c.target_id == bindparam("target", type_=Id())).limit(1)
_A_LOCAL_FOLLOWER = (
    select(follows.c.id)
    .join(actors, actors.c.id == follows.c.follower_id)
    .where(follows.c.target_id == bindparam("target"), follows.c.state == "accepted", actors.c.local)
    .limit(1)
)
_FOLLOWS_LOCAL = (
    select(follows.c.id)
    .join(actors, actors.c.id == follows.c.target_id)
    .where(follows.c.follower_id == bindparam("follower"), follows.c.state == "accepted", actors.c.local)
    .limit(1)
)
_TARGETS = bindparam("targets", type_=Id(), expanding=True)
_ONE = actors.alias()
# The first that is found will do: DISTINCT would read all followers of all of them.
_FOLLOWED_HERE = select(_ONE.c.id).where(
    _ONE.c.id.in_(_TARGETS),
    exists(select(follows.c.id).join(actors, actors.c.id == follows.c.follower_id)).where(
        follows.c.target_id == _ONE.c.id, follows.c.state == "accepted", actors.c.local
    ),
)
_FOLLOWING_HERE = select(_ONE.c.id).where(
    _ONE.c.id.in_(_TARGETS),
    exists(select(follows.c.id).join(actors, actors.c.id == follows.c.target_id)).where(
        follows.c.follower_id == _ONE.c.id, follows.c.state == "accepted", actors.c.local
    ),
)
_WITH_BELL = select(follows.c.target_id).where(follows.c.target_id.in_(_TARGETS), follows.c.notify).distinct()
_TO_BE_TOLD = select(follows.c.follower_id).where(
    follows.c.target_id.in_(bindparam("targets", expanding=True)), follows.c.notify, follows.c.state == "accepted"
)


def insert(tx: Tx, follow: Follow) -> bool:
    """Add a follow; False when this follower has one to this target already (or the IRI is known)."""
    return insert_new(tx, follows, {column.name: getattr(follow, column.name) for column in _ROW}) == 1


def find(tx: Tx, follower_id: int, target_id: int) -> Follow | None:
    """The follow between these two, whatever its state."""
    return one_of(tx, _BETWEEN, Follow, follower=follower_id, target=target_id)


def by_id(tx: Tx, follow_id: int) -> Follow | None:
    """The follow with this id."""
    return one_of(tx, select(*_ROW).where(follows.c.id == follow_id), Follow)


def by_iri(tx: Tx, iri: str) -> Follow | None:
    """The follow made by the Follow activity with this IRI."""
    return one_of(tx, _BY_IRI, Follow, iri=iri)


def change(tx: Tx, follow_id: int, **values: Any) -> None:
    """Set columns of a follow."""
    tx.execute(update(follows).where(follows.c.id == follow_id).values(**values))


def remove(tx: Tx, follow_id: int) -> None:
    """Take a follow away."""
    tx.execute(delete(follows).where(follows.c.id == follow_id))


def between(tx: Tx, viewer_id: int, others: list[int]) -> tuple[dict[int, Follow], dict[int, Follow]]:
    """(follows of `viewer_id` to each of `others`, follows of each of them to `viewer_id`), by the other's id."""
    if not others:
        return {}, {}
    out = all_of(tx, select(*_ROW).where(follows.c.follower_id == viewer_id, follows.c.target_id.in_(others)), Follow)
    back = all_of(tx, select(*_ROW).where(follows.c.target_id == viewer_id, follows.c.follower_id.in_(others)), Follow)
    return {follow.target_id: follow for follow in out}, {follow.follower_id: follow for follow in back}


def to_be_told(tx: Tx, targets: list[int]) -> list[int]:
    """Who wants to be told of each post of one of `targets` (the bell of clients); only people of this instance can."""
    known = _known(tx)
    if known and all(known.get(("bell", one)) is False for one in targets):
        return []
    holds, key = held.of(tx), tuple(targets)
    found: list[int] | None = holds.answered("bells", key) if holds is not None else None
    if found is None:
        found = list(dict.fromkeys(row[0] for row in rows(tx, _TO_BE_TOLD, {"targets": targets})))
        if holds is not None:
            holds.answer("bells", key, found)
    return found


def is_followed(tx: Tx, target_id: int) -> bool:
    """Whether anyone follows `target_id`, here or elsewhere, or asked to."""
    holds = held.of(tx)
    found: bool | None = holds.answered("followed", target_id) if holds is not None else None
    if found is None:
        found = bool(rows(tx, _A_FOLLOW, {"target": target_id}))
        if holds is not None:
            holds.answer("followed", target_id, found)
    return found


def has_local_follower(tx: Tx, target_id: int) -> bool:
    """Whether anyone of this instance follows `target_id`; what nobody here asked for is not kept."""
    found: bool | None = _known(tx).get(("followed", target_id))
    return bool(rows(tx, _A_LOCAL_FOLLOWER, {"target": target_id})) if found is None else found


def _page(tx: Tx, query: Any, limit: int, max_id: int | None, since_id: int | None, min_id: int | None) -> list[Follow]:
    if max_id is not None:
        query = query.where(follows.c.id < max_id)
    if since_id is not None:
        query = query.where(follows.c.id > since_id)
    if min_id is not None:
        query = query.where(follows.c.id > min_id).order_by(follows.c.id)
        return all_of(tx, query.limit(limit), Follow)[::-1]
    return all_of(tx, query.order_by(follows.c.id.desc()).limit(limit), Follow)


def followers(
    tx: Tx,
    target_id: int,
    limit: int,
    *,
    state: str = "accepted",
    max_id: int | None = None,
    since_id: int | None = None,
    min_id: int | None = None,
) -> list[Follow]:
    """Who follows `target_id`, newest first; the bounds are ids of follows, as Mastodon's paging parameters."""
    query = select(*_ROW).where(follows.c.target_id == target_id, follows.c.state == state)
    return _page(tx, query, limit, max_id, since_id, min_id)


def following(
    tx: Tx,
    follower_id: int,
    limit: int,
    *,
    state: str = "accepted",
    max_id: int | None = None,
    since_id: int | None = None,
    min_id: int | None = None,
) -> list[Follow]:
    """Whom `follower_id` follows, newest first; the bounds are ids of follows."""
    query = select(*_ROW).where(follows.c.follower_id == follower_id, follows.c.state == state)
    return _page(tx, query, limit, max_id, since_id, min_id)


_FAMILIAR = 2000
"""Rows that are looked at for familiar followers."""


def familiar(tx: Tx, person_id: int, targets: list[int], each: int) -> dict[int, list[int]]:
    """Who of those that a person follows follows each of these targets; of each target up to `each`, those first whom the
    person followed last. Nobody is told of who hides whom they follow, or of a target that hides who follows it."""
    if not targets:
        return {}
    mine = follows.alias()
    follower, target = actors.alias(), actors.alias()
    query = (
        select(follows.c.target_id, follows.c.follower_id)
        .join(mine, mine.c.target_id == follows.c.follower_id)
        .join(follower, follower.c.id == follows.c.follower_id)
        .join(target, target.c.id == follows.c.target_id)
        .where(
            mine.c.follower_id == person_id,
            mine.c.state == "accepted",
            follows.c.target_id.in_(targets),
            follows.c.state == "accepted",
            follower.c.state == "active",
            ~follower.c.hide_collections,
            ~target.c.hide_collections,
        )
        .order_by(mine.c.id.desc())
        .limit(_FAMILIAR)
    )
    found: dict[int, list[int]] = {}
    for target_id, follower_id in tx.execute(query):
        known = found.setdefault(target_id, [])
        if len(known) < each:
            known.append(follower_id)
    return found


def joined(tx: Tx, follower_id: int, page: Page) -> list[Follow]:
    """The groups that an actor is in, last joined first; the bounds are ids of follows."""
    # Not a join: a planner that thinks of few groups would go through all of them.
    kind = select(actors.c.kind).where(actors.c.id == follows.c.target_id).scalar_subquery()
    query = select(*_ROW).where(follows.c.follower_id == follower_id, follows.c.state == "accepted", kind == GROUP)
    return _page(tx, query, page.limit, page.max_id, page.since_id, page.min_id)


def awaited(tx: Tx, target_ids: list[int]) -> set[int]:
    """Those of these whom somebody asked to follow, and waits."""
    query = select(follows.c.target_id).where(follows.c.target_id.in_(target_ids), follows.c.state == "pending")
    return set(tx.scalars(query.distinct())) if target_ids else set()


def at_host(tx: Tx, target_id: int, host: str, limit: int) -> list[str]:
    """The IRIs of the accepted followers of `target_id` who are at this host, in order."""
    query = (
        select(actors.c.iri)
        .join(follows, follows.c.follower_id == actors.c.id)
        .where(follows.c.target_id == target_id, follows.c.state == "accepted", actors.c.host == host)
        .order_by(actors.c.iri)
    )
    return list(tx.scalars(query.limit(limit)))


def at_hosts(tx: Tx, pairs: Collection[tuple[int, str]]) -> dict[tuple[int, str], list[str]]:
    """The IRIs of the accepted followers of each of these (target's id, host)."""
    targets, hosts = {one for one, _ in pairs}, {host for _, host in pairs}
    query = (
        select(follows.c.target_id, actors.c.host, actors.c.iri)
        .join(actors, actors.c.id == follows.c.follower_id)
        .where(follows.c.target_id.in_(targets), follows.c.state == "accepted", actors.c.host.in_(hosts))
    )
    found: dict[tuple[int, str], list[str]] = {pair: [] for pair in pairs}
    for target_id, host, iri in tx.execute(query):
        if (target_id, host) in found:
            found[target_id, host].append(iri)
    return found


def total(tx: Tx, follower_id: int) -> int:
    """How many an actor follows; of people here more than `following_count`, which has no groups that are not for everyone."""
    query = select(func.count()).select_from(follows)
    return tx.scalar(query.where(follows.c.follower_id == follower_id, follows.c.state == "accepted")) or 0


def count(tx: Tx, target_id: int, state: str) -> int:
    """How many follows of `target_id` are in this state."""
    query = select(func.count()).select_from(follows).where(follows.c.target_id == target_id, follows.c.state == state)
    return tx.scalar(query) or 0


def follows_local(tx: Tx, follower_id: int) -> bool:
    """Whether `follower_id` follows anyone of this instance."""
    found: bool | None = _known(tx).get(("following", follower_id))
    return bool(rows(tx, _FOLLOWS_LOCAL, {"follower": follower_id})) if found is None else found


def remember(tx: Tx, ids: Collection[int]) -> None:
    """Read at once which of these actors somebody of this instance follows, which follow somebody here, and of which anybody
    wants to be told, so that this transaction does not ask for each."""
    holds = held.of(tx)
    if holds is None:
        return
    found: dict[Any, Any] = {}
    for some in parts([one for _, one in holds.lacks("follows", [("followed", one) for one in ids])]):
        for name, query in (("followed", _FOLLOWED_HERE), ("following", _FOLLOWING_HERE), ("bell", _WITH_BELL)):
            there = {row[0] for row in rows(tx, query, {"targets": some})}
            found |= {(name, one): one in there for one in some}
    holds.fill("follows", found)


def _known(tx: Tx) -> Mapping[Any, Any]:
    holds = held.of(tx)
    return holds.known.get("follows", _NOTHING) if holds is not None else _NOTHING


def groups_of(tx: Tx, person_id: int) -> set[int]:
    """The ids of the groups that a person follows or asked to join."""
    query = select(follows.c.target_id).join(actors, actors.c.id == follows.c.target_id)
    return set(tx.scalars(query.where(follows.c.follower_id == person_id, actors.c.kind == "Group")))


def from_here(tx: Tx, iris: Collection[str]) -> tuple[int, set[int]]:
    """Of actors elsewhere: (how many accepted follows people here have of them, the ids of these people)."""
    other, follower = actors.alias(), actors.alias()
    query = (
        select(follows.c.follower_id)
        .join(other, other.c.id == follows.c.target_id)
        .join(follower, follower.c.id == follows.c.follower_id)
        .where(follows.c.state == "accepted", follower.c.local)
    )
    found = [int(one) for part in parts(iris) for one in tx.scalars(query.where(other.c.iri.in_(part)))]
    return len(found), set(found)


def of_here(tx: Tx, pairs: Collection[tuple[str, str]]) -> int:
    """Of pairs of an actor here and another host: how many accepted follows of that actor come from there."""
    total = 0
    for iri, host in pairs:
        target, follower = actors.alias(), actors.alias()
        query = (
            select(func.count())
            .select_from(follows)
            .join(target, target.c.id == follows.c.target_id)
            .join(follower, follower.c.id == follows.c.follower_id)
            .where(target.c.iri == iri, follows.c.state == "accepted", follower.c.host == host)
        )
        total += tx.scalar(query) or 0
    return total
