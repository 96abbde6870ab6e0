"""Notifications: what a local person should hear of."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Boolean, Column, ForeignKey, Index, Table, Text, delete, false, select

from storage.events import note
from storage.metadata import Id, Time, Tx, all_of, columns, id_column, insert_new, metadata, one_of
from storage.timelines import Page, bounded

notifications = Table(
    "notifications",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),  # mention status reblog follow follow_request favourite update poll
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("post_id", Id, ForeignKey("posts.id", ondelete="CASCADE")),
    Column("created_at", Time, nullable=False),
    Column("filtered", Boolean, nullable=False, server_default=false()),  # it waits in a request
    Index("ix_notifications_person_id", "person_id", "id"),
    Index("ix_notifications_post_id", "post_id"),
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


_ROW = columns(notifications, Notification)


def insert(tx: Tx, notification: Notification) -> bool:
    """Tell a person something; False when the same was told before."""
    if notification.post_id is None:
        # NULLs are distinct in unique indexes, so ask first.
        known = select(notifications.c.id).where(
            notifications.c.person_id == notification.person_id,
            notifications.c.kind == notification.kind,
            notifications.c.actor_id == notification.actor_id,
            notifications.c.post_id.is_(None),
        )
        if tx.scalar(known) is not None:
            return False
    made = insert_new(tx, notifications, {column.name: getattr(notification, column.name) for column in _ROW}) == 1
    if made:
        note(tx, "person", str(notification.person_id))
    return made


def of_person(
    tx: Tx,
    person_id: int,
    page: Page,
    *,
    kinds: list[str] | None = None,
    without: list[str] | None = None,
    actor_id: int | None = None,
) -> list[Notification]:
    """The notifications of a person, newest first; only `kinds`, none of `without`, only by `actor_id`, if given."""
    query: Any = select(*_ROW).where(notifications.c.person_id == person_id)
    if kinds:
        query = query.where(notifications.c.kind.in_(kinds))
    if without:
        query = query.where(notifications.c.kind.not_in(without))
    if actor_id is not None:
        query = query.where(notifications.c.actor_id == actor_id)
    found = all_of(tx, bounded(query, notifications.c.id, page), Notification)
    return found[::-1] if page.min_id is not None else found


def by_id(tx: Tx, person_id: int, notification_id: int) -> Notification | None:
    """One notification of this person."""
    query = select(*_ROW).where(notifications.c.id == notification_id, notifications.c.person_id == person_id)
    return one_of(tx, query, Notification)


def remove(tx: Tx, person_id: int, notification_id: int | None = None) -> None:
    """Take one notification of a person away, or all of them."""
    query = delete(notifications).where(notifications.c.person_id == person_id)
    if notification_id is not None:
        query = query.where(notifications.c.id == notification_id)
    tx.execute(query)


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
