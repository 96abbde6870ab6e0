"""Cases: what moderators are asked to decide, each once, however many reported it; what was said is kept as members saw it."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Integer, Select, Table, Text, func, select, text, update

from storage.metadata import (
    Id,
    Json,
    Time,
    Tx,
    all_of,
    columns,
    id_column,
    insert_new,
    metadata,
    one_of,
    set_columns,
)

cases = Table(
    "cases",
    metadata,
    id_column(),
    Column("iri", Text, nullable=False, unique=True),  # of the Flag by which moderators elsewhere hear of it
    Column("group_id", Id, ForeignKey("actors.id", ondelete="CASCADE")),  # whose moderators decide
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),  # whom it is about
    Column("kind", Text, nullable=False),  # report; held: an activity that waits for them
    Column("post_ids", Json, nullable=False),  # [id]
    Column("received_id", Id),  # what waits, of a held one
    Column("snapshot", Json, nullable=False),  # [{id, title, content, summary, language, at, pictures}]
    Column("severity", Integer, nullable=False),  # 1 to 3
    Column("state", Text, nullable=False),  # open decided
    Column("due_at", Time, nullable=False),  # by when it is to be decided
    Column("alerted_at", Time),  # when it was said that it is overdue
    Column("asked", Json, nullable=False),  # [{host, text, at}]: which servers were asked to act
    Column("outcome", Text),  # what was done: nothing, or some of remove lock warn ban hide, with blanks between
    Column("rule", Text),  # the rule that it was decided by
    Column("words", Text),  # what its author was told
    Column("decided_by_id", Id, ForeignKey("actors.id", ondelete="SET NULL")),
    Column("decided_host", Text),  # the institution that decided
    Column("decided_at", Time),
    Column("created_at", Time, nullable=False),
    Index("ix_cases_group_id", "group_id", "state", "due_at"),
    Index("ix_cases_state", "state", "due_at"),
    Index("ix_cases_actor_id", "actor_id", "state"),
    # What was said is kept for a while alone, so that few have it.
    Index(
        "ix_cases_decided_at",
        "decided_at",
        sqlite_where=text("snapshot != '[]'"),
        postgresql_where=text("snapshot != '[]'"),
    ),
)


@dataclass(frozen=True, slots=True)
class Case:
    """A row of `cases`; times in ms."""

    id: int
    iri: str
    group_id: int | None
    actor_id: int
    kind: str
    post_ids: list[int]
    received_id: int | None
    snapshot: list[dict[str, Any]]
    severity: int
    state: str
    due_at: int
    created_at: int
    alerted_at: int | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    outcome: str | None = None
    rule: str | None = None
    words: str | None = None
    decided_by_id: int | None = None
    decided_host: str | None = None
    decided_at: int | None = None

    @property
    def acts(self) -> list[str]:
        """What was done, one by one; empty while it is open."""
        return (self.outcome or "").split()


_ROW = columns(cases, Case)


def insert(tx: Tx, case: Case) -> bool:
    """Add one; False when its Flag is known."""
    return insert_new(tx, cases, {column.name: getattr(case, column.name) for column in _ROW}) == 1


def change(tx: Tx, case_id: int, **values: Any) -> None:
    """Set columns of one."""
    set_columns(tx, cases, cases.c.id, case_id, values)


def by_id(tx: Tx, case_id: int) -> Case | None:
    """The one with this id."""
    return one_of(tx, select(*_ROW).where(cases.c.id == case_id), Case)


def by_ids(tx: Tx, ids: list[int]) -> dict[int, Case]:
    """Those with these ids, by id."""
    return {one.id: one for one in all_of(tx, select(*_ROW).where(cases.c.id.in_(ids)), Case)} if ids else {}


def by_iri(tx: Tx, iri: str) -> Case | None:
    """The one that moderators elsewhere know by this Flag."""
    return one_of(tx, select(*_ROW).where(cases.c.iri == iri), Case)


def open_about(tx: Tx, actor_id: int) -> list[Case]:
    """The open ones about this actor, oldest first."""
    query = select(*_ROW).where(cases.c.actor_id == actor_id, cases.c.state == "open")
    return all_of(tx, query.order_by(cases.c.id), Case)


def _queue(group_id: int | None, state: str) -> Select[Any]:
    query = select(*_ROW).where(cases.c.state == state)
    return query if group_id is None else query.where(cases.c.group_id == group_id)


def listed(tx: Tx, limit: int, *, group_id: int | None = None) -> list[Case]:
    """The open ones (of a group), the one that is due first at the top."""
    return all_of(tx, _queue(group_id, "open").order_by(cases.c.due_at, cases.c.id).limit(limit), Case)


def waiting(tx: Tx, group_id: int | None, most: int = 100) -> int:
    """How many are open in a group, or with None anywhere, `most` at most."""
    inner = _queue(group_id, "open").with_only_columns(cases.c.id).limit(most).subquery()
    return tx.scalar(select(func.count()).select_from(inner)) or 0


def upheld(tx: Tx, actor_id: int, group_id: int | None, most: int = 100) -> int:
    """How many cases about this actor in this group ended with something done."""
    query = select(cases.c.id).where(
        cases.c.actor_id == actor_id, cases.c.state == "decided", cases.c.group_id == group_id
    )
    query = query.where(cases.c.outcome.not_in(("nothing", "let-in", "taken-back"))).limit(most)
    return tx.scalar(select(func.count()).select_from(query.subquery())) or 0


def overdue(tx: Tx, now: int, limit: int = 100) -> list[Case]:
    """The open ones whose time is over, as far as nobody was told."""
    query = select(*_ROW).where(cases.c.state == "open", cases.c.due_at <= now, cases.c.alerted_at.is_(None))
    return all_of(tx, query.order_by(cases.c.due_at).limit(limit), Case)


def forget(tx: Tx, before: int) -> int:
    """Forget what was said in cases that were decided before this time (ms); how many there were."""
    old = update(cases).where(cases.c.decided_at < before, text("snapshot != '[]'"))
    return tx.execute(old.values(snapshot=[])).rowcount


def forget_about(tx: Tx, actor_id: int) -> None:
    """Forget what this actor said: they are erased."""
    tx.execute(update(cases).where(cases.c.actor_id == actor_id).values(snapshot=[], words=None))
