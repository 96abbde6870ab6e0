"""Received: every activity that peers sent us, with its state, so that an operator sees what became of it.

`new` -> `working` -> `done`, or `refused` (will never be taken), `failed` (tried to the end), back to `new` for a later
try. A row that is `working` belongs to a worker until `claimed_until`; then it may be claimed again, so that nothing
is lost when a worker dies.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Column, Index, Integer, Table, Text, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from storage.batches import insert_together
from storage.events import note
from storage.metadata import Bytes, Json, Time, Tx, all_of, columns, id_column, insert_new, metadata, one_among, one_of

received = Table(
    "received",
    metadata,
    id_column(),
    Column("activity_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("host", Text, nullable=False),  # authority of the signer; of a refused one, as it claimed
    Column("actor", Text, nullable=False),  # IRI of the signer
    Column("key_id", Text),
    Column("via", Text),  # how it was verified: cavage rfc9421; null: not yet
    Column("body", Bytes, nullable=False),
    Column("headers", Json),  # request line and signed headers, kept while it is not verified
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Time, nullable=False),
    Column("claimed_until", Time),
    Column("received_at", Time, nullable=False),
    Column("settled_at", Time),
    Column("code", Text),  # reason code of a refusal
    Column("problem", Text),  # the same in words
)
Index(
    "ix_received_due",
    received.c.due_at,
    received.c.id,
    received.c.state,
    sqlite_where=received.c.state.in_(("new", "working")),
    postgresql_where=received.c.state.in_(("new", "working")),
)
# Not by state: SQLite would then read all that wait by it and sort them, instead of walking the index above.
Index(
    "ix_received_settled",
    received.c.settled_at,
    received.c.state,
    sqlite_where=received.c.settled_at.isnot(None),
    postgresql_where=received.c.settled_at.isnot(None),
)
# The same activity twice has one effect; only what was authenticated counts, so that nobody can take an id from others.
Index(
    "uq_received_activity",
    received.c.activity_id,
    unique=True,
    sqlite_where=received.c.state.not_in(("refused", "unverified")) & received.c.via.isnot(None),
    postgresql_where=received.c.state.not_in(("refused", "unverified")) & received.c.via.isnot(None),
)


@dataclass(frozen=True, slots=True)
class Received:
    """A row of `received`; times in ms."""

    id: int
    activity_id: str
    type: str
    host: str
    actor: str
    key_id: str | None
    via: str | None
    body: bytes
    headers: dict[str, Any] | None
    state: str
    attempts: int
    due_at: int
    claimed_until: int | None
    received_at: int
    settled_at: int | None
    code: str | None
    problem: str | None


_ROW = columns(received, Received)


def insert(tx: Tx, row: Received) -> bool:
    """Keep an activity; False when the same (authenticated) one is here already."""
    fresh = insert_new(tx, received, {column.name: getattr(row, column.name) for column in _ROW}) == 1
    if fresh and row.state == "new":
        note(tx, "received")
    return fresh


class Arrived(NamedTuple):
    """What is stored of an activity that was proven as it came; times in ms."""

    id: int
    activity_id: str
    type: str
    host: str
    actor: str
    key_id: str
    via: str
    body: bytes
    due_at: int
    received_at: int
    state: str = "new"
    attempts: int = 0


def insert_arrived(tx: Tx, several: Sequence[Arrived]) -> int:
    """Keep activities that came in together; how many were not here already comes back."""
    fresh = insert_together(tx, received, Arrived._fields, several)
    if fresh:
        note(tx, "received")
    return fresh


def claim(tx: Tx, now: int, until: int, limit: int, *, but_hosts: Collection[str] = ()) -> list[Received]:
    """Take up to `limit` due rows, oldest first, for one worker until `until` ms; others pass them by.

    Rows of `but_hosts` are left: what came from there before is still being worked out.
    """
    ready = (
        select(received.c.id)
        .where(
            one_among(received.c.state, "new", "working"),
            received.c.due_at <= now,
            or_(received.c.claimed_until.is_(None), received.c.claimed_until <= now),
            *([received.c.host.not_in(but_hosts)] if but_hosts else []),
        )
        .order_by(received.c.due_at, received.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(tx.scalars(ready))
    if not ids:
        return []
    tx.execute(
        update(received)
        .where(received.c.id.in_(ids))
        .values(state="working", claimed_until=until, attempts=received.c.attempts + 1)
    )
    return all_of(tx, select(*_ROW).where(received.c.id.in_(ids)).order_by(received.c.id), Received)


def renew(tx: Tx, ids: Collection[int], until: int) -> None:
    """Hold claimed rows until `until` ms, for a worker that is still at work on them."""
    if ids:
        mine = (received.c.id.in_(ids), received.c.state == "working")
        tx.execute(update(received).where(*mine).values(claimed_until=until))


def settle(
    tx: Tx, ids: Iterable[int], state: str, now: int, *, code: str | None = None, problem: str | None = None
) -> None:
    """End rows as `done`, `refused` or `failed`."""
    tx.execute(
        update(received)
        .where(received.c.id.in_(list(ids)))
        .values(state=state, settled_at=now, claimed_until=None, headers=None, code=code, problem=problem)
    )


def later(tx: Tx, row_id: int, due_at: int, problem: str) -> None:
    """Try a row again at `due_at` ms."""
    tx.execute(
        update(received)
        .where(received.c.id == row_id)
        .values(state="new", due_at=due_at, claimed_until=None, problem=problem)
    )


def verified(tx: Tx, row_id: int, via: str, key_id: str) -> bool:
    """Note that a row was verified after it was stored; False when the same activity was taken from another row."""
    row = by_id(tx, row_id)
    if row is None:
        return False
    known = select(received.c.id).where(
        received.c.activity_id == row.activity_id, received.c.via.isnot(None), received.c.state != "refused"
    )
    if tx.scalar(known) is not None:
        return False
    try:
        with tx.begin_nested():
            tx.execute(update(received).where(received.c.id == row_id).values(via=via, key_id=key_id, headers=None))
    except IntegrityError:  # another worker took the same activity in this moment
        return False
    return True


def by_id(tx: Tx, row_id: int) -> Received | None:
    """The row with this id."""
    return one_of(tx, select(*_ROW).where(received.c.id == row_id), Received)


def newest(
    tx: Tx, limit: int, *, state: str | None = None, host: str | None = None, max_id: int | None = None
) -> list[Received]:
    """The newest rows, for an operator."""
    query = select(*_ROW)
    if state is not None:
        query = query.where(received.c.state == state)
    if host is not None:
        query = query.where(received.c.host == host)
    if max_id is not None:
        query = query.where(received.c.id < max_id)
    return all_of(tx, query.order_by(received.c.id.desc()).limit(limit), Received)


def replay(tx: Tx, row_id: int, now: int) -> bool:
    """Take a row that was verified once more from the start; False when there is no such row."""
    changed = tx.execute(
        update(received)
        .where(received.c.id == row_id, received.c.via.isnot(None), received.c.body != b"")
        .values(state="new", due_at=now, claimed_until=None, attempts=0, settled_at=None, code=None, problem=None)
    )
    if changed.rowcount:
        note(tx, "received")
    return changed.rowcount > 0


def prune(tx: Tx, *, bodies_before: int, rows_before: int) -> int:
    """Empty the bodies of rows settled before `bodies_before` ms, and drop rows settled before `rows_before` ms.

    How many rows were dropped comes back. Until a row is dropped, its activity is recognised when it comes again.
    """
    tx.execute(
        update(received)
        .where(received.c.settled_at < bodies_before, received.c.settled_at >= rows_before, received.c.body != b"")
        .values(body=b"")
    )
    return tx.execute(delete(received).where(received.c.settled_at < rows_before)).rowcount


def totals(tx: Tx, since: int = 0) -> dict[str, int]:
    """How many rows are in each state; of those that are settled, only those settled since then (ms)."""
    waiting = select(received.c.state, func.count()).where(one_among(received.c.state, "new", "working"))
    settled = select(received.c.state, func.count()).where(received.c.settled_at >= since)
    both = waiting.group_by(received.c.state).union_all(settled.group_by(received.c.state))
    found: dict[str, int] = {}
    for state, number in tx.execute(both):
        found[state] = found.get(state, 0) + number
    return found


def oldest_due(tx: Tx, now: int) -> int | None:
    """Since when the oldest row that is due at `now` waits, in ms; None when none does. Later tries don't count."""
    query = select(func.min(received.c.due_at)).where(
        one_among(received.c.state, "new", "working"), received.c.due_at <= now
    )
    oldest: int | None = tx.scalar(query)
    return oldest
