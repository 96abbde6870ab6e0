"""Directories of institutions that we read, and what each says of its entries. An entry is a draft: never trust by itself."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, delete, select, update

from storage.metadata import Id, Json, Time, Tx, all_of, columns, id_column, insert_new, metadata, one_of, set_columns

directories = Table(
    "directories",
    metadata,
    id_column(),
    Column("url", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),  # aggregate (one signed file) federation (OpenID Federation)
    Column("keys", Json, nullable=False),  # the keys (JWK) that were pinned
    Column("sequence", BigInteger),  # of the last that was believed: an older one is not
    Column("digest", Text),  # of what it said then: another file may not have the same number
    Column("etag", Text),
    Column("expires_at", Time),
    Column("asked_at", Time),
    Column("believed_at", Time),
    Column("problem", Text),  # why the last try failed
    Column("left_out", Text),  # which entries of the last could not be read, and why
    Column("created_at", Time, nullable=False),
)
directory_entries = Table(
    "directory_entries",
    metadata,
    id_column(),
    Column("directory_id", Id, ForeignKey("directories.id", ondelete="CASCADE"), nullable=False),
    Column("host", Text, nullable=False),
    Column("body", Json, nullable=False),
    Column("state", Text, nullable=False),  # draft taken left gone
    Column("changed_at", Time, nullable=False),
    Column("asserted", Integer, nullable=False),  # how often it was read unchanged
    Index("uq_directory_entries", "directory_id", "host", unique=True),
    Index("ix_directory_entries_host", "host"),
)


@dataclass(frozen=True, slots=True)
class DirectoryRow:
    """A row of `directories`; times in ms."""

    id: int
    url: str
    kind: str
    keys: list[dict[str, Any]]
    sequence: int | None
    digest: str | None
    etag: str | None
    expires_at: int | None
    asked_at: int | None
    believed_at: int | None
    problem: str | None
    left_out: str | None
    created_at: int


@dataclass(frozen=True, slots=True)
class EntryRow:
    """A row of `directory_entries`; times in ms."""

    id: int
    directory_id: int
    host: str
    body: dict[str, Any]
    state: str
    changed_at: int
    asserted: int


_ROW = columns(directories, DirectoryRow)
_ENTRY = columns(directory_entries, EntryRow)


def insert(tx: Tx, row: DirectoryRow) -> bool:
    """Add one; False when its URL is known."""
    return insert_new(tx, directories, {column.name: getattr(row, column.name) for column in _ROW}) == 1


def change(tx: Tx, directory_id: int, **values: Any) -> None:
    """Set columns of one."""
    set_columns(tx, directories, directories.c.id, directory_id, values)


def everyone(tx: Tx) -> list[DirectoryRow]:
    """All, by URL."""
    return all_of(tx, select(*_ROW).order_by(directories.c.url), DirectoryRow)


def by_url(tx: Tx, url: str) -> DirectoryRow | None:
    """The one at this URL."""
    return one_of(tx, select(*_ROW).where(directories.c.url == url), DirectoryRow)


def insert_entry(tx: Tx, row: EntryRow) -> bool:
    """Add an entry; False when the directory has one of this host."""
    return insert_new(tx, directory_entries, {column.name: getattr(row, column.name) for column in _ENTRY}) == 1


def change_entry(tx: Tx, entry_id: int, **values: Any) -> None:
    """Set columns of an entry."""
    set_columns(tx, directory_entries, directory_entries.c.id, entry_id, values)


def forget(tx: Tx, directory_id: int) -> None:
    """Read a directory no more; what it said goes with it."""
    tx.execute(delete(directory_entries).where(directory_entries.c.directory_id == directory_id))
    tx.execute(delete(directories).where(directories.c.id == directory_id))


def said_again(tx: Tx, directory_id: int) -> None:
    """Count that a directory says all that it said before; of entries that it changed this is written anew."""
    again = update(directory_entries).where(
        directory_entries.c.directory_id == directory_id, directory_entries.c.state != "gone"
    )
    tx.execute(again.values(asserted=directory_entries.c.asserted + 1))


def by_id(tx: Tx, directory_id: int) -> DirectoryRow | None:
    """The one with this id."""
    return one_of(tx, select(*_ROW).where(directories.c.id == directory_id), DirectoryRow)


def entries(tx: Tx, directory_id: int) -> list[EntryRow]:
    """The entries of a directory, by host."""
    query = select(*_ENTRY).where(directory_entries.c.directory_id == directory_id)
    return all_of(tx, query.order_by(directory_entries.c.host), EntryRow)


def about(tx: Tx, host: str) -> list[EntryRow]:
    """What all directories say of a host."""
    query = select(*_ENTRY).where(directory_entries.c.host == host).order_by(directory_entries.c.directory_id)
    return all_of(tx, query, EntryRow)
