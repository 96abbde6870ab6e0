"""Tokens of feeds: each lets whoever holds it read one feed (a group, a thread or a search) as one person sees it."""

from dataclasses import dataclass

from sqlalchemy import Column, ForeignKey, Index, Table, Text, delete, func, select, update

from storage.apps import hashed
from storage.metadata import Id, Time, Tx, all_of, columns, id_column, metadata, one_of

feed_tokens = Table(
    "feed_tokens",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),  # group thread search
    Column("target", Text, nullable=False),  # the id of the group or of the thread's first post; what is searched for
    Column("token_hash", Text, nullable=False, unique=True),
    Column("created_at", Time, nullable=False),
    Column("used_at", Time),  # to the hour
    Column("revoked_at", Time),  # it stays for a while, so that a reader is told that it is gone
    Index("ix_feed_tokens_person_id", "person_id", "id"),
    Index("ix_feed_tokens_revoked_at", "revoked_at"),
)


@dataclass(frozen=True, slots=True)
class FeedToken:
    """A row of `feed_tokens`; times in ms."""

    id: int
    person_id: int
    kind: str
    target: str
    token_hash: str
    created_at: int
    used_at: int | None = None
    revoked_at: int | None = None


_ROW = columns(feed_tokens, FeedToken)


def insert(tx: Tx, token: FeedToken) -> None:
    """Add a token."""
    tx.execute(feed_tokens.insert().values({column.name: getattr(token, column.name) for column in _ROW}))


def by_token(tx: Tx, token: str) -> FeedToken | None:
    """The row of a token, also when it was revoked."""
    return one_of(tx, select(*_ROW).where(feed_tokens.c.token_hash == hashed(token)), FeedToken)


def of_person(tx: Tx, person_id: int, limit: int) -> list[FeedToken]:
    """The tokens of a person that work, the newest first."""
    query = select(*_ROW).where(feed_tokens.c.person_id == person_id, feed_tokens.c.revoked_at.is_(None))
    return all_of(tx, query.order_by(feed_tokens.c.id.desc()).limit(limit), FeedToken)


def total(tx: Tx, person_id: int) -> int:
    """How many tokens of a person work."""
    query = select(func.count()).select_from(feed_tokens)
    return tx.scalar(query.where(feed_tokens.c.person_id == person_id, feed_tokens.c.revoked_at.is_(None))) or 0


def used(tx: Tx, token_id: int, now: int) -> None:
    """Note that a token was used."""
    tx.execute(update(feed_tokens).where(feed_tokens.c.id == token_id).values(used_at=now))


def revoke(tx: Tx, person_id: int, now: int, token_id: int | None = None) -> int:
    """One token of a person, or all of them, work no more; how many that were."""
    mine = [feed_tokens.c.person_id == person_id, feed_tokens.c.revoked_at.is_(None)]
    if token_id is not None:
        mine.append(feed_tokens.c.id == token_id)
    return tx.execute(update(feed_tokens).where(*mine).values(revoked_at=now, target="")).rowcount


def forget(tx: Tx, before: int) -> int:
    """Drop what was revoked before that (ms); how many."""
    return tx.execute(delete(feed_tokens).where(feed_tokens.c.revoked_at < before)).rowcount
