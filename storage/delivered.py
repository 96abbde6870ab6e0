"""How deliveries to agreed peers went, hour by hour: enough to say what part of them was taken, and how quickly."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from sqlalchemy import Column, Index, Insert, Integer, Table, Text, bindparam, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from storage.metadata import Tx, metadata
from storage.prepared import change_each

HOUR = 3_600_000
QUICK, USUAL = 200, 1000
"""Ms within which an answer is quick, or as usual; what takes longer is slow."""

delivered_hours = Table(
    "delivered_hours",
    metadata,
    Column("host", Text, primary_key=True),
    Column("hour", Integer, primary_key=True, autoincrement=False),  # hours since 1970
    Column("taken", Integer, nullable=False),
    Column("failed", Integer, nullable=False),  # no usable answer: they are tried again
    Column("refused", Integer, nullable=False),
    Column("quick", Integer, nullable=False),  # of all that were answered
    Column("usual", Integer, nullable=False),
    Column("slow", Integer, nullable=False),
    Index("ix_delivered_hours_hour", "hour"),
)
_NAMES = ("taken", "failed", "refused", "quick", "usual", "slow")


@dataclass(frozen=True, slots=True)
class Delivered:
    """How often deliveries were taken, failed or refused, and how many were answered quickly, as usual or slowly."""

    taken: int = 0
    failed: int = 0
    refused: int = 0
    quick: int = 0
    usual: int = 0
    slow: int = 0

    @property
    def success(self) -> float | None:
        """Which part was taken, None when nothing was sent."""
        every = self.taken + self.failed + self.refused
        return self.taken / every if every else None


def add(tx: Tx, several: Mapping[str, Delivered], now: int) -> None:
    """Add what was delivered just now, by host."""
    if several:
        hour = now // HOUR
        rows = [
            {"host": host, "hour": hour} | {name: getattr(one, name) for name in _NAMES}
            for host, one in sorted(several.items())
        ]
        change_each(tx, _add(tx.dialect.name), rows)


def since(tx: Tx, host: str, start: int, until: int) -> Delivered:
    """The sum for a host of the hours that touch the time from `start` to `until` (ms)."""
    of = delivered_hours.c
    query = select(*(func.coalesce(func.sum(of[name]), 0) for name in _NAMES)).where(
        of.host == host, of.hour >= start // HOUR, of.hour <= until // HOUR
    )
    return Delivered(*(int(number) for number in tx.execute(query).one()))


def forget(tx: Tx, before: int) -> None:
    """Forget the hours before `before` ms."""
    tx.execute(delete(delivered_hours).where(delivered_hours.c.hour < before // HOUR))


@cache
def _add(dialect: str) -> Insert:
    insert = postgresql.insert(delivered_hours) if dialect == "postgresql" else sqlite.insert(delivered_hours)
    statement = insert.values({one.name: bindparam(one.name, type_=one.type) for one in delivered_hours.c}).inline()
    sums = {name: delivered_hours.c[name] + statement.excluded[name] for name in _NAMES}
    return statement.on_conflict_do_update(index_elements=["host", "hour"], set_=sums)


def by_hour(tx: Tx, start: int, until: int) -> dict[int, Delivered]:
    """The sum over all hosts of each hour that touches the time from `start` to `until` (ms), by its beginning (ms)."""
    of = delivered_hours.c
    sums = [func.sum(of[name]) for name in _NAMES]
    query = select(of.hour, *sums).where(of.hour >= start // HOUR, of.hour <= until // HOUR).group_by(of.hour)
    return {int(row[0]) * HOUR: Delivered(*(int(number) for number in row[1:])) for row in tx.execute(query)}
