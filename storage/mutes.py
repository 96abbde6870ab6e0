"""Mutes: whom a person does not want to read, and threads of which they want to hear no more. Nobody is told."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Boolean, Column, ColumnElement, ForeignKey, Index, Table, and_, bindparam, delete, or_, select

from storage.metadata import Id, Time, Tx, all_of, columns, id_column, insert_new, metadata, upsert
from storage.prepared import rows
from storage.timelines import Page, bounded

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
Index(
    "ix_mutes_until", mutes.c.until, sqlite_where=mutes.c.until.isnot(None), postgresql_where=mutes.c.until.isnot(None)
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


_ROW = columns(mutes, Mute)
_MUTED = select(mutes.c.actor_id, mutes.c.notifications).where(
    mutes.c.person_id == bindparam("person", type_=Id()),
    or_(mutes.c.until.is_(None), mutes.c.until > bindparam("now", type_=Time())),
)


def of_person(tx: Tx, person_id: int, now: int) -> dict[int, bool]:
    """Whom a person mutes at `now` ms, and whether their notifications too."""
    return {
        actor_id: bool(notifications) for actor_id, notifications in rows(tx, _MUTED, {"person": person_id, "now": now})
    }


def save(tx: Tx, mute: Mute) -> None:
    """Mute somebody, or change how: the row of this pair keeps its id and its date."""
    values = {column.name: getattr(mute, column.name) for column in _ROW}
    known = {name: values[name] for name in ("notifications", "until")}
    if not tx.execute(mutes.update().where(_pair(mute.person_id, mute.actor_id)).values(known)).rowcount:
        upsert(tx, mutes, values, ["person_id", "actor_id"])


def remove(tx: Tx, person_id: int, actor_id: int) -> None:
    """Mute somebody no longer."""
    tx.execute(delete(mutes).where(_pair(person_id, actor_id)))


def _pair(person_id: int, actor_id: int) -> ColumnElement[bool]:
    return and_(mutes.c.person_id == person_id, mutes.c.actor_id == actor_id)


def among(tx: Tx, person_id: int, others: list[int], now: int) -> dict[int, Mute]:
    """The mutes of these others by a person that last at `now` ms, by the other's id."""
    if not others:
        return {}
    query = select(*_ROW).where(mutes.c.person_id == person_id, mutes.c.actor_id.in_(others), _lasts(now))
    return {mute.actor_id: mute for mute in all_of(tx, query, Mute)}


def page_of(tx: Tx, person_id: int, page: Page, now: int) -> list[Mute]:
    """The mutes of a person that last at `now` ms, newest first; the bounds of `page` are ids of mutes."""
    query = select(*_ROW).where(mutes.c.person_id == person_id, _lasts(now))
    found = all_of(tx, bounded(query, mutes.c.id, page), Mute)
    return found[::-1] if page.min_id is not None else found


def _lasts(now: int) -> ColumnElement[bool]:
    return or_(mutes.c.until.is_(None), mutes.c.until > now)


def carry_over(tx: Tx, actor_id: int, ids: Iterator[int], to_id: int, now: int) -> None:
    """Who mutes `actor_id` mutes `to_id` as well, until the same time; `ids` are for the new rows."""
    query = select(*_ROW).where(mutes.c.actor_id == actor_id, mutes.c.person_id != to_id, _lasts(now))
    for mute in all_of(tx, query, Mute):
        row = {**{column.name: getattr(mute, column.name) for column in _ROW}, "id": next(ids), "actor_id": to_id}
        insert_new(tx, mutes, row)


def lapse(tx: Tx, now: int) -> int:
    """Remove mutes that ended before `now` (ms); how many there were."""
    return tx.execute(delete(mutes).where(mutes.c.until <= now)).rowcount


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


def move_thread(tx: Tx, old_root: int, new_root: int) -> None:
    """The posts of a thread hang below another's first post now."""
    there = select(thread_mutes.c.person_id).where(thread_mutes.c.root_id == new_root)
    tx.execute(delete(thread_mutes).where(thread_mutes.c.root_id == old_root, thread_mutes.c.person_id.in_(there)))
    tx.execute(thread_mutes.update().where(thread_mutes.c.root_id == old_root).values(root_id=new_root))
