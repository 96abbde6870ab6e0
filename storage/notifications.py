"""Notifications: what a local person should hear of."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Table,
    Text,
    bindparam,
    delete,
    false,
    or_,
    select,
    text,
)

from storage.actors import actors
from storage.events import note
from storage.metadata import Id, Time, Tx, all_of, columns, id_column, insert_new, metadata, one_of
from storage.prepared import rows
from storage.timelines import Page, bounded

notifications = Table(
    "notifications",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),  # one of KINDS
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("post_id", Id, ForeignKey("posts.id", ondelete="CASCADE")),
    Column("created_at", Time, nullable=False),
    Column("filtered", Boolean, nullable=False, server_default=false()),  # it waits in a request
    Index("ix_notifications_person_id", "person_id", "id"),
    Index("ix_notifications_post_id", "post_id"),
)
# Few wait; those of a pair are counted for each request.
Index(
    "ix_notifications_filtered",
    notifications.c.person_id,
    notifications.c.actor_id,
    sqlite_where=text("filtered = 1"),  # as SQLAlchemy asks for it
    postgresql_where=notifications.c.filtered,
)
# The same like or follow again (undone and done anew) is not news.
Index(
    "uq_notifications_once",
    notifications.c.person_id,
    notifications.c.kind,
    notifications.c.actor_id,
    notifications.c.post_id,
    unique=True,
)

DOERS = ("active", "pending")
"""States of the actors of whose acts one is told: who waits to be let in did one thing, they signed up."""

KINDS = (
    "mention",
    "status",
    "reblog",
    "follow",
    "follow_request",
    "favourite",
    "poll",
    "update",
    "quote",
    "quoted_update",
    "admin.sign_up",
    "admin.report",
    "moderation_warning",
    "severed_relationships",
)
"""Every kind of notification that Mastodon has and something here causes, or may."""


@dataclass(frozen=True, slots=True)
class Notification:
    """A row of `notifications`."""

    id: int
    person_id: int
    kind: str
    actor_id: int
    post_id: int | None
    created_at: int
    filtered: bool = False


ROW = columns(notifications, Notification)
_KNOWN = select(notifications.c.id).where(
    notifications.c.person_id == bindparam("person", type_=Id()),
    notifications.c.kind == bindparam("kind", type_=Text()),
    notifications.c.actor_id == bindparam("actor", type_=Id()),
    notifications.c.post_id.is_(None),
)

_AFTER = (
    select(notifications.c.id)
    .where(
        notifications.c.person_id == bindparam("person", type_=Id()),
        ~notifications.c.filtered,
        notifications.c.id > bindparam("since", type_=Id()),
    )
    .order_by(notifications.c.id.desc())
    .limit(bindparam("most", type_=Id()))
)


def insert(tx: Tx, notification: Notification) -> bool:
    """Tell a person something; False when the same was told before. What waits (`filtered`) is kept in silence."""
    person_id = notification.person_id
    if notification.post_id is None:
        # NULLs are distinct in unique indexes, so ask first.
        known = {"person": person_id, "kind": notification.kind, "actor": notification.actor_id}
        if rows(tx, _KNOWN, known):
            return False
    made = insert_new(tx, notifications, {column.name: getattr(notification, column.name) for column in ROW}) == 1
    if made and not notification.filtered:
        note(tx, "person", str(person_id))
        note(tx, "stream", f"notification {person_id} {notification.id}")
    return made


def of_person(
    tx: Tx,
    person_id: int,
    page: Page,
    *,
    kinds: list[str] | None = None,
    without: list[str] | None = None,
    actor_id: int | None = None,
    filtered: bool = False,
) -> list[Notification]:
    """The notifications of a person, newest first; only `kinds`, none of `without`, only by `actor_id`, if given, and
    with what waits in requests only if `filtered`."""
    query: Any = select(*ROW).where(*wanted(person_id, kinds, without, actor_id, filtered=filtered))
    found = all_of(tx, bounded(query, notifications.c.id, page), Notification)
    return found[::-1] if page.min_id is not None else found


def wanted(
    person_id: int, kinds: list[str] | None, without: list[str] | None, actor_id: int | None, *, filtered: bool
) -> list[ColumnElement[bool]]:
    """The conditions of `of_person`."""
    conditions = [notifications.c.person_id == person_id]
    if kinds:
        conditions.append(notifications.c.kind.in_(kinds))
    if without:
        conditions.append(notifications.c.kind.not_in(without))
    if actor_id is not None:
        conditions.append(notifications.c.actor_id == actor_id)
    if not filtered:
        conditions.append(~notifications.c.filtered)
    return conditions


def ids_after(tx: Tx, person_id: int, since: int, most: int) -> list[int]:
    """The ids of a person's newest notifications after `since`, newest first, `most` of them; without what waits."""
    return [row[0] for row in rows(tx, _AFTER, {"person": person_id, "since": since, "most": most})]


