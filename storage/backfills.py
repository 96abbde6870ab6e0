"""Backfills: which collections of other servers were asked for what we missed, and when; so that none is asked often.

What was asked in vain is remembered as well: a host that has nothing is left alone as long as one that had much.
"""

from sqlalchemy import Column, Integer, Table, Text, bindparam, delete, update

from storage.metadata import Time, Tx, insert_new, metadata

backfills = Table(
    "backfills",
    metadata,
    Column("iri", Text, primary_key=True),  # of the collection: a thread's context, a post's replies, a group's outbox
    Column("asked_at", Time, nullable=False, index=True),
    Column("found", Integer),  # posts that were new; null while it was not answered
)

_AGAIN = (
    update(backfills)
    .where(backfills.c.iri == bindparam("which"), backfills.c.asked_at <= bindparam("before"))
    .values(asked_at=bindparam("now"), found=None)
)


def claim(tx: Tx, iri: str, now: int, interval: int) -> bool:
    """Note that this collection is asked now; False when it was within the last `interval` ms, by whichever process."""
    if insert_new(tx, backfills, {"iri": iri, "asked_at": now, "found": None}):
        return True
    return tx.execute(_AGAIN, {"which": iri, "before": now - interval, "now": now}).rowcount > 0


def answered(tx: Tx, iri: str, found: int) -> None:
    """Note how many new posts a collection gave."""
    tx.execute(update(backfills).where(backfills.c.iri == iri).values(found=found))


def forget(tx: Tx, before: int) -> int:
    """Forget what was asked before this time (ms); how many that were."""
    return tx.execute(delete(backfills).where(backfills.c.asked_at < before)).rowcount
