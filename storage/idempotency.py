"""Idempotency keys: which post, or scheduled post, a client's key gave, so that a repeated request gives the same one (30
days)."""

from sqlalchemy import Column, ForeignKey, Table, Text, delete, select, update

from storage.metadata import Id, Time, Tx, insert_new, metadata

DAYS = 30

idempotency = Table(
    "idempotency",
    metadata,
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("post_id", Id, nullable=False),
    Column("created_at", Time, nullable=False, index=True),
)


def find(tx: Tx, person_id: int, key: str) -> int | None:
    """The id of the post that this key of this person gave."""
    query = select(idempotency.c.post_id).where(idempotency.c.person_id == person_id, idempotency.c.key == key)
    return tx.scalar(query)


def claim(tx: Tx, person_id: int, key: str, post_id: int, now: int) -> bool:
    """Tie a key to a post, in the transaction that makes the post; False when another request was first.

    On PostgreSQL the second of two waits here for the first to commit, so there is no moment between.
    """
    values = {"person_id": person_id, "key": key, "post_id": post_id, "created_at": now}
    return insert_new(tx, idempotency, values) == 1


def point(tx: Tx, person_id: int, key: str, post_id: int) -> None:
    """What this key gave is this post now: the scheduled one was published."""
    mine = (idempotency.c.person_id == person_id, idempotency.c.key == key)
    tx.execute(update(idempotency).where(*mine).values(post_id=post_id))


def forget(tx: Tx, before: int) -> None:
    """Drop the keys made before `before` ms."""
    tx.execute(delete(idempotency).where(idempotency.c.created_at < before))
