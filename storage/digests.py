"""When each person's next digest leaves, and what the last one that was sent told until. Only of who wants one, or may."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Column, ForeignKey, Index, Table, delete, select, update

from storage.metadata import Id, Time, Tx, all_of, columns, metadata, one_of, upsert

digests = Table(
    "digests",
    metadata,
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("next_at", Time, nullable=False),  # 0: the person's settings changed, and it is to be reckoned anew
    Column("sent_at", Time),  # what came until then was in the last one that was sent
    Index("ix_digests_next_at", "next_at"),
)


@dataclass(frozen=True, slots=True)
class Digest:
    """A row of `digests`; times in ms."""

    person_id: int
    next_at: int
    sent_at: int | None


_ROW = columns(digests, Digest)


def by_person(tx: Tx, person_id: int) -> Digest | None:
    """The row of a person."""
    return one_of(tx, select(*_ROW).where(digests.c.person_id == person_id), Digest)


def touched(tx: Tx, person_id: int) -> None:
    """A person's settings changed: when their next digest leaves is to be reckoned anew."""
    upsert(tx, digests, {"person_id": person_id, "next_at": 0}, ["person_id"])


def due(tx: Tx, now: int, limit: int) -> list[Digest]:
    """Those whose time has come (or is to be reckoned), the longest due first."""
    query = select(*_ROW).where(digests.c.next_at <= now).order_by(digests.c.next_at, digests.c.person_id)
    return all_of(tx, query.limit(limit), Digest)


def put(tx: Tx, person_ids: Sequence[int], next_at: int) -> None:
    """The next digests of these people leave then (ms)."""
    tx.execute(update(digests).where(digests.c.person_id.in_(person_ids)).values(next_at=next_at))


def begin(tx: Tx, person_id: int, told_until: int) -> None:
    """The first digest of a person tells of what comes from then on (ms), however late it leaves."""
    tx.execute(
        update(digests).where(digests.c.person_id == person_id, digests.c.sent_at.is_(None)).values(sent_at=told_until)
    )


def sent(tx: Tx, person_id: int, until: int) -> None:
    """A digest that told of what came until then (ms) was sent."""
    tx.execute(update(digests).where(digests.c.person_id == person_id).values(sent_at=until))


def remove(tx: Tx, person_id: int) -> None:
    """A person gets no digests."""
    tx.execute(delete(digests).where(digests.c.person_id == person_id))
