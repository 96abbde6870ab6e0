"""Envelopes: what was decided upon lately, kept to replay it under another policy. One row holds many: whoever decides about
a batch writes it as one row, and a job joins small ones.

What is in a row (`body`) is known to `federation.envelopes` alone; here it is bytes.
"""

from dataclasses import dataclass

from sqlalchemy import Boolean, Column, Index, Integer, Table, Text, delete, func, select, text

from storage.metadata import (
    Bytes,
    Time,
    Tx,
    all_of,
    columns,
    id_column,
    insert_later,
    insert_new,
    metadata,
    set_columns,
)

envelopes = Table(
    "envelopes",
    metadata,
    id_column(),
    Column("first_at", Time, nullable=False),
    Column("last_at", Time, nullable=False),
    Column("count", Integer, nullable=False),
    Column("body", Bytes, nullable=False),
    Column("joined", Boolean, nullable=False),  # whether it was made of small ones: what is in it was counted
    Index("ix_envelopes_last_at", "last_at"),
    Index("ix_envelopes_fresh", "id", sqlite_where=text("joined = 0"), postgresql_where=text("joined = false")),
)

envelope_erasures = Table(
    "envelope_erasures",
    metadata,
    Column("iri", Text, primary_key=True),  # an actor of whom nothing is to be kept
    Column("at", Time, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A row of `envelopes`; times in ms."""

    id: int
    first_at: int
    last_at: int
    count: int
    body: bytes
    joined: bool = False


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


def fresh(tx: Tx, limit: int) -> list[Chunk]:
    """Rows that were not joined yet, oldest first."""
    query = select(*_ROW).where(~envelopes.c.joined)
    return all_of(tx, query.order_by(envelopes.c.id).limit(limit), Chunk)


def oldest(tx: Tx, limit: int) -> list[tuple[int, int]]:
    """(id, how many it holds) of the oldest rows."""
    found = tx.execute(select(envelopes.c.id, envelopes.c.count).order_by(envelopes.c.id).limit(limit))
    return [(int(row[0]), int(row[1])) for row in found]


def ask_to_erase(tx: Tx, iri: str, at: int) -> None:
    """Note that nothing of this actor is to be kept."""
    insert_new(tx, envelope_erasures, {"iri": iri, "at": at})


def to_erase(tx: Tx, limit: int) -> list[str]:
    """Actors of whom nothing is to be kept, those first that were noted first."""
    query = select(envelope_erasures.c.iri).order_by(envelope_erasures.c.at, envelope_erasures.c.iri)
    return [str(iri) for iri in tx.scalars(query.limit(limit))]


def erased(tx: Tx, iris: list[str]) -> None:
    """Note that it is done."""
    tx.execute(delete(envelope_erasures).where(envelope_erasures.c.iri.in_(iris)))
