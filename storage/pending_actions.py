"""Acts that can't be taken back, which wait for a second person and for their time."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Index, Table, Text, select

from storage.metadata import Json, Time, Tx, all_of, columns, id_column, insert_new, metadata, one_of, set_columns

pending_actions = Table(
    "pending_actions",
    metadata,
    id_column(),
    Column("kind", Text, nullable=False),  # peer.end peer.purge export.all
    Column("payload", Json, nullable=False),
    Column("digest", Text, nullable=False),  # SHA-256 of the payload: what was approved is what is done
    Column("reason", Text, nullable=False),
    Column("proposer", Text, nullable=False),
    Column("approver", Text),
    Column("state", Text, nullable=False),  # proposed approved done dropped expired
    Column("not_before", Time, nullable=False),
    Column("expires_at", Time, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("changed_at", Time, nullable=False),
    Index("ix_pending_actions_state", "state", "not_before"),
)


@dataclass(frozen=True, slots=True)
class PendingAction:
    """A row of `pending_actions`; times in ms."""

    id: int
    kind: str
    payload: dict[str, Any]
    digest: str
    reason: str
    proposer: str
    approver: str | None
    state: str
    not_before: int
    expires_at: int
    created_at: int
    changed_at: int


_ROW = columns(pending_actions, PendingAction)


def insert(tx: Tx, row: PendingAction) -> None:
    """Add one."""
    insert_new(tx, pending_actions, {column.name: getattr(row, column.name) for column in _ROW})


def change(tx: Tx, action_id: int, **values: Any) -> None:
    """Set columns of one; never its payload."""
    set_columns(tx, pending_actions, pending_actions.c.id, action_id, values)


def by_id(tx: Tx, action_id: int) -> PendingAction | None:
    """The one with this id."""
    return one_of(tx, select(*_ROW).where(pending_actions.c.id == action_id), PendingAction)


def in_state(tx: Tx, *states: str) -> list[PendingAction]:
    """All in these states, oldest first."""
    query = select(*_ROW).where(pending_actions.c.state.in_(states)).order_by(pending_actions.c.id)
    return all_of(tx, query, PendingAction)
