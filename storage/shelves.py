"""Shelves of a group's library, and which items stand on each."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, ForeignKey, Index, Table, Text, delete, exists, select, update

from storage.library import entries, items
from storage.metadata import Id, Time, Tx, all_of, columns, id_column, insert_new, metadata, one_of
from storage.posts import posts

shelves = Table(
    "library_shelves",
    metadata,
    id_column(),
    Column("group_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("iri", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Index("ix_library_shelves_group_id", "group_id", "id"),
)
shelved = Table(
    "library_shelved",
    metadata,
    Column("shelf_id", Id, ForeignKey("library_shelves.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("item_id", Id, ForeignKey("library_items.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("created_at", Time, nullable=False),
    Index("ix_library_shelved_item_id", "item_id"),
)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A row of `library_shelves`."""

    id: int
    group_id: int
    iri: str
    name: str
    created_at: int


_ROW = columns(shelves, Shelf)


def insert(tx: Tx, shelf: Shelf) -> bool:
    """Add a shelf; False when its IRI is known."""
    return insert_new(tx, shelves, {name: getattr(shelf, name) for name in shelf.__slots__}) == 1


def of(tx: Tx, group_id: int, limit: int) -> list[Shelf]:
    """The shelves of a group, by name."""
    query = select(*_ROW).where(shelves.c.group_id == group_id).order_by(shelves.c.name, shelves.c.id)
    return all_of(tx, query.limit(limit), Shelf)


def by_id(tx: Tx, shelf_id: int) -> Shelf | None:
    """The shelf with this id."""
    return one_of(tx, select(*_ROW).where(shelves.c.id == shelf_id), Shelf)


def by_iri(tx: Tx, iri: str) -> Shelf | None:
    """The shelf with this IRI."""
    return one_of(tx, select(*_ROW).where(shelves.c.iri == iri), Shelf)


def rename(tx: Tx, shelf_id: int, name: str) -> None:
    """Call a shelf otherwise."""
    tx.execute(update(shelves).where(shelves.c.id == shelf_id).values(name=name))


def remove(tx: Tx, shelf_id: int) -> None:
    """Take a shelf away; what stood on it stays in the library."""
    tx.execute(delete(shelves).where(shelves.c.id == shelf_id))


def put(tx: Tx, shelf_id: int, item_id: int, now: int) -> bool:
    """Put an item on a shelf; False when it stood there."""
    return insert_new(tx, shelved, {"shelf_id": shelf_id, "item_id": item_id, "created_at": now}) == 1


def take(tx: Tx, shelf_id: int, item_id: int) -> bool:
    """Take an item from a shelf; whether it stood there."""
    where = (shelved.c.shelf_id == shelf_id) & (shelved.c.item_id == item_id)
    return tx.execute(delete(shelved).where(where)).rowcount > 0


def of_items(tx: Tx, item_ids: Collection[int]) -> dict[int, list[Shelf]]:
    """The shelves on which each of these items stands."""
    found: dict[int, list[Shelf]] = {}
    if item_ids:
        query = select(shelved.c.item_id, *_ROW).join(shelved, shelved.c.shelf_id == shelves.c.id)
        for item_id, *row in tx.execute(query.where(shelved.c.item_id.in_(list(item_ids))).order_by(shelves.c.name)):
            found.setdefault(item_id, []).append(Shelf(*row))
    return found


def merge(tx: Tx, item_id: int, others: Collection[int]) -> None:
    """Let an item stand wherever these others stood."""
    if others:
        for shelf_id, at in tx.execute(
            select(shelved.c.shelf_id, shelved.c.created_at).where(shelved.c.item_id.in_(list(others)))
        ).all():
            put(tx, shelf_id, item_id, at)


def stands_on(shelf_id: int) -> ColumnElement[bool]:
    """The condition on rows of `library_items` that they stand on a shelf, for `storage.library.listed`."""
    return exists(select(shelved.c.item_id).where(shelved.c.shelf_id == shelf_id, shelved.c.item_id == items.c.id))


def posts_on(tx: Tx, shelf_id: int, visible: ColumnElement[bool], limit: int) -> list[str]:
    """The IRIs of the posts whose items stand on a shelf, last put first, as far as who asks may see them."""
    query = select(posts.c.iri).join(entries, entries.c.post_id == posts.c.id)
    query = query.join(shelved, shelved.c.item_id == entries.c.item_id)
    query = query.where(shelved.c.shelf_id == shelf_id, visible)
    return list(tx.scalars(query.order_by(shelved.c.created_at.desc(), posts.c.id).limit(limit)))
