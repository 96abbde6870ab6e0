"""Scheduled posts: what a person wants published later, with everything that was asked for."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Table, Text, delete, func, insert, select

from storage.metadata import Id, Json, Time, Tx, all_of, columns, id_column, metadata, one_of, set_columns
from storage.timelines import Page, bounded

scheduled = Table(
    "scheduled",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("due_at", Time, nullable=False),
    Column("params", Json, nullable=False),  # as the client API takes them
    Column("media_ids", Json, nullable=False),  # [id]
    Column("app_id", Id),
    Column("idempotency_key", Text),
    Column("problem", Text),  # why it could not be published when it was time; it stays for its author
    Column("created_at", Time, nullable=False),
    Index("ix_scheduled_person_id", "person_id", "id"),
    Index("ix_scheduled_due_at", "due_at"),
)


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A row of `scheduled`; times in ms."""

    id: int
    person_id: int
    due_at: int
    params: dict[str, Any]
    media_ids: list[int]
    app_id: int | None
    idempotency_key: str | None
    problem: str | None
    created_at: int


_ROW = columns(scheduled, Scheduled)


def insert_scheduled(tx: Tx, made: Scheduled) -> None:
    """Add a scheduled post."""
    tx.execute(insert(scheduled).values({column.name: getattr(made, column.name) for column in _ROW}))


def by_id(tx: Tx, scheduled_id: int, person_id: int | None = None, *, to_change: bool = False) -> Scheduled | None:
    """The scheduled post with this id; with `person_id` only if it is theirs. `to_change`: no other transaction does
    anything to it before this one ends, and it is as it is after the one before."""
    query = select(*_ROW).where(scheduled.c.id == scheduled_id)
    if to_change:
        query = query.with_for_update()
    if person_id is not None:
        query = query.where(scheduled.c.person_id == person_id)
    return one_of(tx, query, Scheduled)


def of_person(tx: Tx, person_id: int, page: Page) -> list[Scheduled]:
    """The scheduled posts of a person, newest first."""
    query = bounded(select(*_ROW).where(scheduled.c.person_id == person_id), scheduled.c.id, page)
    found = all_of(tx, query, Scheduled)
    return found[::-1] if page.min_id is not None else found


def totals(tx: Tx, person_id: int, begin: int, end: int) -> tuple[int, int]:
    """(how many a person has, how many of them are due from `begin` to before `end` in ms)."""
    mine = select(func.count()).select_from(scheduled).where(scheduled.c.person_id == person_id)
    then = mine.where(scheduled.c.due_at >= begin, scheduled.c.due_at < end)
    return tx.scalar(mine) or 0, tx.scalar(then) or 0


def change(tx: Tx, scheduled_id: int, **values: object) -> None:
    """Set columns of a scheduled post."""
    set_columns(tx, scheduled, scheduled.c.id, scheduled_id, values)


def remove(tx: Tx, scheduled_id: int) -> None:
    """It is published, or given up."""
    tx.execute(delete(scheduled).where(scheduled.c.id == scheduled_id))
