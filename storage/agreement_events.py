"""What happened to agreements: each message and each act of ours, in order, chained by hash. Rows are only added."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Table, Text, bindparam, func, select

from storage import chains
from storage.metadata import Bytes, Id, Time, Tx, all_of, columns, id_column, insert_new, metadata

agreement_events = Table(
    "agreement_events",
    metadata,
    id_column(),
    Column("agreement_id", Id, ForeignKey("agreements.id", ondelete="CASCADE"), nullable=False),
    Column("at", Time, nullable=False),
    Column("who", Text, nullable=False),  # a person's name here, or the IRI of the actor there
    # offer review sign refuse withdraw suspend resume notice end expire remind ignore sent waits undelivered tier
    Column("kind", Text, nullable=False),
    Column("text", Text, nullable=False),  # in words
    Column("body", Bytes),  # the message as it came or went
    Column("before", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index("ix_agreement_events_agreement_id", "agreement_id", "id"),
)


@dataclass(frozen=True, slots=True)
class Event:
    """A row of `agreement_events`; times in ms."""

    id: int
    agreement_id: int
    at: int
    who: str
    kind: str
    text: str
    body: bytes | None
    before: str
    hash: str


_ROW = columns(agreement_events, Event)
_LAST = (
    select(agreement_events.c.id, agreement_events.c.hash)
    .where(agreement_events.c.agreement_id == bindparam("agreement"))
    .order_by(agreement_events.c.id.desc())
    .limit(1)
)
_LOCK = select(func.pg_advisory_xact_lock(7046))


def add(
    tx: Tx, event_id: int, agreement_id: int, at: int, who: str, kind: str, text: str, body: bytes | None = None
) -> Event:
    """Note what happened at `at` ms; it is chained to the last event of the same agreement."""
    if tx.dialect.name == "postgresql":
        tx.execute(_LOCK)  # two that follow the same row would be a fork
    last = tx.execute(_LAST, {"agreement": agreement_id}).first()
    before = last.hash if last is not None else chains.START
    event_id = max(event_id, last.id + 1) if last is not None else event_id  # in the order in which they are chained
    event = Event(event_id, agreement_id, at, who, kind, text, body, before, "")
    row = {column.name: getattr(event, column.name) for column in _ROW} | {"hash": _hash(event)}
    insert_new(tx, agreement_events, row)
    return Event(**row)


def of_agreement(tx: Tx, agreement_id: int) -> list[Event]:
    """The events of an agreement, oldest first."""
    query = select(*_ROW).where(agreement_events.c.agreement_id == agreement_id)
    return all_of(tx, query.order_by(agreement_events.c.id), Event)


def broken(events: list[Event]) -> Event | None:
    """The first of an agreement's events that does not follow the one before it, or was changed; None when all are sound."""
    before = chains.START
    for event in events:
        if event.before != before or event.hash != _hash(event):
            return event
        before = event.hash
    return None


def _hash(event: Event) -> str:
    said: dict[str, Any] = {
        "agreement": str(event.agreement_id),
        "at": str(event.at),
        "who": event.who,
        "kind": event.kind,
        "text": event.text,
        "body": None if event.body is None else event.body.decode("utf-8", "backslashreplace"),
    }
    return chains.link(event.before, said)
