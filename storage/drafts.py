"""Drafts: what a person has begun to write and not sent, and what could not be published, with everything that was typed."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Boolean, Column, ForeignKey, Index, Table, Text, delete, func, insert, select

from storage.metadata import Id, Json, Time, Tx, all_of, columns, id_column, metadata, one_of, set_columns
from storage.timelines import Page, bounded

drafts = Table(
    "drafts",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("text", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("warning", Text, nullable=False),
    Column("visibility", Text, nullable=False),
    Column("language", Text, nullable=False),  # empty: as the person writes
    Column("question", Boolean, nullable=False),
    Column("group_id", Id),  # where it goes; looked up when it is sent, as groups and posts go away
    Column("reply_to_id", Id),
    Column("media_ids", Json, nullable=False),  # [id]
    Column("poll", Json),  # {options, multiple, days}
    Column("problem", Text),  # why it was not published, where somebody tried
    Column("created_at", Time, nullable=False),
    Column("changed_at", Time, nullable=False),
    Index("ix_drafts_person_id", "person_id", "id"),
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A row of `drafts`; times in ms."""

    id: int
    person_id: int
    text: str
    title: str
    warning: str
    visibility: str
    language: str
    question: bool
    group_id: int | None
    reply_to_id: int | None
    media_ids: list[int]
    poll: dict[str, Any] | None
    problem: str | None
    created_at: int
    changed_at: int


_ROW = columns(drafts, Kept)


def insert_kept(tx: Tx, kept: Kept) -> None:
    """Add a draft."""
    tx.execute(insert(drafts).values({column.name: getattr(kept, column.name) for column in _ROW}))


def by_id(tx: Tx, draft_id: int, person_id: int) -> Kept | None:
    """The draft with this id, if it is this person's."""
    return one_of(tx, select(*_ROW).where(drafts.c.id == draft_id, drafts.c.person_id == person_id), Kept)


def of_person(tx: Tx, person_id: int, page: Page) -> list[Kept]:
    """The drafts of a person, newest first."""
    found = all_of(tx, bounded(select(*_ROW).where(drafts.c.person_id == person_id), drafts.c.id, page), Kept)
    return found[::-1] if page.min_id is not None else found


def number(tx: Tx, person_id: int) -> int:
    """How many drafts a person has."""
    return tx.scalar(select(func.count()).select_from(drafts).where(drafts.c.person_id == person_id)) or 0


def change(tx: Tx, draft_id: int, **values: Any) -> None:
    """Set columns of a draft."""
    set_columns(tx, drafts, drafts.c.id, draft_id, values)


def remove(tx: Tx, draft_id: int) -> None:
    """It was sent, or is not wanted any more."""
    tx.execute(delete(drafts).where(drafts.c.id == draft_id))


def remove_all(tx: Tx, person_id: int) -> None:
    """The person goes, and what they did not publish with them."""
    tx.execute(delete(drafts).where(drafts.c.person_id == person_id))
