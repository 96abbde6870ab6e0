"""Passkeys (WebAuthn credentials) that people log in with: public keys only; the private ones never leave their devices."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Table, Text, delete, select, update

from storage.metadata import Bytes, Id, Time, Tx, all_of, columns, id_column, metadata, one_of

passkeys = Table(
    "passkeys",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("credential", Text, nullable=False, unique=True),  # the authenticator's id of it, in base64url
    Column("public_key", Bytes, nullable=False),  # COSE
    Column("uses", Id, nullable=False),  # the signature counter; stays 0 where keys are synchronised
    Column("name", Text, nullable=False),  # as the person calls it
    Column("created_at", Time, nullable=False),
    Column("used_at", Time),
    Index("ix_passkeys_person_id", "person_id", "id"),
)


@dataclass(frozen=True, slots=True)
class Passkey:
    """A row of `passkeys`."""

    id: int
    person_id: int
    credential: str
    public_key: bytes
    uses: int
    name: str
    created_at: int
    used_at: int | None


_ROW = columns(passkeys, Passkey)


def insert(tx: Tx, made: Passkey) -> None:
    """Add a passkey. Raises IntegrityError for a credential that is known already."""
    tx.execute(passkeys.insert().values({column.name: getattr(made, column.name) for column in _ROW}))


def by_credential(tx: Tx, credential: str) -> Passkey | None:
    """The passkey that an authenticator names so."""
    return one_of(tx, select(*_ROW).where(passkeys.c.credential == credential), Passkey)


def of_person(tx: Tx, person_id: int) -> list[Passkey]:
    """A person's passkeys, oldest first."""
    return all_of(tx, select(*_ROW).where(passkeys.c.person_id == person_id).order_by(passkeys.c.id), Passkey)


def change(tx: Tx, passkey_id: int, **values: Any) -> None:
    """Set columns of a passkey."""
    tx.execute(update(passkeys).where(passkeys.c.id == passkey_id).values(**values))


def remove(tx: Tx, person_id: int, passkey_id: int | None = None) -> None:
    """Drop one of a person's passkeys, or all."""
    query = delete(passkeys).where(passkeys.c.person_id == person_id)
    tx.execute(query if passkey_id is None else query.where(passkeys.c.id == passkey_id))
