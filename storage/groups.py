"""Groups: what a group has beside its row in `storage.actors`; rows for local groups, and for remote ones we know."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ForeignKey, Table, Text, select, update

from storage.metadata import Id, Json, Time, Tx, all_of, columns, metadata, one_of, upsert

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
)

JOIN_MODES = ("open", "approval", "invite")
SEE = ("public", "peers", "members")


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


_ROW = columns(groups, Group)


def save(tx: Tx, group: Group) -> None:
    """Add a group whose actor exists, or change it."""
    upsert(tx, groups, {column.name: getattr(group, column.name) for column in _ROW}, ["actor_id"])


def by_id(tx: Tx, actor_id: int) -> Group | None:
    """The group whose actor has this id."""
    return one_of(tx, select(*_ROW).where(groups.c.actor_id == actor_id), Group)


def by_ids(tx: Tx, ids: list[int]) -> dict[int, Group]:
    """The groups among these actors, by actor id."""
    if not ids:
        return {}
    return {group.actor_id: group for group in all_of(tx, select(*_ROW).where(groups.c.actor_id.in_(ids)), Group)}


def change(tx: Tx, actor_id: int, **values: Any) -> None:
    """Set columns of a group."""
    tx.execute(update(groups).where(groups.c.actor_id == actor_id).values(**values))
