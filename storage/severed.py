"""Severed follows: those that ended because a peering did, so that each person has a list of what they lost, and it can be
brought back."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Boolean, Column, ForeignKey, Index, Table, Text, delete, func, select, update

from storage.metadata import Id, Time, Tx, all_of, columns, id_column, insert_new, metadata

severed = Table(
    "severed",
    metadata,
    id_column(),
    Column("host", Text, nullable=False),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),  # a person or group here
    Column("actor_iri", Text, nullable=False),  # who is there
    Column("handle", Text, nullable=False),
    Column("following", Boolean, nullable=False),  # whether the person followed them, or they the person
    Column(
        "cause", Text, nullable=False
    ),  # ended expired purged; put out: by a group of a peer, which may be the first of its end
    Column("at", Time, nullable=False),
    Column("restored_at", Time),
    Index("ix_severed_person_id", "person_id", "id"),
    Index("ix_severed_host", "host", "id"),
)


PUT_OUT = "put out"
_EVENT = 24 * 3600 * 1000
"""What is severed with one host within so long (ms) is one event: it may take some transactions."""


@dataclass(frozen=True, slots=True)
class Severed:
    """A row of `severed`; times in ms."""

    id: int
    host: str
    person_id: int
    actor_iri: str
    handle: str
    following: bool
    cause: str
    at: int
    restored_at: int | None


_ROW = columns(severed, Severed)


def insert(tx: Tx, row: Severed) -> None:
    """Note a follow that ended."""
    insert_new(tx, severed, {column.name: getattr(row, column.name) for column in _ROW})


def of_person(tx: Tx, person_id: int) -> list[Severed]:
    """What a person lost, newest first."""
    query = select(*_ROW).where(severed.c.person_id == person_id, severed.c.cause != PUT_OUT)
    return all_of(tx, query.order_by(severed.c.id.desc()), Severed)


def of_host(tx: Tx, host: str, *, after: int = 0, limit: int = 1_000) -> list[Severed]:
    """What was lost with a peer and is not back, oldest first; behind the id `after`."""
    query = select(*_ROW).where(
        severed.c.host == host, severed.c.restored_at.is_(None), severed.c.cause != PUT_OUT, severed.c.id > after
    )
    return all_of(tx, query.order_by(severed.c.id).limit(limit), Severed)


@dataclass(frozen=True, slots=True)
class Loss:
    """What a person lost with one host by one event: how many they followed and how many followed them, and when (ms)."""

    host: str
    following: int
    followers: int
    at: int


def newest_loss(tx: Tx, person_id: int) -> Loss | None:
    """What a person lost last."""
    last = tx.execute(
        select(severed.c.host, severed.c.at)
        .where(severed.c.person_id == person_id, severed.c.cause != PUT_OUT)
        .order_by(severed.c.id.desc())
        .limit(1)
    ).first()
    if last is None:
        return None
    out, back = lately(tx, person_id, last.at - _EVENT).get(last.host, (0, 0))
    return Loss(last.host, out, back, last.at)


def lately(tx: Tx, person_id: int, since: int) -> dict[str, tuple[int, int]]:
    """What a person lost since then (ms), by host: (how many they followed, how many followed them)."""
    found: dict[str, tuple[int, int]] = {}
    query = select(severed.c.host, severed.c.following, func.count()).where(
        severed.c.person_id == person_id, severed.c.cause != PUT_OUT, severed.c.at >= since
    )
    for host, following, number in tx.execute(query.group_by(severed.c.host, severed.c.following)):
        out, back = found.get(host, (0, 0))
        found[host] = (number, back) if following else (out, number)
    return found


def restored(tx: Tx, ids: Collection[int], now: int) -> None:
    """Note that these are back."""
    tx.execute(update(severed).where(severed.c.id.in_(ids)).values(restored_at=now))


def ended(tx: Tx, host: str, cause: str, since: int) -> list[int]:
    """Whom groups of a host put out since then (ms) was put out as the peering ended; who that was comes back."""
    lately = (severed.c.host == host, severed.c.cause == PUT_OUT, severed.c.at >= since)
    found = list(tx.scalars(select(severed.c.person_id).where(*lately).distinct()))
    tx.execute(update(severed).where(*lately).values(cause=cause))
    return found


def forget_put_out(tx: Tx, before: int) -> None:
    """Forget who was put out before `before` ms of a group whose peering goes on."""
    tx.execute(delete(severed).where(severed.c.cause == PUT_OUT, severed.c.at < before))
