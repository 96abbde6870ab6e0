"""Envelopes: what was decided upon lately, kept to replay it under another policy. One row holds many: whoever decides about
a batch writes it as one row, and a job joins small ones.

What is in a row (`body`) is known to `federation.policy.envelopes` alone; here it is bytes.
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
_LOCK = select(func.pg_advisory_xact_lock(7045))


def insert(tx: Tx, chunk: Chunk) -> None:
    """Keep several."""
    insert_later(tx, envelopes, {column.name: getattr(chunk, column.name) for column in _ROW})


def listed(tx: Tx, since: int, until: int | None = None) -> list[tuple[int, int]]:
    """(id, how many it holds) of every joined row with something of `since` ms or later, and of `until` or before, in the
    order of time."""
    query = select(envelopes.c.id, envelopes.c.count).where(envelopes.c.joined, envelopes.c.last_at >= since)
    if until is not None:
        query = query.where(envelopes.c.first_at <= until)
    return [(int(row[0]), int(row[1])) for row in tx.execute(query.order_by(envelopes.c.first_at, envelopes.c.id))]


def these(tx: Tx, ids: list[int]) -> list[Chunk]:
    """Those of these rows that are still there, in the order of time."""
    query = select(*_ROW).where(envelopes.c.id.in_(ids))
    return all_of(tx, query.order_by(envelopes.c.first_at, envelopes.c.id), Chunk)


def around(tx: Tx, at: int, until: int) -> list[Chunk]:
    """Rows with something of between `at` and `until` ms."""
    query = select(*_ROW).where(envelopes.c.last_at >= at, envelopes.c.first_at <= until)
    return all_of(tx, query.order_by(envelopes.c.id), Chunk)


def replace(tx: Tx, chunk_id: int, count: int, body: bytes) -> None:
    """Put other bytes in the place of a row's, as some of what it held is erased; without any it goes."""
    if not count:
        drop(tx, [chunk_id])
        return
    set_columns(tx, envelopes, envelopes.c.id, chunk_id, {"count": count, "body": body})


def drop(tx: Tx, ids: list[int]) -> int:
    """Forget rows; how many were there."""
    return tx.execute(delete(envelopes).where(envelopes.c.id.in_(ids))).rowcount


def forget(tx: Tx, before: int) -> int:
    """Forget rows with nothing of `before` ms or later; how many."""
    return tx.execute(delete(envelopes).where(envelopes.c.last_at < before)).rowcount


def total(tx: Tx) -> int:
    """How many envelopes all rows hold."""
    return int(tx.scalar(select(func.sum(envelopes.c.count))) or 0)


def lock(tx: Tx) -> None:
    """Let no other transaction join or erase rows until this one ends."""
    if tx.dialect.name == "postgresql":
        tx.execute(_LOCK)


def fresh(tx: Tx, limit: int) -> list[Chunk]:
    """Rows that were not joined yet, oldest first."""
    query = select(*_ROW).where(~envelopes.c.joined)
    return all_of(tx, query.order_by(envelopes.c.id).limit(limit), Chunk)


def fresh_ids(tx: Tx) -> list[int]:
    """The ids of the rows that were not joined yet, oldest first."""
    return list(tx.scalars(select(envelopes.c.id).where(~envelopes.c.joined).order_by(envelopes.c.id)))


def oldest(tx: Tx, limit: int) -> list[tuple[int, int]]:
    """(id, how many it holds) of the oldest rows."""
    found = tx.execute(select(envelopes.c.id, envelopes.c.count).order_by(envelopes.c.id).limit(limit))
    return [(int(row[0]), int(row[1])) for row in found]


def ask_to_erase(tx: Tx, iri: str, at: int) -> None:
    """Note that nothing of this actor is to be kept."""
    insert_new(tx, envelope_erasures, {"iri": iri, "at": at})


def to_erase(tx: Tx, limit: int) -> list[tuple[str, int]]:
    """(actor of whom nothing is to be kept, since when) of those that were noted first."""
    query = select(envelope_erasures.c.iri, envelope_erasures.c.at)
    found = tx.execute(query.order_by(envelope_erasures.c.at, envelope_erasures.c.iri).limit(limit))
    return [(str(row[0]), int(row[1])) for row in found]


def erased(tx: Tx, iris: list[str]) -> None:
    """Note that it is done."""
    tx.execute(delete(envelope_erasures).where(envelope_erasures.c.iri.in_(iris)))
