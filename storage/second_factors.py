"""Second factors of people who log in by password: the secret of their app for codes (TOTP, RFC 6238), and recovery codes,
which count once and are kept as SHA-256.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ForeignKey, Table, Text, delete, func, select, update

from storage.apps import hashed
from storage.metadata import Id, Time, Tx, columns, metadata, one_of, upsert

second_factors = Table(
    "second_factors",
    metadata,
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("secret", Text, nullable=False),  # base32
    Column("created_at", Time, nullable=False),
    Column("confirmed_at", Time),  # null: the app has not shown yet that it knows the secret, so nothing is asked for
    Column(
        "last_step", Id, nullable=False
    ),  # the 30 seconds whose code was used last: none counts twice (RFC 6238 5.2)
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("code_hash", Text, primary_key=True),
)


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """A row of `second_factors`."""

    person_id: int
    secret: str
    created_at: int
    confirmed_at: int | None
    last_step: int


_ROW = columns(second_factors, SecondFactor)


def of_person(tx: Tx, person_id: int) -> SecondFactor | None:
    """The second factor of a person, confirmed or not."""
    return one_of(tx, select(*_ROW).where(second_factors.c.person_id == person_id), SecondFactor)


def save(tx: Tx, made: SecondFactor) -> None:
    """Keep a second factor in the place of any other of the person."""
    upsert(tx, second_factors, {column.name: getattr(made, column.name) for column in _ROW}, ("person_id",))


def change(tx: Tx, person_id: int, **values: Any) -> None:
    """Set columns of a second factor."""
    tx.execute(update(second_factors).where(second_factors.c.person_id == person_id).values(**values))


def use_step(tx: Tx, person_id: int, step: int) -> bool:
    """Note that the code of this step was used; False when it, or a later one, was used before."""
    query = update(second_factors).where(second_factors.c.person_id == person_id, second_factors.c.last_step < step)
    return tx.execute(query.values(last_step=step)).rowcount == 1


def remove(tx: Tx, person_id: int) -> None:
    """Drop a person's second factor and recovery codes."""
    tx.execute(delete(second_factors).where(second_factors.c.person_id == person_id))
    tx.execute(delete(recovery_codes).where(recovery_codes.c.person_id == person_id))


def put_codes(tx: Tx, person_id: int, codes: list[str]) -> None:
    """Keep these recovery codes in the place of older ones."""
    tx.execute(delete(recovery_codes).where(recovery_codes.c.person_id == person_id))
    tx.execute(recovery_codes.insert(), [{"person_id": person_id, "code_hash": hashed(code)} for code in codes])


def use_code(tx: Tx, person_id: int, code: str) -> bool:
    """Whether this is a recovery code of theirs; then it counts no more."""
    query = delete(recovery_codes).where(
        recovery_codes.c.person_id == person_id, recovery_codes.c.code_hash == hashed(code)
    )
    return tx.execute(query).rowcount == 1


def codes_left(tx: Tx, person_id: int) -> int:
    """How many recovery codes a person has."""
    query = select(func.count()).select_from(recovery_codes).where(recovery_codes.c.person_id == person_id)
    return tx.scalar(query) or 0
