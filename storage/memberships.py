"""Memberships: an actor in a group, with role and state. Who follows a group joins it; the group's host decides."""

from dataclasses import dataclass

from sqlalchemy import Column, ForeignKey, Index, Table, Text, delete, func, select

from storage.actors import actors
from storage.metadata import Id, Time, Tx, all_of, columns, metadata, one_of, upsert
from storage.timelines import Page, bounded

memberships = Table(
    "memberships",
    metadata,
    Column("group_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("role", Text, nullable=False),  # member moderator owner
    Column("state", Text, nullable=False),  # accepted pending invited banned
    Column("since", Time, nullable=False),
    Column("until", Time),  # when a ban ends; without it, it does not
    Column("reason", Text),  # of a ban
    Index("ix_memberships_actor_id", "actor_id"),
)
# Few bans end by themselves.
Index(
    "ix_memberships_until",
    memberships.c.until,
    sqlite_where=memberships.c.until.isnot(None),
    postgresql_where=memberships.c.until.isnot(None),
)


@dataclass(frozen=True, slots=True)
class Membership:
    """A row of `memberships`."""

    group_id: int
    actor_id: int
    role: str
    state: str
    since: int
    until: int | None = None
    reason: str | None = None

    @property
    def moderates(self) -> bool:
        """Whether this member may moderate the group."""
        return self.state == "accepted" and self.role in ("moderator", "owner")


_ROW = columns(memberships, Membership)


def save(tx: Tx, membership: Membership) -> None:
    """Add or change a membership."""
    values = {column.name: getattr(membership, column.name) for column in _ROW}
    upsert(tx, memberships, values, ["group_id", "actor_id"])


def find(tx: Tx, group_id: int, actor_id: int) -> Membership | None:
    """The membership of this actor in this group, whatever its state."""
    query = select(*_ROW).where(memberships.c.group_id == group_id, memberships.c.actor_id == actor_id)
    return one_of(tx, query, Membership)


def remove(tx: Tx, group_id: int, actor_id: int) -> bool:
    """Take a membership away; whether there was one."""
    gone = tx.execute(delete(memberships).where(memberships.c.group_id == group_id, memberships.c.actor_id == actor_id))
    return gone.rowcount > 0


def of_group(tx: Tx, group_id: int, state: str = "accepted") -> list[Membership]:
    """The memberships of a group in this state, oldest first."""
    query = select(*_ROW).where(memberships.c.group_id == group_id, memberships.c.state == state)
    return all_of(tx, query.order_by(memberships.c.since, memberships.c.actor_id), Membership)


def page_of(tx: Tx, group_id: int, page: Page, *, state: str = "accepted", role: str | None = None) -> list[Membership]:
    """A page of the memberships of a group in this state (with this role), newest accounts first: ids of actors are the
    cursors."""
    query = select(*_ROW).where(memberships.c.group_id == group_id, memberships.c.state == state)
    if role is not None:
        query = query.where(memberships.c.role == role)
    found = all_of(tx, bounded(query, memberships.c.actor_id, page), Membership)
    return found[::-1] if page.min_id is not None else found


def of_actor(tx: Tx, actor_id: int, state: str = "accepted") -> list[Membership]:
    """The memberships of an actor in this state, newest first."""
    query = select(*_ROW).where(memberships.c.actor_id == actor_id, memberships.c.state == state)
    return all_of(tx, query.order_by(memberships.c.since.desc()), Membership)


def moderators(tx: Tx, group_id: int) -> list[int]:
    """The actor ids of the moderators and owners of a group, longest first."""
    query = (
        select(memberships.c.actor_id)
        .where(
            memberships.c.group_id == group_id,
            memberships.c.state == "accepted",
            memberships.c.role.in_(("moderator", "owner")),
        )
        .order_by(memberships.c.since, memberships.c.actor_id)
    )
    return list(tx.scalars(query))


def accepted_among(tx: Tx, group_ids: list[int], actor_ids: list[int]) -> set[tuple[int, int]]:
    """(group, actor) of each of these actors that is an accepted member of one of these groups."""
    if not group_ids or not actor_ids:
        return set()
    query = select(memberships.c.group_id, memberships.c.actor_id).where(
        memberships.c.group_id.in_(group_ids),
        memberships.c.actor_id.in_(actor_ids),
        memberships.c.state == "accepted",
    )
    return {(group, actor) for group, actor in tx.execute(query)}


def lapse(tx: Tx, now: int) -> int:
    """Remove bans that ended before `now` (ms); how many there were."""
    over = delete(memberships).where(memberships.c.state == "banned", memberships.c.until <= now)
    return tx.execute(over).rowcount


def everything_of(tx: Tx, actor_id: int) -> list[Membership]:
    """The memberships of an actor, whatever their state, newest first."""
    query = select(*_ROW).where(memberships.c.actor_id == actor_id)
    return all_of(tx, query.order_by(memberships.c.since.desc()), Membership)


def hosts(tx: Tx, group_id: int) -> dict[str, int]:
    """How many accepted members a group has at each host, this one included."""
    query = (
        select(actors.c.host, func.count())
        .join_from(memberships, actors, actors.c.id == memberships.c.actor_id)
        .where(memberships.c.group_id == group_id, memberships.c.state == "accepted", actors.c.state == "active")
        .group_by(actors.c.host)
    )
    return {row[0]: row[1] for row in tx.execute(query)}


def groups_with(tx: Tx, host: str) -> list[int]:
    """The groups of this instance with somebody of a host elsewhere: in them, waiting, or invited."""
    group = actors.alias()
    query = (
        select(memberships.c.group_id)
        .distinct()
        .join_from(memberships, actors, actors.c.id == memberships.c.actor_id)
        .join(group, group.c.id == memberships.c.group_id)
        .where(actors.c.host == host, memberships.c.state != "banned", group.c.local)
    )
    return sorted(tx.scalars(query))


def at_host(tx: Tx, group_id: int, host: str) -> list[int]:
    """Who of a host is in a group, waits for it or is invited (actor ids), first come first."""
    query = (
        select(memberships.c.actor_id)
        .join(actors, actors.c.id == memberships.c.actor_id)
        .where(memberships.c.group_id == group_id, memberships.c.state != "banned", actors.c.host == host)
        .order_by(memberships.c.since, memberships.c.actor_id)
    )
    return list(tx.scalars(query))
