"""Troubles: deliveries that ended without having been taken, each with its reason, until an operator drops them."""

from dataclasses import dataclass

from sqlalchemy import Column, Index, Table, Text, delete, select, update

from storage.metadata import Id, Time, Tx, all_of, columns, id_column, insert_new, metadata, one_of

troubles = Table(
    "troubles",
    metadata,
    id_column(),
    Column("host", Text, nullable=False),
    Column("inbox", Text, nullable=False),
    Column("position", Id, nullable=False),
    Column("activity_id", Text, nullable=False),
    Column("kind", Text, nullable=False),  # refused gone expired dropped stuck
    Column("reason", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Index("ix_troubles_host", "host", "id"),
    Index("ix_troubles_position", "position"),
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A row of `troubles`: a delivery that ended without having been taken."""

    id: int
    host: str
    inbox: str
    position: int
    activity_id: str
    kind: str
    reason: str
    created_at: int


_TROUBLE = columns(troubles, Trouble)


def add(tx: Tx, trouble: Trouble) -> None:
    """Keep why a delivery ended without having been taken."""
    insert_new(tx, troubles, {column.name: getattr(trouble, column.name) for column in _TROUBLE})


def is_known(tx: Tx, host: str, position: int) -> bool:
    """Whether it is known already that a row was not taken by a host."""
    query = select(troubles.c.id).where(troubles.c.host == host, troubles.c.position == position)
    return tx.scalar(query.limit(1)) is not None


def of_rows(tx: Tx, positions: list[int]) -> list[Trouble]:
    """The troubles with these rows of the log, oldest first."""
    query = select(*_TROUBLE).where(troubles.c.position.in_(positions)).order_by(troubles.c.id)
    return all_of(tx, query, Trouble)


def by_id(tx: Tx, trouble_id: int) -> Trouble | None:
    """The trouble with this id."""
    return one_of(tx, select(*_TROUBLE).where(troubles.c.id == trouble_id), Trouble)


def newest(tx: Tx, limit: int, host: str | None = None) -> list[Trouble]:
    """The newest troubles, of one host if given."""
    query = select(*_TROUBLE)
    if host is not None:
        query = query.where(troubles.c.host == host)
    return all_of(tx, query.order_by(troubles.c.id.desc()).limit(limit), Trouble)


def change(tx: Tx, trouble_id: int, kind: str, reason: str) -> None:
    """Say what became of a trouble."""
    tx.execute(update(troubles).where(troubles.c.id == trouble_id).values(kind=kind, reason=reason))


def remove(tx: Tx, trouble_id: int) -> bool:
    """Forget a trouble; whether there was one."""
    return tx.execute(delete(troubles).where(troubles.c.id == trouble_id)).rowcount > 0
