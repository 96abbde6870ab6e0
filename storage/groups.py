"""Groups: what a group has beside its row in `storage.actors`; rows for local groups, and for remote ones we know."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Table,
    Text,
    bindparam,
    cast,
    exists,
    func,
    literal,
    select,
    text,
    update,
)

from storage import held
from storage.actors import GROUP, Actor, actors
from storage.events import note
from storage.follows import follows
from storage.metadata import Id, Json, Time, Tx, all_of, columns, metadata, one_among, one_of, upsert

groups = Table(
    "groups",
    metadata,
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("join_mode", Text, nullable=False),  # open approval invite
    Column("see", Text, nullable=False),  # public peers members
    Column("post", Text, nullable=False),  # members moderators
    Column("rules", Json, nullable=False),  # [text]
    Column("creator_id", Id, ForeignKey("actors.id", ondelete="SET NULL")),
    Column("created_at", Time, nullable=False),
    Column("kind", Text, nullable=False, server_default="open"),  # open cohort course project mentoring
    Column("languages", Json, nullable=False, server_default="[]"),  # [code], that one writes there; none: any
    Column("ends_at", Time),  # when nobody writes in it any more; without it, it goes on
)

# Few groups are not for everyone.
_PRIVATE = groups.c.see != literal("public", literal_execute=True)
Index(
    "ix_groups_private",
    groups.c.actor_id,
    sqlite_where=text("see != 'public'"),
    postgresql_where=text("see != 'public'"),
)

JOIN_MODES = ("open", "approval", "invite")
SEE = ("public", "peers", "members")
KINDS = ("open", "cohort", "course", "project", "mentoring")


@dataclass(frozen=True, slots=True)
class Group:
    """A row of `groups`."""

    actor_id: int
    join_mode: str
    see: str
    post: str
    rules: list[str]
    creator_id: int | None
    created_at: int
    kind: str = "open"
    languages: list[str] = field(default_factory=list)
    ends_at: int | None = None

    def is_over(self, now: int) -> bool:
        """Whether its time is over at `now` ms."""
        return self.ends_at is not None and self.ends_at <= now


_ROW = columns(groups, Group)
_BY_ID = select(*_ROW).where(groups.c.actor_id == bindparam("actor_id", type_=Id()))


_IN_PUBLIC = (
    select(func.count())
    .select_from(follows)
    .where(
        follows.c.follower_id == bindparam("follower", type_=Id()),
        follows.c.state == "accepted",
        follows.c.target_id.not_in(select(groups.c.actor_id).where(_PRIVATE)),
    )
)


def save(tx: Tx, group: Group) -> None:
    """Add a group whose actor exists, or change it."""
    upsert(tx, groups, {column.name: getattr(group, column.name) for column in _ROW}, ["actor_id"])
    note(tx, "actor")


def by_id(tx: Tx, actor_id: int) -> Group | None:
    """The group whose actor has this id. Asked once in a batch."""
    holds = held.of(tx)
    if holds is None or not holds.known:
        return one_of(tx, _BY_ID, Group, actor_id=actor_id)
    known = holds.known.setdefault(groups.name, {})
    if actor_id not in known:
        known[actor_id] = one_of(tx, _BY_ID, Group, actor_id=actor_id)
    found: Group | None = known[actor_id]
    return found


def by_ids(tx: Tx, ids: list[int]) -> dict[int, Group]:
    """The groups among these actors, by actor id."""
    if not ids:
        return {}
    return {group.actor_id: group for group in all_of(tx, select(*_ROW).where(groups.c.actor_id.in_(ids)), Group)}


def change(tx: Tx, actor_id: int, **values: Any) -> None:
    """Set columns of a group."""
    tx.execute(update(groups).where(groups.c.actor_id == actor_id).values(**values))
    note(tx, "actor")


def following_in_public(tx: Tx, follower_id: int) -> int:
    """How many an actor follows, without the groups that not everyone may read."""
    return tx.scalar(_IN_PUBLIC, {"follower": follower_id}) or 0


def listed(tx: Tx, limit: int, *, local: bool, before: int | None = None, language: str = "") -> list[Actor]:
    """Groups that want to be found, founded (or first heard of) last first: those of this instance, or those elsewhere
    that someone here is in. `before`: only those whose id is below this one; `language`: only those in it.
    """
    query = select(*columns(actors, Actor)).where(
        one_among(actors.c.kind, GROUP), actors.c.local == local, actors.c.state == "active", actors.c.discoverable
    )
    if not local:
        query = query.where(exists().where(follows.c.target_id == actors.c.id, follows.c.state == "accepted"))
    if before is not None:
        query = query.where(actors.c.id < before)
    if language:  # as it stands in JSON
        query = query.where(
            exists().where(groups.c.actor_id == actors.c.id, cast(groups.c.languages, Text).contains(f'"{language}"'))
        )
    return all_of(tx, query.order_by(actors.c.id.desc()).limit(limit), Actor)


def founded(tx: Tx, creator_id: int, since: int) -> int:
    """How many groups this actor founded after `since` ms."""
    query = (
        select(func.count()).select_from(groups).where(groups.c.creator_id == creator_id, groups.c.created_at > since)
    )
    return tx.scalar(query) or 0
