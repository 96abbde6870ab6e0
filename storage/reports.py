"""Reports: what somebody asks moderators to look at, about a person and their posts; from here or from a peer."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Boolean, Column, ForeignKey, Index, Table, Text, select, update

from storage.actors import actors
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
from storage.timelines import Page, bounded

reports = Table(
    "reports",
    metadata,
    id_column(),
    Column("iri", Text, nullable=False, unique=True),  # of the Flag
    Column("reporter_id", Id, ForeignKey("actors.id", ondelete="SET NULL")),
    Column("group_id", Id, ForeignKey("actors.id", ondelete="CASCADE")),  # whose moderators look at it
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),  # whom it is about
    Column("post_ids", Json, nullable=False),  # [id]
    Column("text", Text, nullable=False),  # plain text
    Column("category", Text, nullable=False),  # spam legal violation other, as Mastodon has them
    Column("forward", Boolean, nullable=False),  # whether the server of whom it is about is to hear of it
    Column("state", Text, nullable=False),  # open resolved
    Column("resolved_by_id", Id, ForeignKey("actors.id", ondelete="SET NULL")),
    Column("resolved_at", Time),
    Column("created_at", Time, nullable=False),
    Column("rule_ids", Json, nullable=False, server_default="[]"),  # [number of a rule of this instance]
    Column("assigned_to_id", Id),  # the moderator who looks into it
    Column("rule", Text),  # the rule of the group that it names, as it was then
    Column("case_id", Id, index=True),  # the case (`storage.cases`) that it belongs to
    Index("ix_reports_group_id", "group_id", "id"),
    Index("ix_reports_state", "state", "id"),
)


@dataclass(frozen=True, slots=True)
class Report:
    """A row of `reports`; times in ms."""

    id: int
    iri: str
    reporter_id: int | None
    group_id: int | None
    actor_id: int
    post_ids: list[int]
    text: str
    category: str
    forward: bool
    state: str
    resolved_by_id: int | None
    resolved_at: int | None
    created_at: int
    rule_ids: list[int] = field(default_factory=list)
    assigned_to_id: int | None = None
    rule: str | None = None
    case_id: int | None = None


_ROW = columns(reports, Report)


def insert(tx: Tx, report: Report) -> bool:
    """Add a report; False when its Flag is known already."""
    return insert_new(tx, reports, {column.name: getattr(report, column.name) for column in _ROW}) == 1


def by_id(tx: Tx, report_id: int) -> Report | None:
    """The report with this id."""
    return one_of(tx, select(*_ROW).where(reports.c.id == report_id), Report)


def by_iri(tx: Tx, iri: str) -> Report | None:
    """The report whose Flag has this IRI."""
    return one_of(tx, select(*_ROW).where(reports.c.iri == iri), Report)


def resolve(tx: Tx, report_id: int, by_id: int | None, now: int) -> None:
    """Note that it is settled."""
    values = {"state": "resolved", "resolved_by_id": by_id, "resolved_at": now}
    tx.execute(update(reports).where(reports.c.id == report_id).values(**values))


def change(tx: Tx, report_id: int, **values: Any) -> None:
    """Set columns of a report."""
    set_columns(tx, reports, reports.c.id, report_id, values)


def paged(
    tx: Tx,
    page: Page,
    *,
    state: str,
    reporter_id: int | None = None,
    actor_id: int | None = None,
    domain: str | None = None,
    without_id: int | None = None,
) -> list[Report]:
    """A page of reports of this state, newest first; by this reporter, about this actor or one of this domain, none about
    the actor `without_id`, if given."""
    query = select(*_ROW).where(reports.c.state == state)
    if without_id is not None:
        query = query.where(reports.c.actor_id != without_id)
    if reporter_id is not None:
        query = query.where(reports.c.reporter_id == reporter_id)
    if actor_id is not None:
        query = query.where(reports.c.actor_id == actor_id)
    if domain is not None:
        query = query.where(reports.c.actor_id.in_(select(actors.c.id).where(actors.c.domain == domain)))
    found = all_of(tx, bounded(query, reports.c.id, page), Report)
    return found[::-1] if page.min_id is not None else found


def listed(
    tx: Tx, limit: int, *, state: str | None = None, group_id: int | None = None, before: int | None = None
) -> list[Report]:
    """Reports, newest first; only of this state, of this group, older than the report `before`, where given."""
    query = select(*_ROW)
    if state is not None:
        query = query.where(reports.c.state == state)
    if group_id is not None:
        query = query.where(reports.c.group_id == group_id)
    if before is not None:
        query = query.where(reports.c.id < before)
    return all_of(tx, query.order_by(reports.c.id.desc()).limit(limit), Report)


def about(tx: Tx, actor_ids: list[int], limit: int = 400) -> list[Report]:
    """Reports about these actors, newest first."""
    query = select(*_ROW).where(reports.c.actor_id.in_(actor_ids)).order_by(reports.c.id.desc())
    return all_of(tx, query.limit(limit), Report) if actor_ids else []


def of_cases(tx: Tx, case_ids: list[int], limit: int = 400) -> list[Report]:
    """The reports that these cases are made of, oldest first."""
    query = select(*_ROW).where(reports.c.case_id.in_(case_ids)).order_by(reports.c.id).limit(limit)
    return all_of(tx, query, Report) if case_ids else []
