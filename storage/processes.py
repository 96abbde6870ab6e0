"""Processes of this instance: what each last said of itself, so that one of them can tell of all.

One row for each slot (`storage.slots`), written some times a minute; whoever gets the slot next writes over it.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Integer, Table, delete, select

from storage.metadata import Json, Time, Tx, all_of, columns, insert_new, metadata

processes = Table(
    "processes",
    metadata,
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("seen_at", Time, nullable=False),
    Column("figures", Json, nullable=False),  # `fedi.telemetry`
)


@dataclass(frozen=True, slots=True)
class Process:
    """A row of `processes`; `seen_at` in ms."""

    slot: int
    seen_at: int
    figures: dict[str, Any]


_ROW = columns(processes, Process)


def say(tx: Tx, one: Process) -> None:
    """Write what a process says of itself over what was said in its slot before."""
    tx.execute(delete(processes).where(processes.c.slot == one.slot))
    insert_new(tx, processes, {"slot": one.slot, "seen_at": one.seen_at, "figures": one.figures})


def gone(tx: Tx, slot: int) -> None:
    """A process ended."""
    tx.execute(delete(processes).where(processes.c.slot == slot))


def since(tx: Tx, seen_at: int) -> list[Process]:
    """Those that said something since then (ms), by slot."""
    return all_of(tx, select(*_ROW).where(processes.c.seen_at >= seen_at).order_by(processes.c.slot), Process)
