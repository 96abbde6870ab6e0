"""Mails of this instance: those that wait to be sent, and for some weeks that others were sent or given up, without their text."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text, delete, func, select, update

from storage.metadata import Id, Json, Time, Tx, all_of, columns, id_column, metadata, one_of

mails = Table(
    "mails",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE")),  # null: to who is no person here (yet)
    Column("recipient", Text, nullable=False),
    Column("kind", Text, nullable=False),  # confirm, reset, digest …: what operators and tests tell them apart by
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),  # empty once it is settled: links in it let people in
    Column("html", Text),
    Column("headers", Json, nullable=False),  # {name: value}, beside those that every mail has
    Column("state", Text, nullable=False),  # waits sent failed
    Column("attempts", Integer, nullable=False),
    Column("problem", Text),
    Column("created_at", Time, nullable=False),
    Column("settled_at", Time),
    Index("ix_mails_person_id", "person_id"),
    Index("ix_mails_state", "state", "created_at"),
    Index("ix_mails_settled_at", "settled_at"),
)


@dataclass(frozen=True, slots=True)
class Mail:
    """A row of `mails`; times in ms."""

    id: int
    person_id: int | None
    recipient: str
    kind: str
    subject: str
    text: str
    html: str | None
    created_at: int
    headers: Mapping[str, str] = field(default_factory=dict)
    state: str = "waits"
    attempts: int = 0
    problem: str | None = None
    settled_at: int | None = None


_ROW = columns(mails, Mail)


def insert(tx: Tx, mail: Mail) -> None:
    """Keep a mail until it is sent."""
    tx.execute(mails.insert().values({column.name: getattr(mail, column.name) for column in _ROW}))


def by_id(tx: Tx, mail_id: int) -> Mail | None:
    """The mail with this id."""
    return one_of(tx, select(*_ROW).where(mails.c.id == mail_id), Mail)


def failed_once(tx: Tx, mail_id: int, problem: str) -> None:
    """A try was in vain; it is to be tried again."""
    values = {"attempts": mails.c.attempts + 1, "problem": problem[:500]}
    tx.execute(update(mails).where(mails.c.id == mail_id).values(**values))


def settle(tx: Tx, mail_id: int, state: str, now: int, problem: str | None = None) -> None:
    """It was `sent`, or given up (`failed`) for `problem`: what it said is forgotten."""
    tx.execute(
        update(mails)
        .where(mails.c.id == mail_id)
        .values(
            state=state,
            text="",
            html=None,
            headers={},
            attempts=mails.c.attempts + 1,
            problem=problem and problem[:500],
            settled_at=now,
        )
    )


def totals(tx: Tx, since: int) -> dict[str, int]:
    """How many mails of after `since` ms are in each state."""
    query = select(mails.c.state, func.count()).where(mails.c.state.in_(("waits", "sent", "failed")))
    return {row[0]: row[1] for row in tx.execute(query.where(mails.c.created_at >= since).group_by(mails.c.state))}


def in_state(tx: Tx, state: str, since: int, limit: int) -> list[Mail]:
    """Mails of after `since` ms in this state, the newest first."""
    query = select(*_ROW).where(mails.c.state == state, mails.c.created_at >= since)
    return all_of(tx, query.order_by(mails.c.created_at.desc()).limit(limit), Mail)


def last_of(tx: Tx, person_id: int, limit: int) -> list[Mail]:
    """The mails to a person, the newest first."""
    query = select(*_ROW).where(mails.c.person_id == person_id).order_by(mails.c.id.desc())
    return all_of(tx, query.limit(limit), Mail)


def remove(tx: Tx, mail_id: int) -> None:
    """Drop a mail that has nothing to say."""
    tx.execute(delete(mails).where(mails.c.id == mail_id))


def drop_of(tx: Tx, person_id: int) -> None:
    """Drop every mail to a person, also what waits."""
    tx.execute(delete(mails).where(mails.c.person_id == person_id))


def forget(tx: Tx, before: int) -> int:
    """Drop what was settled before that (ms); how many."""
    return tx.execute(delete(mails).where(mails.c.settled_at < before)).rowcount
