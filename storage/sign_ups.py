"""How each person came here who made their account themselves: what they wrote, who invited them, whether their mail arrives."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Table, Text, delete, select

from storage.metadata import Id, Time, Tx, all_of, columns, metadata, one_of
from storage.people import people

sign_ups = Table(
    "sign_ups",
    metadata,
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("reason", Text, nullable=False),
    Column("invitation_id", Id),  # no foreign key: who invited may leave, and this stays
    Column("invited_by_id", Id),
    Column("confirmed_at", Time),  # when the link that was mailed came back; null: not yet, or no mail is sent here
    Column("created_at", Time, nullable=False),
    Index("ix_sign_ups_invitation_id", "invitation_id", "person_id"),
)


@dataclass(frozen=True, slots=True)
class SignUp:
    """A row of `sign_ups`."""

    person_id: int
    reason: str
    invitation_id: int | None
    invited_by_id: int | None
    confirmed_at: int | None
    created_at: int


_ROW = columns(sign_ups, SignUp)


def insert(tx: Tx, made: SignUp) -> None:
    """Add how somebody came."""
    tx.execute(sign_ups.insert().values({column.name: getattr(made, column.name) for column in _ROW}))


def of_person(tx: Tx, person_id: int) -> SignUp | None:
    """How this person came; None for who was made an account."""
    return one_of(tx, select(*_ROW).where(sign_ups.c.person_id == person_id), SignUp)


def of_people(tx: Tx, ids: list[int]) -> dict[int, SignUp]:
    """The same of several, by the person's id."""
    if not ids:
        return {}
    return {one.person_id: one for one in all_of(tx, select(*_ROW).where(sign_ups.c.person_id.in_(ids)), SignUp)}


def waiting(tx: Tx, limit: int) -> list[SignUp]:
    """Who waits to be let in, first come first."""
    query = select(*_ROW).join(people, people.c.actor_id == sign_ups.c.person_id).where(people.c.state == "pending")
    return all_of(tx, query.order_by(sign_ups.c.person_id).limit(limit), SignUp)


def change(tx: Tx, person_id: int, **values: Any) -> None:
    """Set columns of a sign-up."""
    tx.execute(sign_ups.update().where(sign_ups.c.person_id == person_id).values(**values))


def remove(tx: Tx, person_id: int) -> None:
    """Forget how somebody came who leaves."""
    tx.execute(delete(sign_ups).where(sign_ups.c.person_id == person_id))
