"""Invitations to this instance: links that let people join, who made them, into which groups they lead, and who came by them."""

from dataclasses import dataclass

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text, delete, func, select, update

from storage.metadata import Id, Json, Time, Tx, all_of, columns, id_column, metadata, one_of
from storage.sign_ups import sign_ups

invitations = Table(
    "invitations",
    metadata,
    id_column(),
    Column("code", Text, nullable=False, unique=True),  # as it is: who made the link sees it again
    Column("by_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("note", Text, nullable=False),  # for whom it is, as who made it wrote down
    Column("groups", Json, nullable=False),  # [ids]
    Column("most", Integer),  # how many may come by it; null: any number
    Column("created_at", Time, nullable=False),
    Column("expires_at", Time, nullable=False),
    Index("ix_invitations_by_id", "by_id", "id"),
)


@dataclass(frozen=True, slots=True)
class Invitation:
    """A row of `invitations`."""

    id: int
    code: str
    by_id: int
    note: str
    groups: list[int]
    most: int | None
    created_at: int
    expires_at: int


_ROW = columns(invitations, Invitation)


def insert(tx: Tx, made: Invitation) -> None:
    """Add an invitation."""
    tx.execute(invitations.insert().values({column.name: getattr(made, column.name) for column in _ROW}))


def by_code(tx: Tx, code: str) -> Invitation | None:
    """The invitation of this link, over or not."""
    return one_of(tx, select(*_ROW).where(invitations.c.code == code), Invitation)


def by_id(tx: Tx, invitation_id: int) -> Invitation | None:
    """The invitation with this id."""
    return one_of(tx, select(*_ROW).where(invitations.c.id == invitation_id), Invitation)


def of_person(tx: Tx, person_id: int, limit: int) -> list[Invitation]:
    """What a person made, newest first."""
    query = select(*_ROW).where(invitations.c.by_id == person_id).order_by(invitations.c.id.desc())
    return all_of(tx, query.limit(limit), Invitation)


def open_of(tx: Tx, person_id: int, now: int) -> int:
    """How many invitations of a person are not over by time."""
    query = select(func.count()).select_from(invitations)
    return tx.scalar(query.where(invitations.c.by_id == person_id, invitations.c.expires_at > now)) or 0


def came(tx: Tx, ids: list[int]) -> dict[int, list[int]]:
    """The ids of who came by each of these invitations, first to last."""
    found: dict[int, list[int]] = {}
    if ids:
        query = select(sign_ups.c.invitation_id, sign_ups.c.person_id).where(sign_ups.c.invitation_id.in_(ids))
        for invitation_id, person_id in tx.execute(query.order_by(sign_ups.c.person_id)):
            found.setdefault(invitation_id, []).append(person_id)
    return found


def end(tx: Tx, invitation_id: int, now: int) -> None:
    """Nobody comes by it any more."""
    tx.execute(update(invitations).where(invitations.c.id == invitation_id).values(expires_at=now))


def remove(tx: Tx, person_id: int) -> None:
    """Drop those of a person who leaves."""
    tx.execute(delete(invitations).where(invitations.c.by_id == person_id))
