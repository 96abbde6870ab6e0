"""Jobs: deferred and timed work that is neither an activity received nor a delivery. Claimed rows come back in time."""

from collections.abc import Collection, Container
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Index, Integer, Table, Text, delete, func, or_, select, update

from storage.events import note
from storage.metadata import Json, Time, Tx, all_of, columns, id_column, insert_new, metadata, one_of

jobs = Table(
    "jobs",
    metadata,
    id_column(),
    Column("kind", Text, nullable=False),  # a name of `fedi.worker.jobs`
    Column("name", Text, nullable=False),  # with `kind` unique while it waits: the same work twice is one job
    Column("payload", Json, nullable=False),
    Column("state", Text, nullable=False),  # due working failed
    Column("attempts", Integer, nullable=False),
    Column("due_at", Time, nullable=False),
    Column("claimed_until", Time),
    Column("created_at", Time, nullable=False),
    Column("problem", Text),
    Index("ix_jobs_due", "state", "due_at"),
    Index("uq_jobs_name", "kind", "name", unique=True),
)


@dataclass(frozen=True, slots=True)
class Job:
    """A row of `jobs`; times in ms."""

    id: int
    kind: str
    name: str
    payload: dict[str, Any]
    state: str
    attempts: int
    due_at: int
    claimed_until: int | None
    created_at: int
    problem: str | None


_ROW = columns(jobs, Job)


def add(
    tx: Tx, job_id: int, kind: str, name: str, payload: dict[str, Any], now: int, due_at: int | None = None
) -> bool:
    """Ask for work; False when the same (`kind` and `name`) waits already."""
    values = {
        "id": job_id,
        "kind": kind,
        "name": name,
        "payload": payload,
        "state": "due",
        "attempts": 0,
        "due_at": now if due_at is None else due_at,
        "created_at": now,
    }
    fresh = insert_new(tx, jobs, values) == 1
    if fresh:
        note(tx, "jobs")
    return fresh


def claim(tx: Tx, now: int, until: int, limit: int, *, held: Container[int] = ()) -> list[Job]:
    """Take up to `limit` due jobs for one worker until `until` ms, but those `held`, which it does: a clock that is set forward
    says that its claims ran out."""
    ready = (
        select(jobs.c.id)
        .where(
            jobs.c.state.in_(("due", "working")),
            jobs.c.due_at <= now,
            or_(jobs.c.claimed_until.is_(None), jobs.c.claimed_until <= now),
        )
        .order_by(jobs.c.due_at, jobs.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = [job_id for job_id in tx.scalars(ready) if job_id not in held]
    if not ids:
        return []
    tx.execute(
        update(jobs)
        .where(jobs.c.id.in_(ids))
        .values(state="working", claimed_until=until, attempts=jobs.c.attempts + 1)
    )
    return all_of(tx, select(*_ROW).where(jobs.c.id.in_(ids)).order_by(jobs.c.id), Job)


def renew(tx: Tx, ids: Collection[int], until: int) -> None:
    """Hold claimed jobs until `until` ms, for a worker that is still at work on them."""
    if ids:
        tx.execute(update(jobs).where(jobs.c.id.in_(ids), jobs.c.state == "working").values(claimed_until=until))


def done(tx: Tx, job_id: int) -> None:
    """The work is done; the row goes."""
    tx.execute(delete(jobs).where(jobs.c.id == job_id))


def later(tx: Tx, job_id: int, due_at: int, problem: str) -> None:
    """Try again at `due_at` ms."""
    tx.execute(
        update(jobs).where(jobs.c.id == job_id).values(state="due", due_at=due_at, claimed_until=None, problem=problem)
    )


def hasten(tx: Tx, kind: str, name: str, due_at: int) -> bool:
    """Do waiting work at `due_at` ms; whether there was any."""
    found = update(jobs).where(jobs.c.kind == kind, jobs.c.name == name, jobs.c.state == "due").values(due_at=due_at)
    waits = tx.execute(found).rowcount > 0
    if waits:
        note(tx, "jobs")
    return waits


def drop(tx: Tx, kind: str, name: str) -> None:
    """Give waiting work up, as somebody did it otherwise; what a worker is at stays."""
    tx.execute(delete(jobs).where(jobs.c.kind == kind, jobs.c.name == name, jobs.c.state == "due"))


def failed(tx: Tx, job_id: int, problem: str) -> None:
    """Tried to the end; the row stays for the operator."""
    tx.execute(update(jobs).where(jobs.c.id == job_id).values(state="failed", claimed_until=None, problem=problem))


def forget_failed(tx: Tx, kind: str, name: str) -> None:
    """Drop what was tried to the end, as it is asked for anew."""
    tx.execute(delete(jobs).where(jobs.c.kind == kind, jobs.c.name == name, jobs.c.state == "failed"))


def waits(tx: Tx, kind: str, name: str) -> bool:
    """Whether this work waits, or is done now."""
    query = select(jobs.c.id).where(jobs.c.kind == kind, jobs.c.name == name, jobs.c.state != "failed")
    return tx.scalar(query) is not None


def by_id(tx: Tx, job_id: int) -> Job | None:
    """The job with this id."""
    return one_of(tx, select(*_ROW).where(jobs.c.id == job_id), Job)


def totals(tx: Tx) -> dict[str, int]:
    """How many jobs are in each state."""
    return {row[0]: row[1] for row in tx.execute(select(jobs.c.state, func.count()).group_by(jobs.c.state))}


def oldest_due(tx: Tx, now: int) -> int | None:
    """Since when the oldest job that is due at `now` waits, in ms; None when none does."""
    oldest: int | None = tx.scalar(select(func.min(jobs.c.due_at)).where(jobs.c.state == "due", jobs.c.due_at <= now))
    return oldest


def in_state(tx: Tx, state: str, limit: int) -> list[Job]:
    """Jobs that are due, working or failed, those that are due first."""
    query = select(*_ROW).where(jobs.c.state == state).order_by(jobs.c.due_at, jobs.c.id).limit(limit)
    return all_of(tx, query, Job)


def by_kind(tx: Tx) -> list[tuple[str, str, int]]:
    """(kind, state, how many), in the order of the kinds."""
    query = select(jobs.c.kind, jobs.c.state, func.count()).group_by(jobs.c.kind, jobs.c.state)
    return [(str(kind), str(state), int(count)) for kind, state, count in tx.execute(query.order_by(jobs.c.kind))]


def again(tx: Tx, job_id: int, now: int) -> bool:
    """Try a job that waits or was given up at `now` ms, from its first attempt on; whether there was one."""
    values = {"state": "due", "due_at": now, "attempts": 0, "claimed_until": None}
    tried = update(jobs).where(jobs.c.id == job_id, jobs.c.state.in_(("due", "failed"))).values(**values)
    found = tx.execute(tried).rowcount > 0
    if found:
        note(tx, "jobs")
    return found
