"""Endorsements: whom a person features on their profile; and suggestions that they do not want to see again."""

from dataclasses import dataclass

from sqlalchemy import Column, ForeignKey, Index, Table, delete, select

from storage.metadata import Id, Time, Tx, all_of, columns, id_column, insert_new, metadata
from storage.timelines import Page, bounded

endorsements = Table(
    "endorsements",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", Time, nullable=False),
    Index("uq_endorsements_pair", "person_id", "actor_id", unique=True),
)

dismissed_suggestions = Table(
    "dismissed_suggestions",
    metadata,
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
)


@dataclass(frozen=True, slots=True)
class Endorsement:
    """A row of `endorsements`."""

    id: int
    person_id: int
    actor_id: int
    created_at: int


_ROW = columns(endorsements, Endorsement)


def insert(tx: Tx, endorsement: Endorsement) -> bool:
    """Feature somebody; False when they are featured already."""
    return insert_new(tx, endorsements, {column.name: getattr(endorsement, column.name) for column in _ROW}) == 1


def remove(tx: Tx, person_id: int, actor_id: int) -> None:
    """Feature somebody no longer."""
    gone = delete(endorsements).where(endorsements.c.person_id == person_id, endorsements.c.actor_id == actor_id)
    tx.execute(gone)


def among(tx: Tx, person_id: int, others: list[int]) -> set[int]:
    """Those of these others whom a person features."""
    if not others:
        return set()
    query = select(endorsements.c.actor_id).where(
        endorsements.c.person_id == person_id, endorsements.c.actor_id.in_(others)
    )
    return set(tx.scalars(query))


def page_of(tx: Tx, person_id: int, page: Page) -> list[Endorsement]:
    """Whom a person features, newest first; the bounds of `page` are ids of endorsements."""
    query = select(*_ROW).where(endorsements.c.person_id == person_id)
    found = all_of(tx, bounded(query, endorsements.c.id, page), Endorsement)
    return found[::-1] if page.min_id is not None else found


def dismiss(tx: Tx, person_id: int, actor_id: int) -> None:
    """Suggest this one to the person no more."""
    insert_new(tx, dismissed_suggestions, {"person_id": person_id, "actor_id": actor_id})


def dismissed(tx: Tx, person_id: int) -> set[int]:
    """Whom a person does not want suggested."""
    query = select(dismissed_suggestions.c.actor_id).where(dismissed_suggestions.c.person_id == person_id)
    return set(tx.scalars(query))
