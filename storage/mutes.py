"""Mutes: whom a person does not want to read, and threads of which they want to hear no more. Nobody is told."""

from dataclasses import dataclass

from sqlalchemy import Boolean, Column, ForeignKey, Index, Table, bindparam, delete, or_, select

from storage.metadata import Id, Time, Tx, id_column, insert_new, metadata
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


_MUTED_THREADS = select(thread_mutes.c.root_id).where(
    thread_mutes.c.person_id == bindparam("person", type_=Id()),
    thread_mutes.c.root_id.in_(bindparam("roots", type_=Id(), expanding=True)),
)


def muted_threads(tx: Tx, person_id: int, roots: list[int]) -> frozenset[int]:
    """Of which of these threads, by the id of their first post, a person wants to hear no more."""
    if not roots:
        return frozenset()
    return frozenset(root_id for (root_id,) in rows(tx, _MUTED_THREADS, {"person": person_id, "roots": roots}))


def mute_thread(tx: Tx, person_id: int, root_id: int, now: int) -> bool:
    """Hear no more of a thread; False when it was so already."""
    return insert_new(tx, thread_mutes, {"person_id": person_id, "root_id": root_id, "created_at": now}) == 1


def unmute_thread(tx: Tx, person_id: int, root_id: int) -> None:
    """Hear of a thread again."""
    tx.execute(delete(thread_mutes).where(thread_mutes.c.person_id == person_id, thread_mutes.c.root_id == root_id))
