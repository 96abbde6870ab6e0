"""Envelopes: what was decided upon lately, kept to replay it under another policy. One row holds many: whoever decides about
a batch writes it as one row, and a job joins small ones.

What is in a row (`body`) is known to `fedi.actions.envelopes` alone; here it is bytes.
"""

from dataclasses import dataclass

from sqlalchemy import Column, Index, Integer, Table, delete, func, select

from storage.metadata import Bytes, Time, Tx, all_of, columns, id_column, insert_later, metadata, set_columns

envelopes = Table(
    "envelopes",
    metadata,
    id_column(),
    Column("first_at", Time, nullable=False),
    Column("last_at", Time, nullable=False),
    Column("count", Integer, nullable=False),
    Column("body", Bytes, nullable=False),
    Index("ix_envelopes_last_at", "last_at"),
)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A row of `envelopes`; times in ms."""

    id: int
    first_at: int
    last_at: int
    count: int
    body: bytes


_ROW = columns(envelopes, Chunk)


def insert(tx: Tx, chunk: Chunk) -> None:
    """Keep several."""
    insert_later(tx, envelopes, {column.name: getattr(chunk, column.name) for column in _ROW})


def since(tx: Tx, at: int, after: int = 0, limit: int = 100) -> list[Chunk]:
    """Rows with something of `at` ms or later, in order of their ids, after the id `after`."""
    query = select(*_ROW).where(envelopes.c.last_at >= at, envelopes.c.id > after)
    return all_of(tx, query.order_by(envelopes.c.id).limit(limit), Chunk)


def around(tx: Tx, at: int, until: int) -> list[Chunk]:
    """Rows with something of between `at` and `until` ms."""
    query = select(*_ROW).where(envelopes.c.last_at >= at, envelopes.c.first_at <= until)
    return all_of(tx, query.order_by(envelopes.c.id), Chunk)


def replace(tx: Tx, chunk_id: int, count: int, body: bytes) -> None:
    """Put other bytes in the place of a row's, as some of what it held is erased."""
    set_columns(tx, envelopes, envelopes.c.id, chunk_id, {"count": count, "body": body})


def drop(tx: Tx, ids: list[int]) -> None:
    """Forget rows, as what they held is in another."""
    tx.execute(delete(envelopes).where(envelopes.c.id.in_(ids)))


def forget(tx: Tx, before: int) -> int:
    """Forget rows with nothing of `before` ms or later; how many."""
    return tx.execute(delete(envelopes).where(envelopes.c.last_at < before)).rowcount


def total(tx: Tx) -> int:
    """How many envelopes all rows hold."""
    return int(tx.scalar(select(func.sum(envelopes.c.count))) or 0)
