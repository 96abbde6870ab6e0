"""Timelines: one narrow row per thing that an actor put before its followers (a post of its own, or a boost).

Reading joins what a person follows with these rows; nothing is copied to each follower, so a post costs one row
however many follow. Ids are those of the post or of the boost: one id space, as clients page through both.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Select,
    Table,
    delete,
    or_,
    select,
)

from storage.follows import follows
from storage.metadata import Id, Tx, all_of, columns, insert_new, metadata, one_among
from storage.posts import posts, tags

entries = Table(
    "entries",
    metadata,
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("post_id", Id, ForeignKey("posts.id", ondelete="CASCADE"), nullable=False),
    Column("boost", Boolean, nullable=False),
    Column("reply_to_actor_id", Id),  # of a reply: whom it answers
    Index("ix_entries_id", "id", "actor_id"),
    Index("ix_entries_post_id", "post_id"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of `entries`: `actor_id` put `post_id` before its followers, as a boost or as its own."""

    actor_id: int
    id: int
    post_id: int
    boost: bool
    reply_to_actor_id: int | None


@dataclass(frozen=True, slots=True)
class Page:
    """Mastodon's paging parameters: `max_id` exclusive upper bound, `since_id` lower bound, `min_id` the page just above."""

    limit: int = 20
    max_id: int | None = None
    since_id: int | None = None
    min_id: int | None = None


_ROW = columns(entries, Entry)
_WALK = 1500
"""Entries looked at from the newest on before the index per actor is asked: quick for a busy home, bounded for a quiet one."""


def insert(tx: Tx, entry: Entry) -> None:
    """Put a post or boost before the actor's followers; again is nothing."""
    insert_new(tx, entries, {column.name: getattr(entry, column.name) for column in _ROW})


def remove(tx: Tx, actor_id: int, entry_id: int) -> None:
    """Take one entry away."""
    tx.execute(delete(entries).where(entries.c.actor_id == actor_id, entries.c.id == entry_id))


def remove_post(tx: Tx, post_id: int) -> None:
    """Take every entry of a post away, boosts of it included."""
    tx.execute(delete(entries).where(entries.c.post_id == post_id))


def bounded(query: Select[Any], column: ColumnElement[int], page: Page) -> Select[Any]:
    """`query` within the bounds of `page`, ordered and limited; reverse what comes back when `page.min_id` is set."""
    if page.max_id is not None:
        query = query.where(column < page.max_id)
    if page.since_id is not None:
        query = query.where(column > page.since_id)
    if page.min_id is not None:
        return query.where(column > page.min_id).order_by(column).limit(page.limit)
    return query.order_by(column.desc()).limit(page.limit)


def home(tx: Tx, person_id: int, page: Page) -> list[Entry]:
    """What the actors that `person_id` follows, and they themselves, put before their followers; newest first.

    Boosts only of those whose boosts the person wants, replies only to people the person follows or is. Not here:
    whether the person may see each post (`fedi.visibility`), and showing a thread once.
    """
    walk = bounded(select(*_ROW), entries.c.id, Page(_WALK, page.max_id, page.since_id, page.min_id)).subquery()
    found = all_of(tx, _of_followed(walk.c, person_id, page), Entry)
    if len(found) < page.limit:
        # A quiet home: the newest entries of the whole server hold too few; ask the index of each followed actor.
        found = all_of(tx, _of_followed(entries.c, person_id, page), Entry)
    return found[::-1] if page.min_id is not None else found


def repeats(tx: Tx, person_id: int, found: list[Entry], since: int) -> set[int]:
    """Which of these entries of a home show a post that an older entry of it, after the id `since`, showed already.

    A thread that its author and two groups put before someone is there once: where it came first.
    """
    ids = list({entry.post_id for entry in found})
    if not ids:
        return set()
    query = _of_followed(entries.c, person_id, Page(1000, since_id=since)).where(entries.c.post_id.in_(ids))
    first: dict[int, int] = {}
    for entry in all_of(tx, query, Entry):
        first[entry.post_id] = min(entry.id, first.get(entry.post_id, entry.id))
    return {entry.id for entry in found if first.get(entry.post_id, entry.id) < entry.id}


def _of_followed(entry: Any, person_id: int, page: Page) -> Select[Any]:
    """The rows of `entry` (columns of `entries` or of a part of it) that belong into the home of `person_id`."""
    followed = select(follows.c.target_id).where(follows.c.follower_id == person_id, follows.c.state == "accepted")
    query = select(entry.actor_id, entry.id, entry.post_id, entry.boost, entry.reply_to_actor_id).where(
        or_(entry.actor_id == person_id, entry.actor_id.in_(followed)),
        or_(
            ~entry.boost,
            entry.actor_id == person_id,
            entry.actor_id.in_(followed.where(follows.c.reblogs)),
        ),
        or_(
            entry.reply_to_actor_id.is_(None),
            entry.boost,
            entry.actor_id == person_id,
            entry.reply_to_actor_id == entry.actor_id,
            entry.reply_to_actor_id == person_id,
            entry.reply_to_actor_id.in_(followed),
        ),
    )
    return bounded(query, entry.id, page)


def of_actor(tx: Tx, actor_id: int, page: Page, *, boosts: bool = True, replies: bool = True) -> list[Entry]:
    """What one actor put before its followers, newest first."""
    query = select(*_ROW).where(entries.c.actor_id == actor_id)
    if not boosts:
        query = query.where(~entries.c.boost)
    if not replies:
        query = query.where(
            or_(
                entries.c.boost,
                entries.c.reply_to_actor_id.is_(None),
                entries.c.reply_to_actor_id == entries.c.actor_id,
            )
        )
    found = all_of(tx, bounded(query, entries.c.id, page), Entry)
    return found[::-1] if page.min_id is not None else found


def public(
    tx: Tx,
    page: Page,
    visible: ColumnElement[bool],
    *,
    local: bool = False,
    remote: bool = False,
    tag: str | None = None,
) -> list[int]:
    """Ids of public posts, newest first: of this instance, of others, with a hashtag. `visible` is the gate's condition.

    Replies to others are left out, except under a hashtag, as Mastodon does.
    """
    query = select(posts.c.id).where(one_among(posts.c.visibility, "public"), posts.c.deleted_at.is_(None), visible)
    if tag is not None:
        query = query.join(tags, tags.c.post_id == posts.c.id).where(tags.c.tag == tag.lower())
    else:
        query = query.where(
            or_(posts.c.reply_to_iri.is_(None), posts.c.reply_to_actor_id == posts.c.author_id),
        )
    if local:
        query = query.where(posts.c.local)
    if remote:
        query = query.where(~posts.c.local)
    found = list(tx.scalars(bounded(query, posts.c.id, page)))
    return found[::-1] if page.min_id is not None else found


def group_threads(tx: Tx, group_id: int, page: Page, visible: ColumnElement[bool]) -> list[int]:
    """Ids of the posts that open threads in a group, newest first. `visible` is the gate's condition."""
    query = select(posts.c.id).where(
        posts.c.group_id == group_id, posts.c.root_id == posts.c.id, posts.c.deleted_at.is_(None), visible
    )
    found = list(tx.scalars(bounded(query, posts.c.id, page)))
    return found[::-1] if page.min_id is not None else found
