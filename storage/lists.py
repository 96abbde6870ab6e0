"""Lists: which of those that a person follows are read in one timeline; a list may be of one group, kept in step with it."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Boolean, Column, ForeignKey, Index, Table, Text, delete, func, select, update

from storage.metadata import Id, Time, Tx, all_of, columns, id_column, insert_new, metadata, one_of

lists = Table(
    "lists",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("title", Text, nullable=False),
    Column("replies_policy", Text, nullable=False),  # list followed none
    Column("exclusive", Boolean, nullable=False),  # what is in it is not in home
    Column(
        "group_id", Id, ForeignKey("actors.id", ondelete="CASCADE")
    ),  # made by joining this group, gone by leaving it
    Column("created_at", Time, nullable=False),
    Index("ix_lists_person_id", "person_id", "id"),
)

list_members = Table(
    "list_members",
    metadata,
    id_column(),  # the cursor of the list's accounts
    Column("list_id", Id, ForeignKey("lists.id", ondelete="CASCADE"), nullable=False),
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Index("uq_list_members_pair", "list_id", "actor_id", unique=True),
    Index("ix_list_members_actor_id", "actor_id"),
)

POLICIES = ("list", "followed", "none")
"""Which replies a list shows: to its members, to whom the person follows, none (beside those to the person)."""


@dataclass(frozen=True, slots=True)
class List:
    """A row of `lists`. `group_id`: it was made because its person is in this group, and nobody changed it since."""

    id: int
    person_id: int
    title: str
    replies_policy: str
    exclusive: bool
    group_id: int | None
    created_at: int


_ROW = columns(lists, List)


def insert(tx: Tx, made: List) -> None:
    """Add a list."""
    tx.execute(lists.insert().values({column.name: getattr(made, column.name) for column in _ROW}))


def change(tx: Tx, list_id: int, **values: Any) -> None:
    """Set columns of a list."""
    tx.execute(update(lists).where(lists.c.id == list_id).values(**values))


def remove(tx: Tx, list_id: int) -> None:
    """Take a list away, with who is in it."""
    tx.execute(delete(list_members).where(list_members.c.list_id == list_id))
    tx.execute(delete(lists).where(lists.c.id == list_id))


def find(tx: Tx, person_id: int, list_id: int) -> List | None:
    """The list of this person with this id."""
    return one_of(tx, select(*_ROW).where(lists.c.id == list_id, lists.c.person_id == person_id), List)


def of_person(tx: Tx, person_id: int) -> list[List]:
    """A person's lists, oldest first."""
    return all_of(tx, select(*_ROW).where(lists.c.person_id == person_id).order_by(lists.c.id), List)


def with_member(tx: Tx, person_id: int, actor_id: int) -> list[List]:
    """The lists of a person that this actor is in, oldest first."""
    inside = select(list_members.c.list_id).where(list_members.c.actor_id == actor_id)
    query = select(*_ROW).where(lists.c.person_id == person_id, lists.c.id.in_(inside))
    return all_of(tx, query.order_by(lists.c.id), List)


def of_group(tx: Tx, group_id: int) -> list[List]:
    """The lists of everyone's that were made for this group and hold it still."""
    inside = select(list_members.c.list_id).where(list_members.c.actor_id == group_id)
    return all_of(tx, select(*_ROW).where(lists.c.group_id == group_id, lists.c.id.in_(inside)), List)


def total(tx: Tx, person_id: int) -> int:
    """How many lists a person made by hand."""
    query = select(func.count()).select_from(lists).where(lists.c.person_id == person_id, lists.c.group_id.is_(None))
    return tx.scalar(query) or 0


def add(tx: Tx, row_id: int, list_id: int, actor_id: int) -> bool:
    """Put an actor into a list; `row_id` is a new id, the cursor. False when it is in it already."""
    return insert_new(tx, list_members, {"id": row_id, "list_id": list_id, "actor_id": actor_id}) == 1


def drop(tx: Tx, list_id: int, actor_ids: list[int]) -> None:
    """Take actors out of a list."""
    if actor_ids:
        tx.execute(
            delete(list_members).where(list_members.c.list_id == list_id, list_members.c.actor_id.in_(actor_ids))
        )


def take_out(tx: Tx, person_id: int, actor_id: int) -> None:
    """Take an actor out of every list of a person."""
    theirs = select(lists.c.id).where(lists.c.person_id == person_id)
    tx.execute(delete(list_members).where(list_members.c.actor_id == actor_id, list_members.c.list_id.in_(theirs)))


def members(
    tx: Tx,
    list_id: int,
    limit: int | None,
    max_id: int | None = None,
    since_id: int | None = None,
    min_id: int | None = None,
) -> list[tuple[int, int]]:
    """(cursor, actor's id) of who is in a list, last added first; all of them without a `limit`."""
    query = select(list_members.c.id, list_members.c.actor_id).where(list_members.c.list_id == list_id)
    if max_id is not None:
        query = query.where(list_members.c.id < max_id)
    if since_id is not None:
        query = query.where(list_members.c.id > since_id)
    if min_id is not None:
        above = query.where(list_members.c.id > min_id).order_by(list_members.c.id).limit(limit)
        return [(row.id, row.actor_id) for row in tx.execute(above)][::-1]
    return [(row.id, row.actor_id) for row in tx.execute(query.order_by(list_members.c.id.desc()).limit(limit))]
