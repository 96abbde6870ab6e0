"""The audit log: who changed what about federation and policy, chained by hash. Rows are only added."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Index, Table, Text, func, select

from storage import chains
from storage.metadata import Json, Time, Tx, all_of, columns, id_column, insert_new, metadata, one_of

audit = Table(
    "audit",
    metadata,
    id_column(),
    Column("at", Time, nullable=False),
    Column("who", Text, nullable=False),  # a person's name, `command line`, `fedi` itself, or the IRI of a peer's actor
    Column("action", Text, nullable=False),  # policy.apply peer.suspend ...
    Column("about", Text, nullable=False),  # a host, a version, a handle
    Column("body", Json, nullable=False),  # what was changed, as JSON
    Column("before", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index("ix_audit_about", "about", "id"),
)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A row of `audit`; times in ms."""

    id: int
    at: int
    who: str
    action: str
    about: str
    body: dict[str, Any]
    before: str
    hash: str


_ROW = columns(audit, AuditRow)
_LOCK = select(func.pg_advisory_xact_lock(7044))


def add(tx: Tx, row_id: int, at: int, who: str, action: str, about: str, body: dict[str, Any]) -> AuditRow:
    """Note what somebody did at `at` ms; `body` is JSON with texts, whole numbers and the like.

    Rows are chained in the order of their ids, so a row that another process was quicker with gets an id after it.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(_LOCK)  # two that follow the same row would be a fork
    last = newest(tx, 1)
    row_id = max(row_id, last[0].id + 1) if last else row_id
    row = AuditRow(row_id, at, who, action, about, body, last[0].hash if last else chains.START, "")
    values = {column.name: getattr(row, column.name) for column in _ROW} | {"hash": _hash(row)}
    insert_new(tx, audit, values)
    return AuditRow(**values)


def newest(tx: Tx, limit: int, *, about: str | None = None, before: int | None = None) -> list[AuditRow]:
    """The newest rows, about one thing if given, and older than the id `before` if given."""
    query = select(*_ROW)
    if about is not None:
        query = query.where(audit.c.about == about)
    if before is not None:
        query = query.where(audit.c.id < before)
    return all_of(tx, query.order_by(audit.c.id.desc()).limit(limit), AuditRow)


def after(tx: Tx, row_id: int, limit: int) -> list[AuditRow]:
    """Rows after this id, oldest first."""
    return all_of(tx, select(*_ROW).where(audit.c.id > row_id).order_by(audit.c.id).limit(limit), AuditRow)


def broken(tx: Tx) -> AuditRow | None:
    """The first row that does not follow the one before it, or was changed; None when the log is sound.

    What was cut off at its end leaves a sound log: that is told by a head that was kept elsewhere.
    """
    before, last = chains.START, 0
    while several := after(tx, last, 1000):
        for row in several:
            if row.before != before or row.hash != _hash(row):
                return row
            before, last = row.hash, row.id
    return None


def by_hash(tx: Tx, digest: str) -> AuditRow | None:
    """The row with this hash."""
    return one_of(tx, select(*_ROW).where(audit.c.hash == digest).limit(1), AuditRow)


def count(tx: Tx) -> int:
    """How many rows there are."""
    return tx.scalar(select(func.count()).select_from(audit)) or 0


def count_to(tx: Tx, row_id: int) -> int:
    """How many rows there are up to this id."""
    return tx.scalar(select(func.count()).select_from(audit).where(audit.c.id <= row_id)) or 0


def _hash(row: AuditRow) -> str:
    said = {"at": str(row.at), "who": row.who, "action": row.action, "about": row.about, "body": row.body}
    return chains.link(row.before, said)
