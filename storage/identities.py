"""Who a person is to their institution's own log-in: issuer and subject of an OpenID provider (OpenID Connect Core section 2)."""

from dataclasses import dataclass

from sqlalchemy import Column, ForeignKey, Table, Text, delete, select, update

from storage.metadata import Id, Time, Tx, all_of, columns, metadata, one_of

identities = Table(
    "identities",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", Time, nullable=False),
    Column("used_at", Time, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Identity:
    """A row of `identities`."""

    issuer: str
    subject: str
    person_id: int
    created_at: int
    used_at: int


_ROW = columns(identities, Identity)


def find(tx: Tx, issuer: str, subject: str) -> Identity | None:
    """The person here whom this provider calls so."""
    query = select(*_ROW).where(identities.c.issuer == issuer, identities.c.subject == subject)
    return one_of(tx, query, Identity)


def of_person(tx: Tx, person_id: int) -> list[Identity]:
    """By which log-ins a person comes."""
    return all_of(tx, select(*_ROW).where(identities.c.person_id == person_id), Identity)


def insert(tx: Tx, made: Identity) -> None:
    """Add one. Raises IntegrityError when it is somebody already."""
    tx.execute(identities.insert().values({column.name: getattr(made, column.name) for column in _ROW}))


def touch(tx: Tx, made: Identity, now: int) -> None:
    """Note that somebody came by it."""
    query = update(identities).where(identities.c.issuer == made.issuer, identities.c.subject == made.subject)
    tx.execute(query.values(used_at=now))


def remove(tx: Tx, person_id: int) -> None:
    """Drop those of a person."""
    tx.execute(delete(identities).where(identities.c.person_id == person_id))
