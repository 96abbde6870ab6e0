"""Web sessions of people with browsers: rows that can be listed and revoked; the cookie's value is kept as SHA-256."""

from dataclasses import dataclass

from sqlalchemy import Column, ForeignKey, Index, Table, Text, delete, select, update

from storage.apps import hashed
from storage.metadata import Id, Time, Tx, all_of, columns, metadata, one_of

sessions = Table(
    "sessions",
    metadata,
    Column("cookie_hash", Text, primary_key=True),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", Time, nullable=False),
    Column("seen_at", Time, nullable=False),
    Column("expires_at", Time, nullable=False),
    Column("agent", Text, nullable=False),  # the browser's own name, shown to the person
    Index("ix_sessions_expires_at", "expires_at"),
)


@dataclass(frozen=True, slots=True)
class Session:
    """A row of `sessions`."""

    cookie_hash: str
    person_id: int
    created_at: int
    seen_at: int
    expires_at: int
    agent: str


_ROW = columns(sessions, Session)


def insert(tx: Tx, session: Session) -> None:
    """Add a session."""
    tx.execute(sessions.insert().values({column.name: getattr(session, column.name) for column in _ROW}))


def by_cookie(tx: Tx, cookie: str, now: int) -> Session | None:
    """The session of this cookie value that has not expired."""
    query = select(*_ROW).where(sessions.c.cookie_hash == hashed(cookie), sessions.c.expires_at > now)
    return one_of(tx, query, Session)


def touch(tx: Tx, cookie_hash: str, now: int, expires_at: int) -> None:
    """Note that a session was used."""
    tx.execute(update(sessions).where(sessions.c.cookie_hash == cookie_hash).values(seen_at=now, expires_at=expires_at))


def of_person(tx: Tx, person_id: int) -> list[Session]:
    """The sessions of a person, newest first."""
    query = select(*_ROW).where(sessions.c.person_id == person_id).order_by(sessions.c.seen_at.desc())
    return all_of(tx, query, Session)


def remove(tx: Tx, *, cookie_hash: str | None = None, person_id: int | None = None) -> None:
    """End one session, or all of a person."""
    if cookie_hash is None and person_id is None:
        raise ValueError("remove() needs a session or a person")
    query = delete(sessions)
    if cookie_hash is not None:
        query = query.where(sessions.c.cookie_hash == cookie_hash)
    if person_id is not None:
        query = query.where(sessions.c.person_id == person_id)
    tx.execute(query)


def forget(tx: Tx, before: int) -> None:
    """Drop the sessions that expired before `before` ms."""
    tx.execute(delete(sessions).where(sessions.c.expires_at < before))
