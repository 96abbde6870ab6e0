"""Simulations: what a policy would have done to the traffic of a while, kept to be looked at and compared with what it did."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Integer, Table, Text, delete, select

from storage.ids import first_at
from storage.metadata import Json, Time, Tx, all_of, columns, id_column, insert_new, metadata, one_of, set_columns

simulations = Table(
    "simulations",
    metadata,
    id_column(),
    Column("digest", Text, nullable=False),  # of the policy document that was tried
    Column("document", Text, nullable=False),
    Column("against", Integer, nullable=False),  # the version in force then
    Column("since", Time, nullable=False),
    Column("who", Text, nullable=False),
    Column("result", Json, nullable=False),
    Column("at", Time, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Simulation:
    """A row of `simulations`; times in ms."""

    id: int
    digest: str
    document: str
    against: int
    since: int
    who: str
    result: dict[str, Any]
    at: int


_ROW = columns(simulations, Simulation)


def insert(tx: Tx, row: Simulation) -> None:
    """Keep one."""
    insert_new(tx, simulations, {column.name: getattr(row, column.name) for column in _ROW})


def by_id(tx: Tx, simulation_id: int) -> Simulation | None:
    """The one with this id."""
    return one_of(tx, select(*_ROW).where(simulations.c.id == simulation_id), Simulation)


def newest(tx: Tx, limit: int, *, digest: str | None = None) -> list[Simulation]:
    """The newest, of one document if given."""
    query = select(*_ROW)
    if digest is not None:
        query = query.where(simulations.c.digest == digest)
    return all_of(tx, query.order_by(simulations.c.id.desc()).limit(limit), Simulation)


def change(tx: Tx, simulation_id: int, result: dict[str, Any]) -> None:
    """Set what one says, as something in it is erased."""
    set_columns(tx, simulations, simulations.c.id, simulation_id, {"result": result})


def forget(tx: Tx, before: int) -> None:
    """Forget those that were made before `before` ms."""
    tx.execute(delete(simulations).where(simulations.c.id < first_at(before)))
