"""Mutes: whom a person does not want to read, and threads of which they want to hear no more. Nobody is told."""

from dataclasses import dataclass

from sqlalchemy import Boolean, Column, ForeignKey, Index, Table, bindparam, or_, select

from storage.metadata import Id, Time, Tx, id_column, metadata
from storage.prepared import rows

mutes = Table(
    "mutes",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("notifications", Boolean, nullable=False),  # whether notifications are hidden too
    Column("until", Time),  # when it ends; without it, it does not
    Column("created_at", Time, nullable=False),
    Index("uq_mutes_pair", "person_id", "actor_id", unique=True),
    Index("ix_mutes_actor_id", "actor_id"),
)

thread_mutes = Table(
    "thread_mutes",
    metadata,
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("root_id", Id, primary_key=True, autoincrement=False),  # the first post of the thread
    Column("created_at", Time, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Mute:
    """A row of `mutes`; times in ms."""

    id: int
    person_id: int
    actor_id: int
    notifications: bool
    until: int | None
    created_at: int


_MUTED = select(mutes.c.actor_id, mutes.c.notifications).where(
    mutes.c.person_id == bindparam("person", type_=Id()),
    or_(mutes.c.until.is_(None), mutes.c.until > bindparam("now", type_=Time())),
)


def of_person(tx: Tx, person_id: int, now: int) -> dict[int, bool]:
    """Whom a person mutes at `now` ms, and whether their notifications too."""
    return {
        actor_id: bool(notifications) for actor_id, notifications in rows(tx, _MUTED, {"person": person_id, "now": now})
    }
