"""Policies: every version of the policy document that was ever applied, and drafts. Rows are not changed but for approvals
and for when a version began to count."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Index, Integer, Table, Text, func, select

from storage.events import note
from storage.metadata import Json, Time, Tx, all_of, columns, insert_new, metadata, one_of, set_columns
from storage.prepared import rows

policies = Table(
    "policies",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("digest", Text, nullable=False),  # SHA-256 of the document, hexadecimal
    Column("parent", Integer),  # the version it was made from
    Column("author", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("document", Text, nullable=False),  # TOML
    Column("state", Text, nullable=False),  # draft applied
    Column("approvals", Json, nullable=False),  # [{"who", "at"}]
    Column("forecast", Json),  # what a simulation said before it was applied
    Column("created_at", Time, nullable=False),
    Column("applied_at", Time),
    Index("ix_policies_applied_at", "applied_at", "version"),  # each batch asks which counts, and documents are large
)


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A row of `policies`; times in ms."""

    version: int
    digest: str
    parent: int | None
    author: str
    message: str
    document: str
    state: str
    approvals: list[dict[str, Any]]
    forecast: dict[str, Any] | None
    created_at: int
    applied_at: int | None


_ROW = columns(policies, PolicyRow)


def insert(tx: Tx, row: PolicyRow) -> bool:
    """Add a version; False when its number is taken."""
    note(tx, "policy")
    return insert_new(tx, policies, {column.name: getattr(row, column.name) for column in _ROW}) == 1


def change(tx: Tx, version: int, **values: Any) -> None:
    """Set columns of a version; never its document."""
    note(tx, "policy")
    set_columns(tx, policies, policies.c.version, version, values)


def next_version(tx: Tx) -> int:
    """The number of a version that is added now; the first is 1."""
    return (tx.scalar(select(func.max(policies.c.version))) or 0) + 1


def by_version(tx: Tx, version: int) -> PolicyRow | None:
    """The version with this number."""
    return one_of(tx, select(*_ROW).where(policies.c.version == version), PolicyRow)


def in_force(tx: Tx) -> PolicyRow | None:
    """The version that counts: the one applied last. None before the first."""
    query = select(*_ROW).where(policies.c.applied_at.isnot(None))
    return one_of(tx, query.order_by(policies.c.applied_at.desc(), policies.c.version.desc()).limit(1), PolicyRow)


_VERSION_IN_FORCE = (
    select(policies.c.version)
    .where(policies.c.applied_at.isnot(None))
    .order_by(policies.c.applied_at.desc(), policies.c.version.desc())
    .limit(1)
)


def version_in_force(tx: Tx) -> int:
    """The number of the version that counts; 0 before the first."""
    found = rows(tx, _VERSION_IN_FORCE, {})
    return int(found[0][0]) if found else 0


def newest(tx: Tx, limit: int, *, before: int | None = None) -> list[PolicyRow]:
    """The newest versions, drafts as well; older than the version `before` if given."""
    query = select(*_ROW)
    if before is not None:
        query = query.where(policies.c.version < before)
    return all_of(tx, query.order_by(policies.c.version.desc()).limit(limit), PolicyRow)


def applied_before(tx: Tx, row: PolicyRow) -> PolicyRow | None:
    """The version that counted before an applied one did."""
    query = select(*_ROW).where(policies.c.applied_at < (row.applied_at or 0))
    return one_of(tx, query.order_by(policies.c.applied_at.desc(), policies.c.version.desc()).limit(1), PolicyRow)


def applied_after(tx: Tx, row: PolicyRow) -> PolicyRow | None:
    """The version that counted after an applied one did."""
    query = select(*_ROW).where(policies.c.applied_at > (row.applied_at or 0))
    return one_of(tx, query.order_by(policies.c.applied_at, policies.c.version).limit(1), PolicyRow)
