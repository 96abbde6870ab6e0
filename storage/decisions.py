"""Decisions: every refusal and every limit, with its reason, for admins and for those who ask why."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Column, Index, Integer, Table, Text, delete, func, or_, select, update

from storage.ids import first_at
from storage.metadata import Bytes, Json, Time, Tx, all_of, columns, id_column, insert_later, metadata

decisions = Table(
    "decisions",
    metadata,
    id_column(),
    Column("direction", Text, nullable=False),  # in out fetch
    Column("host", Text, nullable=False),
    Column("actor", Text),
    Column("activity_id", Text),
    Column("type", Text),
    Column("verdict", Text, nullable=False),  # accept limit hold reject
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("policy", Integer, nullable=False),  # version of the policy that decided
    Column("created_at", Time, nullable=False),
    Column("rule", Text),  # the id of the rule that decided
    Column("effects", Json),  # [name] of what is done to it where it is taken
    Column("facts", Bytes),  # what it was decided by (`federation.policy.facts`), to decide it again
    Index("ix_decisions_host", "host", "id"),
    Index("ix_decisions_activity_id", "activity_id"),
)


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """A row of `decisions`."""

    id: int
    direction: str
    host: str
    actor: str | None
    activity_id: str | None
    type: str | None
    verdict: str
    code: str
    reason: str
    policy: int
    created_at: int
    rule: str | None = None
    effects: list[str] | None = None
    facts: bytes | None = None


_ROW = columns(decisions, DecisionRow)


def insert(tx: Tx, decision: DecisionRow) -> None:
    """Keep a decision."""
    insert_later(tx, decisions, {column.name: getattr(decision, column.name) for column in _ROW})


def forget(tx: Tx, before: int) -> None:
    """Forget what was decided before `before` ms."""
    tx.execute(delete(decisions).where(decisions.c.id < first_at(before)))


def newest(tx: Tx, limit: int, host: str | None = None) -> list[DecisionRow]:
    """The newest decisions, of one host if given."""
    query = select(*_ROW)
    if host is not None:
        query = query.where(decisions.c.host == host)
    return all_of(tx, query.order_by(decisions.c.id.desc()).limit(limit), DecisionRow)


def found(
    tx: Tx, limit: int, *, host: str | None = None, verdict: str | None = None, before: int | None = None
) -> list[DecisionRow]:
    """The newest decisions, of one host, with one verdict and older than the id `before` where these are given."""
    query = select(*_ROW)
    if host is not None:
        query = query.where(decisions.c.host == host)
    if verdict is not None:
        query = query.where(decisions.c.verdict == verdict)
    if before is not None:
        query = query.where(decisions.c.id < before)
    return all_of(tx, query.order_by(decisions.c.id.desc()).limit(limit), DecisionRow)


def with_facts(tx: Tx, limit: int, *, before: int | None = None) -> list[DecisionRow]:
    """The newest decisions of which the facts are known, older than the id `before` if given."""
    query = select(*_ROW).where(decisions.c.facts.isnot(None))
    if before is not None:
        query = query.where(decisions.c.id < before)
    return all_of(tx, query.order_by(decisions.c.id.desc()).limit(limit), DecisionRow)


def about(tx: Tx, activity_id: str, limit: int) -> list[DecisionRow]:
    """The newest decisions upon an activity."""
    query = select(*_ROW).where(decisions.c.activity_id == activity_id)
    return all_of(tx, query.order_by(decisions.c.id.desc()).limit(limit), DecisionRow)


def erase(tx: Tx, ids: list[int]) -> None:
    """Forget by what these were decided, and whom they concerned; that something was refused stays."""
    tx.execute(update(decisions).where(decisions.c.id.in_(ids)).values(actor=None, facts=None))


def refused(tx: Tx, host: str, direction: str, since: int, *, but: Collection[str] = ()) -> dict[str, int]:
    """How much of a host was refused since then (ms) in this direction, by reason code; what is in the name of the actors
    `but` (IRIs) is left out."""
    query = (
        select(decisions.c.code, func.count())
        .where(
            decisions.c.host == host,
            decisions.c.id >= first_at(since),
            decisions.c.direction == direction,
            decisions.c.verdict == "reject",
            or_(decisions.c.actor.is_(None), decisions.c.actor.not_in(but)),
        )
        .group_by(decisions.c.code)
    )
    return {row[0]: row[1] for row in tx.execute(query)}


def by_code(tx: Tx, since: int, among: int = 20_000) -> list[tuple[str, str, int]]:
    """(direction, code, how many) of the newest `among` that were refused since `since` ms, most first."""
    some = (
        select(decisions.c.direction, decisions.c.code)
        .where(decisions.c.id >= first_at(since), decisions.c.verdict == "reject")
        .order_by(decisions.c.id.desc())
        .limit(among)
        .subquery()
    )
    number = func.count()
    query = select(some.c.direction, some.c.code, number).group_by(some.c.direction, some.c.code)
    return [(str(one), str(code), int(count)) for one, code, count in tx.execute(query.order_by(number.desc()))]
