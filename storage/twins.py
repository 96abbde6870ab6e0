"""Twins: groups hosted here and the groups elsewhere that they are joined with (FEP-d36d), and what was passed on."""

from dataclasses import dataclass

from sqlalchemy import Column, ForeignKey, Index, Table, Text, bindparam, delete, select

from storage.actors import actors
from storage.metadata import Id, Time, Tx, all_of, columns, insert_new, metadata, one_of, upsert
from storage.prepared import rows

twins = Table(
    "twins",
    metadata,
    Column("group_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),  # ours
    Column("other_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),  # offered (by us) asked (by them) joined;
    # known: two groups elsewhere, of which the first says that the second is its twin
    Column("since", Time, nullable=False),
    Index("ix_twins_other_id", "other_id"),
)

passed_on = Table(
    "passed_on",
    metadata,
    Column("group_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("activity_iri", Text, primary_key=True),
    Column("created_at", Time, nullable=False),
    Index("ix_passed_on_created_at", "created_at"),
)
"""The activities that a group passed on to its followers, each once: what comes back by a twin goes no further."""


@dataclass(frozen=True, slots=True)
class Twin:
    """A row of `twins`."""

    group_id: int
    other_id: int
    state: str
    since: int


_ROW = columns(twins, Twin)
_FIND = select(*_ROW).where(twins.c.group_id == bindparam("group"), twins.c.other_id == bindparam("other"))
_OF_OTHER = (
    select(*_ROW).where(twins.c.other_id == bindparam("other"), twins.c.state == "joined").order_by(twins.c.since)
)


def save(tx: Tx, twin: Twin) -> None:
    """Add or change a twin."""
    upsert(tx, twins, {column.name: getattr(twin, column.name) for column in _ROW}, ["group_id", "other_id"])


def find(tx: Tx, group_id: int, other_id: int) -> Twin | None:
    """How a group here stands to a group elsewhere."""
    return one_of(tx, _FIND, Twin, group=group_id, other=other_id)


def of_group(tx: Tx, group_id: int) -> list[Twin]:
    """The twins of a group here, oldest first, whatever their state."""
    return all_of(tx, select(*_ROW).where(twins.c.group_id == group_id).order_by(twins.c.since), Twin)


def of_groups(tx: Tx, group_ids: list[int]) -> list[Twin]:
    """The twins of these groups, oldest first, whatever their state."""
    if not group_ids:
        return []
    return all_of(tx, select(*_ROW).where(twins.c.group_id.in_(group_ids)).order_by(twins.c.since), Twin)


def of_other(tx: Tx, other_id: int) -> list[Twin]:
    """The groups here that this group elsewhere is joined with."""
    return all_of(tx, _OF_OTHER, Twin, other=other_id)


def remove(tx: Tx, group_id: int, other_id: int) -> bool:
    """Part them; whether they were anything to each other."""
    return tx.execute(delete(twins).where(twins.c.group_id == group_id, twins.c.other_id == other_id)).rowcount > 0


def pass_on(tx: Tx, group_id: int, activity_iri: str, now: int) -> bool:
    """Note that a group passes an activity on; False when it did so before."""
    row = {"group_id": group_id, "activity_iri": activity_iri, "created_at": now}
    return insert_new(tx, passed_on, row) == 1


def any_of(tx: Tx, group_id: int) -> bool:
    """Whether a group here is joined with any other; asked for everything that a group passes on."""
    return bool(rows(tx, _ANY, {"group": group_id}))


def came_from(tx: Tx, group_id: int, activity_iri: str) -> int | None:
    """The twin of a group here that has passed this activity on already."""
    found = rows(tx, _CAME_FROM, {"group": group_id, "iri": activity_iri})
    return int(found[0][0]) if found else None


def is_known(tx: Tx, one_id: int, other_id: int) -> bool:
    """Whether `one`, a group elsewhere, says itself that `other` is its twin."""
    found = find(tx, one_id, other_id)
    return found is not None and found.state == "known"


def related(tx: Tx, group_id: int) -> list[int]:
    """The groups elsewhere that a group elsewhere calls its twins, or that call it theirs."""
    calls = select(twins.c.other_id).where(twins.c.group_id == group_id, twins.c.state == "known")
    called = select(twins.c.group_id).where(twins.c.other_id == group_id, twins.c.state == "known")
    return list(tx.scalars(calls.union(called)))


def known(tx: Tx, one_id: int, others: list[int], now: int) -> None:
    """Note which groups a group elsewhere calls its twins; those that it no longer names are forgotten."""
    gone = delete(twins).where(twins.c.group_id == one_id, twins.c.state == "known", twins.c.other_id.notin_(others))
    tx.execute(gone)
    for other_id in others:
        insert_new(tx, twins, {"group_id": one_id, "other_id": other_id, "state": "known", "since": now})


def joined_iris(tx: Tx, group_id: int) -> list[str]:
    """The IRIs of the twins of a group here, the oldest first, for others to read."""
    query = (
        select(actors.c.iri)
        .join(twins, twins.c.other_id == actors.c.id)
        .where(twins.c.group_id == group_id, twins.c.state == "joined", actors.c.state == "active")
    )
    return list(tx.scalars(query.order_by(twins.c.since, actors.c.id)))


def inboxes(tx: Tx, group_ids: list[int], hosts: list[str]) -> dict[tuple[int, str], list[str]]:
    """The inboxes of the twins of these groups at these hosts, by (group, host)."""
    query = (
        select(twins.c.group_id, actors.c.host, actors.c.inbox)
        .join(actors, actors.c.id == twins.c.other_id)
        .where(
            twins.c.group_id.in_(group_ids),
            twins.c.state == "joined",
            actors.c.host.in_(hosts),
            actors.c.state == "active",
        )
    )
    found: dict[tuple[int, str], list[str]] = {}
    for group, host, inbox in tx.execute(query):
        found.setdefault((group, host), []).append(inbox)
    return found


def forget_before(tx: Tx, before: int) -> int:
    """Forget what was passed on before this time (ms); how much that was."""
    return tx.execute(delete(passed_on).where(passed_on.c.created_at < before)).rowcount


_ANY = select(twins.c.other_id).where(twins.c.group_id == bindparam("group"), twins.c.state == "joined").limit(1)
_CAME_FROM = (
    select(twins.c.other_id)
    .join(passed_on, passed_on.c.group_id == twins.c.other_id)
    .where(
        twins.c.group_id == bindparam("group"),
        twins.c.state == "joined",
        passed_on.c.activity_iri == bindparam("iri", type_=Text()),
    )
    .order_by(passed_on.c.created_at)
    .limit(1)
)
