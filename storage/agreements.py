"""Agreements: what two institutions signed, or are about to. A version is a row of its own and its document is never changed:
it is evidence. What happened to each, message by message, is in `storage.agreement_events`.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Boolean, Column, Index, Integer, Table, Text, bindparam, false, func, literal, select

from storage.metadata import (
    Bytes,
    Json,
    Time,
    Tx,
    all_of,
    columns,
    id_column,
    insert_new,
    metadata,
    one_of,
    set_columns,
)
from storage.prepared import rows

agreements = Table(
    "agreements",
    metadata,
    id_column(),
    Column("iri", Text, nullable=False, unique=True),  # of this version of the document
    Column("offer", Text, nullable=False, unique=True),  # the id of the Offer that brought it
    Column("host", Text, nullable=False),  # the other party
    Column("ours", Boolean, nullable=False),  # whether we offered it
    Column("version", Integer, nullable=False),
    Column("replaces", Text),  # the IRI of the version before
    Column("pause", Text),  # `private`: until both signed it, what is not public waits
    Column("document", Bytes, nullable=False),  # the canonical bytes that both sign (RFC 8785), without proofs
    Column("digest", Text, nullable=False),  # SHA-256 of them, hexadecimal
    Column("proofs", Json, nullable=False),  # [proof as it came], ours and theirs
    # Whether their proof is by a key that is known to be theirs: an admin confirmed it, or a directory.
    Column("trusted", Boolean, nullable=False, server_default=false()),
    Column("state", Text, nullable=False),
    Column("starts_at", Time),
    Column("ends_at", Time),
    Column("notice_at", Time),  # when it ends because one side gave notice
    Column("reason", Text),  # why it was refused, suspended or ended
    Column("created_at", Time, nullable=False),
    Column("changed_at", Time, nullable=False),
    Index("ix_agreements_host", "host", "id"),
    Index("ix_agreements_state", "state", "ends_at"),
)

STATES = (
    "draft",  # written here, not sent
    "offered",  # sent, or received and not looked at
    "review",  # the other side, or we, said that it is being looked at
    "active",  # both proofs stand
    "suspended",
    "notice",  # in force until `notice_at`
    "refused",
    "withdrawn",  # by whom offered it
    "replaced",  # by a later version that both signed
    "ended",
    "expired",
)
IN_FORCE = ("active", "suspended", "notice")
"""States in which both have signed and the time has not run out."""


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """A row of `agreements`; times in ms."""

    id: int
    iri: str
    offer: str
    host: str
    ours: bool
    version: int
    replaces: str | None
    document: bytes
    digest: str
    proofs: list[dict[str, Any]]
    state: str
    starts_at: int | None
    ends_at: int | None
    notice_at: int | None
    reason: str | None
    created_at: int
    changed_at: int
    pause: str | None = None
    trusted: bool = False


_ROW = columns(agreements, AgreementRow)


def insert(tx: Tx, row: AgreementRow) -> bool:
    """Add one; False when its IRI or its Offer is known."""
    return insert_new(tx, agreements, {column.name: getattr(row, column.name) for column in _ROW}) == 1


def change(tx: Tx, agreement_id: int, **values: Any) -> None:
    """Set columns of one; never those of its document."""
    set_columns(tx, agreements, agreements.c.id, agreement_id, values)


def by_id(tx: Tx, agreement_id: int) -> AgreementRow | None:
    """The one with this id."""
    return one_of(tx, select(*_ROW).where(agreements.c.id == agreement_id), AgreementRow)


def by_iri(tx: Tx, iri: str) -> AgreementRow | None:
    """The version with this IRI."""
    return one_of(tx, select(*_ROW).where(agreements.c.iri == iri), AgreementRow)


def by_offer(tx: Tx, offer: str) -> AgreementRow | None:
    """The one that this Offer brought."""
    return one_of(tx, select(*_ROW).where(agreements.c.offer == offer), AgreementRow)


def of_host(tx: Tx, host: str) -> list[AgreementRow]:
    """All with this peer, newest first."""
    return all_of(tx, select(*_ROW).where(agreements.c.host == host).order_by(agreements.c.id.desc()), AgreementRow)


def in_force(tx: Tx, host: str) -> AgreementRow | None:
    """The newest with this peer that both have signed and that has not ended, suspended or not."""
    query = select(*_ROW).where(agreements.c.host == host, agreements.c.state.in_(IN_FORCE))
    return one_of(tx, query.order_by(agreements.c.id.desc()).limit(1), AgreementRow)


_IRI_IN_FORCE = (
    select(agreements.c.iri)
    .where(
        agreements.c.host == bindparam("host", type_=Text()),
        agreements.c.state.in_([literal("active"), literal("notice")]),
    )
    .order_by(agreements.c.id.desc())
    .limit(1)
)


def iri_in_force(tx: Tx, host: str) -> str | None:
    """The IRI of the newest version that both have signed and that counts: neither suspended nor over."""
    found = rows(tx, _IRI_IN_FORCE, {"host": host})
    return str(found[0][0]) if found else None


def awaits_confirmation(tx: Tx, host: str) -> bool:
    """Whether this peer signed what we offered, by a key that nobody confirmed yet."""
    query = select(agreements.c.proofs).where(
        agreements.c.host == host, agreements.c.state == "review", agreements.c.ours, ~agreements.c.trusted
    )
    return any(len(proofs) > 1 for proofs in tx.scalars(query))


def in_state(tx: Tx, *states: str) -> list[AgreementRow]:
    """All in these states, oldest first."""
    return all_of(tx, select(*_ROW).where(agreements.c.state.in_(states)).order_by(agreements.c.id), AgreementRow)


def every_iri(tx: Tx) -> set[str]:
    """The IRIs of all versions of all agreements there ever were."""
    return set(tx.scalars(select(agreements.c.iri)))


def count(tx: Tx, *states: str) -> int:
    """How many are in these states."""
    return tx.scalar(select(func.count()).select_from(agreements).where(agreements.c.state.in_(states))) or 0
