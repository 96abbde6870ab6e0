"""Sequence numbers: what was sent to a peer under which numbers, and which of a peer's have arrived, so that both sides can
prove it. Numbers have no gaps within an epoch; a new epoch begins when a server was restored from a backup.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, bindparam, delete, select

from storage.metadata import Json, Time, Tx, all_of, columns, id_column, insert_new, metadata, one_of, upsert

sequences_out = Table(
    "sequences_out",
    metadata,
    id_column(),
    Column("host", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("first", BigInteger, nullable=False),  # the number of the first of `activities`; the others follow it
    Column("last", BigInteger, nullable=False),
    Column("activities", Json, nullable=False),  # their ids
    Column("at", Time, nullable=False),
    Index("ix_sequences_out_host", "host", "epoch", "last"),
    Index("ix_sequences_out_at", "at"),
)
sequences_in = Table(
    "sequences_in",
    metadata,
    Column("host", Text, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("last", BigInteger, nullable=False),  # the highest that arrived
    Column("last_at", Time, nullable=False),
    Column("gaps", Json, nullable=False),  # [[first, last]] of those below it that did not, oldest first
)


@dataclass(frozen=True, slots=True)
class Sent:
    """A row of `sequences_out`; times in ms."""

    id: int
    host: str
    epoch: int
    first: int
    last: int
    activities: list[str]
    at: int


@dataclass(frozen=True, slots=True)
class Heard:
    """A row of `sequences_in`; times in ms."""

    host: str
    epoch: int
    last: int
    last_at: int
    gaps: list[list[int]]


_SENT = columns(sequences_out, Sent)
_HEARD = columns(sequences_in, Heard)
_LOCKED = (
    select(*_HEARD)
    .where(sequences_in.c.host.in_(bindparam("hosts", type_=Text(), expanding=True)))
    .order_by(sequences_in.c.host)
    .with_for_update()
)


def sent(tx: Tx, row: Sent) -> None:
    """Note what was sent to a peer under which numbers."""
    insert_new(tx, sequences_out, {column.name: getattr(row, column.name) for column in _SENT})


def between(tx: Tx, host: str, epoch: int, first: int, last: int, limit: int = 500) -> list[Sent]:
    """What was sent to a peer under these numbers, in order; whole rows, which may hold others as well."""
    query = select(*_SENT).where(
        sequences_out.c.host == host,
        sequences_out.c.epoch == epoch,
        sequences_out.c.last >= first,
        sequences_out.c.first <= last,
    )
    return all_of(tx, query.order_by(sequences_out.c.last).limit(limit), Sent)


def forget(tx: Tx, before: int) -> None:
    """Forget what was sent before `before` ms."""
    tx.execute(delete(sequences_out).where(sequences_out.c.at < before))


def save_heard(tx: Tx, row: Heard) -> None:
    """Set what arrived of a peer."""
    upsert(tx, sequences_in, {column.name: getattr(row, column.name) for column in _HEARD}, ["host"])


def heard(tx: Tx, host: str) -> Heard | None:
    """What arrived of a peer."""
    return one_of(tx, select(*_HEARD).where(sequences_in.c.host == host), Heard)


def locked(tx: Tx, hosts: Sequence[str]) -> dict[str, Heard]:
    """What arrived of these peers, by host; nobody else changes it until the transaction ends."""
    return {row.host: row for row in all_of(tx, _LOCKED, Heard, hosts=list(hosts))}