def by_ids(tx: Tx, person_id: int, ids: list[int]) -> dict[int, Notification]:
    """Those of these notifications that are this person's, by id."""
    if not ids:
        return {}
    query = select(*ROW).where(notifications.c.id.in_(ids), notifications.c.person_id == person_id)
    return {one.id: one for one in all_of(tx, query, Notification)}


def by_id(tx: Tx, person_id: int, notification_id: int) -> Notification | None:
    """One notification of this person."""
    query = select(*ROW).where(notifications.c.id == notification_id, notifications.c.person_id == person_id)
    return one_of(tx, query, Notification)


def remove(tx: Tx, person_id: int, notification_id: int | None = None) -> None:
    """Take one notification of a person away, or all of them."""
    query = delete(notifications).where(notifications.c.person_id == person_id)
    if notification_id is not None:
        query = query.where(notifications.c.id == notification_id)
    tx.execute(query)


def release(tx: Tx, person_id: int, actor_ids: list[int]) -> int:
    """What waits of these actors is among the others from now on; how much it was."""
    query = notifications.update().where(*_waiting(person_id, actor_ids)).values(filtered=False)
    released = tx.execute(query).rowcount
    if released:
        note(tx, "person", str(person_id))
    return released


def drop_waiting(tx: Tx, person_id: int, actor_ids: list[int]) -> None:
    """Take away what waits of these actors."""
    tx.execute(delete(notifications).where(*_waiting(person_id, actor_ids)))


def merged(tx: Tx, person_id: int) -> None:
    """Tell open streams that what waited is among the others now, so that they read the list anew."""
    note(tx, "stream", f"merged {person_id}")


def _waiting(person_id: int, actor_ids: list[int]) -> list[ColumnElement[bool]]:
    return [
        notifications.c.person_id == person_id,
        notifications.c.actor_id.in_(actor_ids),
        notifications.c.filtered,
    ]


def forget(
    tx: Tx,
    *,
    person_id: int | None = None,
    post_id: int | None = None,
    actor_id: int | None = None,
    kind: str | None = None,
) -> None:
    """Take away what was told of a post, of an actor, or of an actor's act on a post (undone); to one person if given."""
    query = delete(notifications)
    if post_id is None and actor_id is None:
        raise ValueError("forget() needs a post or an actor")
    for name, value in (("person_id", person_id), ("post_id", post_id), ("actor_id", actor_id), ("kind", kind)):
        if value is not None:
            query = query.where(notifications.c[name] == value)
    tx.execute(query)


def forget_host(tx: Tx, person_id: int, host: str) -> None:
    """Take away what a person was told of actors at this host."""
    there = select(actors.c.id).where(or_(actors.c.host == host, actors.c.domain == host))
    tx.execute(delete(notifications).where(notifications.c.person_id == person_id, notifications.c.actor_id.in_(there)))
