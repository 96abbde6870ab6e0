"""Cursors: how far something is, by name: in the outbox log, or in time."""

from sqlalchemy import BigInteger, Column, Table, Text, select, update

from storage.metadata import Tx, insert_new, metadata

cursors = Table(
    "cursors",
    metadata,
    Column("name", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
)


def position(tx: Tx, name: str) -> int:
    """Where the named cursor stands, 0 before it was ever set."""
    return tx.scalar(select(cursors.c.position).where(cursors.c.name == name)) or 0


def advance(tx: Tx, name: str, at_most: int, to: int) -> bool:
    """Set the named cursor to `to` if it stands at `at_most` or before; False when somebody else did."""
    insert_new(tx, cursors, {"name": name, "position": 0})
    moved = update(cursors).where(cursors.c.name == name, cursors.c.position <= at_most).values(position=to)
    return tx.execute(moved).rowcount > 0
