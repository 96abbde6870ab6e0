"""Secrets that count once and for a while: links in mail, steps of a log-in between two pages, challenges of passkeys.

Only the SHA-256 of each is kept. What they are for is in `kind`, what goes with them in `data`.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Table, Text, delete, select

from storage.apps import hashed
from storage.metadata import Id, Json, Time, Tx, columns, metadata, one_of

tickets = Table(
    "tickets",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # KINDS
    Column(
        "person_id", Id, ForeignKey("actors.id", ondelete="CASCADE")
    ),  # null: a log-in by passkey, by nobody known yet
    Column("data", Json, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("expires_at", Time, nullable=False),
    Index("ix_tickets_person_id", "person_id", "kind"),
    Index("ix_tickets_expires_at", "expires_at"),
)

KINDS = (
    "address",  # link in a mail: the address is theirs; data: {"email"}
    "reset",  # link in a mail: choose a new password
    "second",  # the password was right, the second factor is still to come; data: {"next", "tries"}
    "passkey",  # a challenge for a log-in by passkey; data: {"challenge"}
    "new-passkey",  # the same for adding one
    "sso",  # on the way to the institution's log-in and back; data: {"nonce", "verifier", "browser", "next"}
    "sso-new",  # back from there, without an account yet; data: {"issuer", "claims", "next"}
)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A row of `tickets`."""

    hash: str
    kind: str
    person_id: int | None
    data: dict[str, Any]
    created_at: int
    expires_at: int


_ROW = columns(tickets, Ticket)


def insert(
    tx: Tx,
    secret: str,
    kind: str,
    person_id: int | None,
    data: dict[str, Any],
    now: int,
    life: int,
    *,
    alone: bool = False,
) -> None:
    """Keep a secret for `life` ms. `alone`: older ones of this kind and person end."""
    if alone:
        remove(tx, person_id=person_id, kind=kind)
    row = Ticket(hashed(secret), kind, person_id, data, now, now + life)
    tx.execute(tickets.insert().values({column.name: getattr(row, column.name) for column in _ROW}))


def find(tx: Tx, secret: str, kind: str, now: int) -> Ticket | None:
    """The ticket of this secret that still counts."""
    query = select(*_ROW).where(tickets.c.hash == hashed(secret), tickets.c.kind == kind, tickets.c.expires_at > now)
    return one_of(tx, query, Ticket)


def take(tx: Tx, secret: str, kind: str, now: int) -> Ticket | None:
    """The same, and it counts no more; of two who take it at once, one gets it."""
    found = find(tx, secret, kind, now)
    if found is None or tx.execute(delete(tickets).where(tickets.c.hash == found.hash)).rowcount != 1:
        return None
    return found


def change(tx: Tx, hash: str, data: dict[str, Any]) -> None:
    """Set what goes with a ticket."""
    tx.execute(tickets.update().where(tickets.c.hash == hash).values(data=data))


def lately(tx: Tx, person_id: int, kind: str, since: int) -> bool:
    """Whether a person got one of this kind after `since` ms."""
    query = select(tickets.c.hash).where(
        tickets.c.person_id == person_id, tickets.c.kind == kind, tickets.c.created_at > since
    )
    return tx.execute(query.limit(1)).first() is not None


def remove(tx: Tx, *, person_id: int | None, kind: str | None = None) -> None:
    """End the tickets of a person, all or those of a kind."""
    query = delete(tickets).where(tickets.c.person_id == person_id)
    tx.execute(query if kind is None else query.where(tickets.c.kind == kind))


def forget(tx: Tx, before: int) -> None:
    """Drop those that ended before `before` ms."""
    tx.execute(delete(tickets).where(tickets.c.expires_at < before))
