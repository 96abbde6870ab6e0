"""Timelines: one narrow row per thing that an actor put before its followers (a post of its own, or a boost).

Reading joins what a person follows with these rows (`storage.feeds`); nothing is copied to each follower, so a post costs
one row however many follow. Ids are those of the post or of the boost: one id space, as clients page through both.
"""

from collections.abc import Iterable
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
    Text,
    bindparam,
    delete,
    exists,
    or_,
    select,
    type_coerce,
)

from storage.events import note
from storage.metadata import Id, Tx, all_of, columns, insert_later, insert_new, metadata, one_among
from storage.posts import posts
from storage.tags import plain, tags

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


@dataclass(frozen=True, slots=True)
class Tagged:
    """Hashtags: one or more of `any`, each of `all`, none of `none`."""

    any: tuple[str, ...]
    all: tuple[str, ...] = ()
    none: tuple[str, ...] = ()


_ROW = columns(entries, Entry)
_NAMES = [column.name for column in _ROW]
WITH_FILES = type_coerce(posts.c.attachments, Text) != "[]"
"""The condition on rows of `posts` under which they have attachments."""
_TAKE = (
    delete(entries)
    .where(entries.c.actor_id == bindparam("actor", type_=Id()), entries.c.id == bindparam("id", type_=Id()))
    .returning(entries.c.actor_id, entries.c.id, entries.c.boost)
)
_TAKE_POST = (
    delete(entries)
    .where(entries.c.post_id == bindparam("post", type_=Id()))
    .returning(entries.c.actor_id, entries.c.id, entries.c.boost)
)


def insert(tx: Tx, entry: Entry, *, new: bool = False) -> None:
    """Put a post or boost before the actor's followers; again is nothing. `new`: of what is kept in this transaction."""
    add = insert_later if new else insert_new
    if add(tx, entries, {name: getattr(entry, name) for name in _NAMES}):
        note(tx, "stream", f"entry {entry.actor_id} {entry.id} {entry.post_id}")


def remove(tx: Tx, actor_id: int, entry_id: int) -> None:
    """Take one entry away."""
    _taken(tx, tx.execute(_TAKE, {"actor": actor_id, "id": entry_id}))


def remove_post(tx: Tx, post_id: int) -> None:
    """Take every entry of a post away, boosts of it included."""
    _taken(tx, tx.execute(_TAKE_POST, {"post": post_id}))


def _taken(tx: Tx, gone: Iterable[Any]) -> None:
    for actor_id, entry_id, boost in gone:
        if boost:  # a post's own entry goes with the post, which says so itself
            note(tx, "stream", f"deleted-entry {actor_id} {entry_id}")


def bounded(query: Select[Any], column: ColumnElement[int], page: Page) -> Select[Any]:
    """`query` within the bounds of `page`, ordered and limited; reverse what comes back when `page.min_id` is set."""
    return bounded_by(query, column, page.limit, page.max_id, page.since_id, page.min_id)


def bounded_by(query: Select[Any], column: ColumnElement[int], limit: Any, *bounds: Any) -> Select[Any]:
    """`bounded` by numbers or `bindparam`s: the limit, then `max_id`, `since_id`, `min_id`."""
    below, since, above = bounds
    if below is not None:
        query = query.where(column < below)
    if since is not None:
        query = query.where(column > since)
    if above is not None:
        return query.where(column > above).order_by(column).limit(limit)
    return query.order_by(column.desc()).limit(limit)


def of_actor(
    tx: Tx,
    actor_id: int,
    page: Page,
    *,
    boosts: bool = True,
    replies: bool = True,
    media: bool = False,
    tag: str | None = None,
    visible: ColumnElement[bool] | None = None,
) -> list[Entry]:
    """What one actor put before its followers, newest first; only with attachments (`media`), only with a hashtag, only
    what is `visible` (the gate's condition on `entries`)."""
    query = select(*_ROW).where(entries.c.actor_id == actor_id)
    if visible is not None:
        query = query.where(visible)
    if media:
        # One look for each: IN would gather all posts with files first.
        query = query.where(exists(select(posts.c.id).where(posts.c.id == entries.c.post_id, WITH_FILES)))
    if tag is not None:
        query = query.where(
            exists(select(tags.c.post_id).where(tags.c.post_id == entries.c.post_id, tags.c.tag == plain(tag)))
        )
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
    media: bool = False,
    tag: str | None = None,
    tagged: Tagged | None = None,
) -> list[int]:
    """Ids of public posts, newest first: of this instance, of others, with attachments (`media`), with a hashtag (or, of
    `tagged`, some hashtags and others not). `visible` is the gate's condition.

    Replies to others are left out, except under a hashtag, as Mastodon does.
    """
    conditions = [one_among(posts.c.visibility, "public"), posts.c.deleted_at.is_(None), visible]
    if local:
        conditions.append(posts.c.local)
    if remote:
        conditions.append(~posts.c.local)
    if media:
        conditions.append(WITH_FILES)
    if tag is not None:
        tagged = Tagged((tag,))
    if tagged is not None:
        return _tagged(tx, page, conditions, tagged)
    replies = or_(posts.c.reply_to_iri.is_(None), posts.c.reply_to_actor_id == posts.c.author_id)
    return _ids(tx, page, select(posts.c.id).where(*conditions, replies), posts.c.id)


def _tagged(tx: Tx, page: Page, conditions: list[ColumnElement[bool]], wanted: Tagged) -> list[int]:
    """Each hashtag by its own part of the index, so that no more is read of it than fits on the page."""
    for name in wanted.all:
        conditions = [*conditions, _has((name,))]
    if wanted.none:
        conditions = [*conditions, ~_has(wanted.none)]
    found: set[int] = set()
    for name in dict.fromkeys(map(plain, wanted.any)):
        query = select(posts.c.id).join(tags, tags.c.post_id == posts.c.id).where(tags.c.tag == name).where(*conditions)
        found.update(_ids(tx, page, query, tags.c.post_id))
    ordered = sorted(found, reverse=page.min_id is None)[: page.limit]
    return sorted(ordered, reverse=True)


def _has(names: tuple[str, ...]) -> ColumnElement[bool]:
    others = tags.alias()
    return exists().where(others.c.post_id == posts.c.id, others.c.tag.in_([plain(name) for name in names]))


def linking(tx: Tx, page: Page, visible: ColumnElement[bool], url: str) -> list[int]:
    """Ids of public posts about a page, or that show its card, newest first. `visible` is the gate's condition."""
    found: set[int] = set()
    for column in (posts.c.link, posts.c.card_url):
        query = select(posts.c.id).where(
            column == url, one_among(posts.c.visibility, "public"), posts.c.deleted_at.is_(None), visible
        )
        found.update(_ids(tx, page, query, posts.c.id))
    ordered = sorted(found, reverse=page.min_id is None)[: page.limit]
    return sorted(ordered, reverse=True)


def _ids(tx: Tx, page: Page, query: Select[Any], column: ColumnElement[int]) -> list[int]:
    found = list(tx.scalars(bounded(query, column, page)))
    return found[::-1] if page.min_id is not None else found
