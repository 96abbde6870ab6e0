"""How much waits in each queue, since when, and which peers are behind: for operators. Every answer is read from an index of
what waits, and counting ends at `MOST`, so that asking costs little however much there is.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, tuple_

from storage.jobs import jobs
from storage.links import links
from storage.metadata import Tx
from storage.outbox import outbox
from storage.received import IS_AGAIN, IS_FRESH, received

MOST = 100_000
"""As far as rows are counted."""
_WALKED = 2_000
"""Rows of one step of a walk over what waits."""
_LOOKED_AT = 2_000
"""Links with something to send that are looked at, longest waiting first."""


@dataclass(frozen=True, slots=True)
class Queue:
    """How many rows are due (at most `MOST`), and since when the oldest is (ms); None when none is."""

    due: int
    oldest: int | None


@dataclass(frozen=True, slots=True)
class Behind:
    """A peer for which something waits: its host, state and failures in a row; times in ms.

    `rows` are at most so many as positions of the log lie between: some may not concern it. `since` is when the oldest of
    them was written.
    """

    host: str
    state: str
    rows: int
    since: int
    failures: int
    last_success_at: int | None


def of_received(tx: Tx, now: int) -> Queue:
    """What peers sent that is due."""
    found = [_queue(tx, received.c.due_at, condition, received.c.due_at <= now) for condition in (IS_FRESH, IS_AGAIN)]
    oldest = min((one.oldest for one in found if one.oldest is not None), default=None)
    return Queue(min(MOST, sum(one.due for one in found)), oldest)


Place = tuple[bool, Any, int]
"""Where a walk over what waits goes on: whether among rows that are tried again, and behind which of their index."""
START: Place = (False, "", 0)


def sizes(tx: Tx, after: Place = START) -> tuple[dict[str, tuple[int, int]], Place | None]:
    """(how many of the rows that wait after this place are of each host, and the bytes of their bodies; the place to go on
    at, None at the end). Some thousand rows at a time, in the order of the index, as there may be a million."""
    again, key, row_id = after
    by = received.c.due_at if again else received.c.host
    rows = tx.execute(
        select(received.c.host, func.length(received.c.body), by, received.c.id)
        .where(IS_AGAIN if again else IS_FRESH, tuple_(by, received.c.id) > tuple_(key, row_id))
        .order_by(by, received.c.id)
        .limit(_WALKED)
    ).all()
    found: dict[str, tuple[int, int]] = {}
    for host, size, _, _ in rows:
        number, bytes_ = found.get(host, (0, 0))
        found[host] = number + 1, bytes_ + size
    if len(rows) == _WALKED:
        return found, (again, rows[-1][2], rows[-1][3])
    return found, None if again else (True, -1, 0)


def of_jobs(tx: Tx, now: int) -> Queue:
    """Jobs that are due."""
    return _queue(tx, jobs.c.due_at, jobs.c.state == "due", jobs.c.due_at <= now)


def _queue(tx: Tx, due_at: ColumnElement[int], *conditions: ColumnElement[bool]) -> Queue:
    first = select(due_at).where(*conditions)
    oldest: int | None = tx.execute(first.order_by(due_at).limit(1)).scalar()
    return Queue(0, None) if oldest is None else Queue(_counted(tx, first), oldest)


def _counted(tx: Tx, query: Select[Any]) -> int:
    number: int = tx.execute(select(func.count()).select_from(query.limit(MOST).subquery())).scalar_one()
    return number


def links_waiting(tx: Tx) -> int:
    """For how many hosts something waits."""
    return _counted(tx, select(links.c.cursor).where(links.c.wanted > links.c.cursor))


def most_behind(tx: Tx, limit: int) -> list[Behind]:
    """The peers for which something waits, those first for which it has waited longest."""
    rows = tx.execute(
        select(
            links.c.host,
            links.c.state,
            links.c.cursor,
            links.c.wanted,
            links.c.failures,
            links.c.last_success_at,
        )
        .where(links.c.wanted > links.c.cursor)
        .order_by(links.c.next_attempt_at)
        .limit(_LOOKED_AT)
    ).all()
    rows = sorted(rows, key=lambda row: (row.cursor, row.host))[:limit]
    written = {cursor: _written_after(tx, cursor) for cursor in {row.cursor for row in rows}}
    return [
        Behind(row.host, row.state, row.wanted - row.cursor, since, row.failures, row.last_success_at)
        for row in rows
        if (since := written[row.cursor]) is not None
    ]


def _written_after(tx: Tx, cursor: int) -> int | None:
    """When the first row of the log behind this position was written (ms)."""
    query = select(outbox.c.created_at).where(outbox.c.position > cursor).order_by(outbox.c.position).limit(1)
    found: int | None = tx.scalar(query)
    return found
