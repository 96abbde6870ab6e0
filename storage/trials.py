"""Trials of peers that are under way: how far each is, and what was seen until now. What came of it is in `storage.probes`."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Table, Text, delete, select

from storage.metadata import Json, Time, Tx, all_of, columns, insert_new, metadata, one_of, set_columns

trials = Table(
    "trials",
    metadata,
    Column("host", Text, primary_key=True),
    Column("why", Text, nullable=False),  # weekly, a new version, an agreement, who asked
    Column("step", Text, nullable=False),  # a name of `fedi.worker.probing`
    Column("since", Time, nullable=False),  # when this step began
    Column("state", Json, nullable=False),  # what the steps before found
    Column("began_at", Time, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Trial:
    """A row of `trials`; times in ms."""

    host: str
    why: str
    step: str
    since: int
    state: dict[str, Any]
    began_at: int


_ROW = columns(trials, Trial)


def begin(tx: Tx, trial: Trial) -> bool:
    """Add one; False when one of this host is under way."""
    return insert_new(tx, trials, {column.name: getattr(trial, column.name) for column in _ROW}) == 1


def by_host(tx: Tx, host: str) -> Trial | None:
    """The trial of this peer that is under way."""
    return one_of(tx, select(*_ROW).where(trials.c.host == host), Trial)


def everyone(tx: Tx) -> list[Trial]:
    """All that are under way, by host."""
    return all_of(tx, select(*_ROW).order_by(trials.c.host), Trial)


def change(tx: Tx, host: str, **values: Any) -> None:
    """Set columns of one."""
    set_columns(tx, trials, trials.c.host, host, values)


def end(tx: Tx, host: str) -> None:
    """Forget one: it is over."""
    tx.execute(delete(trials).where(trials.c.host == host))
