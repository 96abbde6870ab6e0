"""Appeals: the author asks once whether what moderators did to them was right, and another moderator decides."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Table, Text, select, update

from storage.metadata import Id, Time, Tx, all_of, columns, id_column, insert_new, metadata, one_of, set_columns

appeals = Table(
    "appeals",
    metadata,
    id_column(),
    Column("iri", Text, nullable=False, unique=True),  # of the Flag by which moderators elsewhere hear of it
    Column("moderation_id", Id, ForeignKey("moderations.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column("group_id", Id, ForeignKey("actors.id", ondelete="CASCADE")),
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),  # who appeals
    Column("text", Text, nullable=False),  # plain text
    Column("state", Text, nullable=False),  # open upheld overturned
    Column("due_at", Time, nullable=False),
    Column("words", Text),  # the answer
    Column("decided_by_id", Id, ForeignKey("actors.id", ondelete="SET NULL")),
    Column("decided_at", Time),
    Column("created_at", Time, nullable=False),
    Index("ix_appeals_group_id", "group_id", "state", "due_at"),
    Index("ix_appeals_state", "state", "due_at"),
    Index("ix_appeals_actor_id", "actor_id"),
)


@dataclass(frozen=True, slots=True)
class Appeal:
    """A row of `appeals`; times in ms. `upheld`: what was done stands; `overturned`: it was taken back."""

    id: int
    iri: str
    moderation_id: int
    group_id: int | None
    actor_id: int
    text: str
    state: str
    due_at: int
    created_at: int
    words: str | None = None
    decided_by_id: int | None = None
    decided_at: int | None = None


_ROW = columns(appeals, Appeal)


def insert(tx: Tx, appeal: Appeal) -> bool:
    """Add one; False when there is one about this act already."""
    return insert_new(tx, appeals, {column.name: getattr(appeal, column.name) for column in _ROW}) == 1


def change(tx: Tx, appeal_id: int, **values: Any) -> None:
    """Set columns of one."""
    set_columns(tx, appeals, appeals.c.id, appeal_id, values)


def by_id(tx: Tx, appeal_id: int) -> Appeal | None:
    """The one with this id."""
    return one_of(tx, select(*_ROW).where(appeals.c.id == appeal_id), Appeal)


def by_iri(tx: Tx, iri: str) -> Appeal | None:
    """The one that is known by this Flag."""
    return one_of(tx, select(*_ROW).where(appeals.c.iri == iri), Appeal)


def about(tx: Tx, moderation_id: int) -> Appeal | None:
    """The one about this act."""
    return one_of(tx, select(*_ROW).where(appeals.c.moderation_id == moderation_id), Appeal)


def waiting(tx: Tx, limit: int, *, group_id: int | None = None) -> list[Appeal]:
    """The open ones (of a group), the one that is due first at the top."""
    query = select(*_ROW).where(appeals.c.state == "open")
    if group_id is not None:
        query = query.where(appeals.c.group_id == group_id)
    return all_of(tx, query.order_by(appeals.c.due_at, appeals.c.id).limit(limit), Appeal)


def newest_of(tx: Tx, actor_id: int) -> Appeal | None:
    """The last appeal that somebody made."""
    query = select(*_ROW).where(appeals.c.actor_id == actor_id).order_by(appeals.c.id.desc()).limit(1)
    return one_of(tx, query, Appeal)


def forget(tx: Tx, actor_id: int) -> None:
    """Forget what somebody wrote in appeals: they are erased."""
    own = update(appeals).where(appeals.c.actor_id == actor_id)
    tx.execute(own.values(text=""))
    tx.execute(own.where(appeals.c.state == "open").values(state="upheld"))
