"""Twins: groups hosted here and the groups elsewhere that they are joined with (FEP-d36d), and what was passed on."""

from dataclasses import dataclass

from sqlalchemy import Column, ForeignKey, Index, Table, Text, delete, select

from storage.metadata import Id, Time, Tx, all_of, columns, insert_new, metadata, one_of, upsert

twins = Table(
    "twins",
    metadata,
    Column("group_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),  # ours
    Column("other_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),  # offered (by us) asked (by them) joined
    Column("since", Time, nullable=False),
    Index("ix_twins_other_id", "other_id"),
)

passed_on = Table(
    "passed_on",
    metadata,
    Column("group_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("activity_iri", Text, primary_key=True),
    Column("created_at", Time, nullable=False),
    Index("ix_passed_on_created_at", "created_at"),
)
"""The activities that a group passed on to its followers, each once: what comes back by a twin goes no further."""


@dataclass(frozen=True, slots=True)
class Twin:
    """A row of `twins`."""

    group_id: int
    other_id: int
    state: str
    since: int


_ROW = columns(twins, Twin)


def save(tx: Tx, twin: Twin) -> None:
    """Add or change a twin."""
    upsert(tx, twins, {column.name: getattr(twin, column.name) for column in _ROW}, ["group_id", "other_id"])


def find(tx: Tx, group_id: int, other_id: int) -> Twin | None:
    """How a group here stands to a group elsewhere."""
    return one_of(tx, select(*_ROW).where(twins.c.group_id == group_id, twins.c.other_id == other_id), Twin)


def of_group(tx: Tx, group_id: int) -> list[Twin]:
    """The twins of a group here, oldest first, whatever their state."""
    return all_of(tx, select(*_ROW).where(twins.c.group_id == group_id).order_by(twins.c.since), Twin)


def of_other(tx: Tx, other_id: int) -> list[Twin]:
    """The groups here that this group elsewhere is joined with."""
    query = select(*_ROW).where(twins.c.other_id == other_id, twins.c.state == "joined")
    return all_of(tx, query.order_by(twins.c.since), Twin)


def remove(tx: Tx, group_id: int, other_id: int) -> bool:
    """Part them; whether they were anything to each other."""
    return tx.execute(delete(twins).where(twins.c.group_id == group_id, twins.c.other_id == other_id)).rowcount > 0


def pass_on(tx: Tx, group_id: int, activity_iri: str, now: int) -> bool:
    """Note that a group passes an activity on; False when it did so before."""
    row = {"group_id": group_id, "activity_iri": activity_iri, "created_at": now}
    return insert_new(tx, passed_on, row) == 1
