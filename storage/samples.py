"""How the instance went: some figures, every five minutes, for the charts of the console. Numbers only, of nobody.

After two days one of each hour stays, after a month none.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Column, ColumnElement, Float, Index, Table, Text, delete, func, select

from storage.decisions import decisions
from storage.ids import first_at
from storage.metadata import Time, Tx, insert_new, metadata
from storage.outbox import head
from storage.received import received
from storage.waiting import links_waiting, most_behind, of_jobs, of_received

samples = Table(
    "samples",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", Time, primary_key=True, autoincrement=False),
    Column("value", Float, nullable=False),
    Index("ix_samples_at", "at"),
)

EVERY = 5 * 60_000
"""Ms between two samples."""
_HOUR, _DAY = 3_600_000, 24 * 3_600_000
FINE, KEPT = 2 * _DAY, 32 * _DAY
"""Ms for which every sample is kept, and for which one of each hour is."""
MOST = 1_000_000
"""As far as rows are counted for one sample."""


def take(tx: Tx, now: int) -> int:
    """Note how it goes at `now` ms; the number of figures. Nothing where these five minutes have theirs already."""
    at = now - now % EVERY
    waits, jobs = of_received(tx, now), of_jobs(tx, now)
    behind = [one for one in most_behind(tx, 20) if one.state == "open"]
    figures: dict[str, float] = {
        "received": _rows(tx, received, at),
        "refused": _rows(tx, decisions, at, decisions.c.verdict == "reject", decisions.c.direction == "in"),
        "head": head(tx),
        "received.due": waits.due,
        "received.age": _age(waits.oldest, now),
        "jobs.due": jobs.due,
        "jobs.age": _age(jobs.oldest, now),
        "outbox.due": links_waiting(tx),
        "outbox.age": _age(min((one.since for one in behind), default=None), now),
        "bytes": database_bytes(tx),
    }
    fresh = [insert_new(tx, samples, {"name": name, "at": at, "value": value}) for name, value in figures.items()]
    return sum(fresh)


def _rows(tx: Tx, table: Table, until: int, *where: ColumnElement[bool]) -> int:
    """How many rows of a table whose ids tell the time came in the five minutes before."""
    some = select(table.c.id).where(table.c.id >= first_at(until - EVERY), table.c.id < first_at(until), *where)
    return int(tx.scalar(select(func.count()).select_from(some.limit(MOST).subquery())) or 0)


def _age(since: int | None, now: int) -> float:
    return max(0, now - since) / 1000 if since is not None else 0.0


def database_bytes(tx: Tx) -> int:
    """The size of the database."""
    if tx.dialect.name == "postgresql":
        return int(tx.exec_driver_sql("SELECT pg_database_size(current_database())").scalar() or 0)
    pages = int(tx.exec_driver_sql("PRAGMA page_count").scalar() or 0)
    return pages * int(tx.exec_driver_sql("PRAGMA page_size").scalar() or 0)


def since(tx: Tx, start: int, names: Sequence[str] = ()) -> Mapping[str, list[tuple[int, float]]]:
    """(time in ms, figure) of each name since `start` ms, oldest first."""
    query = select(samples.c.name, samples.c.at, samples.c.value).where(samples.c.at >= start).order_by(samples.c.at)
    found: dict[str, list[tuple[int, float]]] = {name: [] for name in names}
    for name, at, value in tx.execute(query.where(samples.c.name.in_(names)) if names else query):
        found.setdefault(name, []).append((at, value))
    return found


def thin(tx: Tx, now: int) -> int:
    """Forget what is old; how many figures."""
    old = tx.execute(delete(samples).where(samples.c.at < now - KEPT)).rowcount
    between = (samples.c.at < now - FINE, samples.c.at >= now - FINE - _DAY)
    return old + tx.execute(delete(samples).where(*between, samples.c.at % _HOUR != 0)).rowcount
