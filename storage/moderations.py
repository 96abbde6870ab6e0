"""Moderations: what moderators did, in groups hosted here and in those that people here follow. Rows are only added;
what was taken back says when."""

from dataclasses import dataclass

from sqlalchemy import Column, ForeignKey, Index, Table, Text, select, update

from storage.metadata import Id, Time, Tx, all_of, columns, id_column, insert_new, metadata, one_of

moderations = Table(
    "moderations",
    metadata,
    id_column(),
    Column("iri", Text, nullable=False, unique=True),  # of the activity
    Column("action", Text, nullable=False),  # remove lock pin ban warn appoint dismiss
    Column("group_id", Id, ForeignKey("actors.id", ondelete="CASCADE")),
    Column("moderator_id", Id, ForeignKey("actors.id", ondelete="SET NULL")),
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE")),  # whom it concerns
    Column("post_id", Id, ForeignKey("posts.id", ondelete="CASCADE")),  # which post
    Column("reason", Text),
    Column("until", Time),  # when it ends by itself
    Column("undone_at", Time),
    Column("created_at", Time, nullable=False),
    Column("rule", Text),  # the rule it was done by
    Column("case_id", Id),  # the case (`storage.cases`) in which it was done
    Index("ix_moderations_group_id", "group_id", "id"),
    Index("ix_moderations_post_id", "post_id"),
    Index("ix_moderations_actor_id", "actor_id", "id"),
)

ACTIONS = ("remove", "lock", "pin", "ban", "warn", "appoint", "dismiss")


@dataclass(frozen=True, slots=True)
class Moderation:
    """A row of `moderations`; times in ms."""

    id: int
    iri: str
    action: str
    group_id: int | None
    moderator_id: int | None
    actor_id: int | None
    post_id: int | None
    reason: str | None
    until: int | None
    undone_at: int | None
    created_at: int
    rule: str | None = None
    case_id: int | None = None


_ROW = columns(moderations, Moderation)


def insert(tx: Tx, moderation: Moderation) -> bool:
    """Add one; False when its activity is known already."""
    return insert_new(tx, moderations, {column.name: getattr(moderation, column.name) for column in _ROW}) == 1


def by_id(tx: Tx, moderation_id: int) -> Moderation | None:
    """The one with this id."""
    return one_of(tx, select(*_ROW).where(moderations.c.id == moderation_id), Moderation)


def by_iri(tx: Tx, iri: str) -> Moderation | None:
    """The one whose activity has this IRI."""
    return one_of(tx, select(*_ROW).where(moderations.c.iri == iri), Moderation)


def standing(
    tx: Tx, action: str, *, group_id: int | None = None, post_id: int | None = None, actor_id: int | None = None
) -> Moderation | None:
    """The newest of this action on this post or person (in this group, if given) that was not taken back."""
    query = select(*_ROW).where(moderations.c.action == action, moderations.c.undone_at.is_(None))
    if group_id is not None:
        query = query.where(moderations.c.group_id == group_id)
    if post_id is not None:
        query = query.where(moderations.c.post_id == post_id)
    if actor_id is not None:
        query = query.where(moderations.c.actor_id == actor_id)
    return one_of(tx, query.order_by(moderations.c.id.desc()).limit(1), Moderation)


def undo(tx: Tx, moderation_id: int, now: int) -> None:
    """Note that it was taken back."""
    tx.execute(update(moderations).where(moderations.c.id == moderation_id).values(undone_at=now))


def of_group(tx: Tx, group_id: int, limit: int, before: int | None = None) -> list[Moderation]:
    """What was done in a group, newest first; only what is older than the row `before`, if given."""
    query = select(*_ROW).where(moderations.c.group_id == group_id)
    if before is not None:
        query = query.where(moderations.c.id < before)
    return all_of(tx, query.order_by(moderations.c.id.desc()).limit(limit), Moderation)


def about(tx: Tx, actor_id: int, group_ids: list[int], limit: int = 400) -> list[Moderation]:
    """What was done in these groups that concerns this actor, newest first."""
    query = select(*_ROW).where(moderations.c.actor_id == actor_id, moderations.c.group_id.in_(group_ids))
    return all_of(tx, query.order_by(moderations.c.id.desc()).limit(limit), Moderation) if group_ids else []


def mark(tx: Tx, moderation_id: int, rule: str | None, case_id: int | None) -> None:
    """Note by which rule it was done, and in which case."""
    tx.execute(update(moderations).where(moderations.c.id == moderation_id).values(rule=rule, case_id=case_id))
