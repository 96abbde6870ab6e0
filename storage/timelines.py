"""Timelines: one narrow row per thing that an actor put before its followers (a post of its own, or a boost).

Reading joins what a person follows with these rows; nothing is copied to each follower, so a post costs one row
however many follow. Ids are those of the post or of the boost: one id space, as clients page through both.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
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
    or_,
    select,
    type_coerce,
)

from storage.events import note
from storage.follows import follows
from storage.ids import first_at
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
REPEAT = 3 * 24 * 3600 * 1000
"""Milliseconds within which a post is not shown again in a home; Mastodon counts 40 to 80 entries (REBLOG_FALLOFF)."""
_WALK = 1500
"""Entries looked at from the newest on before the index per actor is asked: quick for a busy home, bounded for a quiet one."""


def insert(tx: Tx, entry: Entry) -> None:
    """Put a post or boost before the actor's followers; again is nothing."""
    if insert_new(tx, entries, {column.name: getattr(entry, column.name) for column in _ROW}):
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
    return _bounded(query, column, page.limit, page.max_id, page.since_id, page.min_id)


def _bounded(query: Select[Any], column: ColumnElement[int], limit: Any, *bounds: Any) -> Select[Any]:
    """`bounded` by numbers or `bindparam`s: the limit, then `max_id`, `since_id`, `min_id`."""
    below, since, above = bounds
    if below is not None:
        query = query.where(column < below)
    if since is not None:
        query = query.where(column > since)
    if above is not None:
        return query.where(column > above).order_by(column).limit(limit)
    return query.order_by(column.desc()).limit(limit)


def home(tx: Tx, person_id: int, page: Page) -> list[Entry]:
    """What the actors that `person_id` follows, and they themselves, put before their followers; newest first.

    Boosts only of those whose boosts the person wants, replies only to people the person follows or is. Not here:
    whether the person may see each post (`fedi.visibility`), and showing a thread once.
    """
    bounds = (page.max_id is not None, page.since_id is not None, page.min_id is not None)
    values = {"person": person_id, "limit": page.limit, "max": page.max_id, "since": page.since_id, "min": page.min_id}
    found = all_of(tx, _home(bounds, walk=True), Entry, **values)
    if len(found) < page.limit:
        # A quiet home: the newest entries of the whole server hold too few; ask the index of each followed actor.
        found = all_of(tx, _home(bounds, walk=False), Entry, **values)
    return found[::-1] if page.min_id is not None else found


@cache
def _home(bounds: tuple[bool, bool, bool], *, walk: bool) -> Select[Any]:
    """The query of a home page, made once for each set of bounds (`max`, `since`, `min`); `walk` as `_WALK` says."""
    limits = [
        bindparam(name, type_=Id()) if given else None
        for name, given in zip(("max", "since", "min"), bounds, strict=True)
    ]
    if not walk:
        return _bounded(_of_followed(entries.c), entries.c.id, bindparam("limit"), *limits)
    newest = _bounded(select(*_ROW), entries.c.id, _WALK, *limits).subquery()
    return _bounded(_of_followed(newest.c), newest.c.id, bindparam("limit"), *limits)


def repeats(tx: Tx, person_id: int, found: list[Entry], within: int) -> set[int]:
    """Which of these entries of a home show a post that an older entry of it showed less than `within` ms before.

    A thread that its author and two groups put before someone is there once: where it came first.
    """
    if not found:
        return set()
    span = first_at(within)
    ids = list({entry.post_id for entry in found})
    earliest = min(entry.id for entry in found) - span
    shown: dict[int, list[int]] = defaultdict(list)
    for entry in all_of(tx, _REPEATS, Entry, person=person_id, posts=ids, since=earliest):
        shown[entry.post_id].append(entry.id)
    return {entry.id for entry in found if any(entry.id - span < one < entry.id for one in shown[entry.post_id])}


def _of_followed(entry: Any) -> Select[Any]:
    """The rows of `entry` (columns of `entries` or of a part of it) that belong into the home of `:person`."""
    person = bindparam("person", type_=Id())
    followed = select(follows.c.target_id).where(follows.c.follower_id == person, follows.c.state == "accepted")
    return select(entry.actor_id, entry.id, entry.post_id, entry.boost, entry.reply_to_actor_id).where(
        or_(entry.actor_id == person, entry.actor_id.in_(followed)),
        or_(
            ~entry.boost,
            entry.actor_id == person,
            entry.actor_id.in_(followed.where(follows.c.reblogs)),
        ),
        or_(
            entry.reply_to_actor_id.is_(None),
            entry.boost,
            entry.actor_id == person,
            entry.reply_to_actor_id == entry.actor_id,
            entry.reply_to_actor_id == person,
            entry.reply_to_actor_id.in_(followed),
        ),
    )


_REPEATS = (
    _of_followed(entries.c)
    .where(entries.c.post_id.in_(bindparam("posts", expanding=True)), entries.c.id > bindparam("since"))
    .order_by(entries.c.id.desc())
    .limit(1000)
)


def of_actor(
    tx: Tx,
    actor_id: int,
    page: Page,
    *,
    boosts: bool = True,
    replies: bool = True,
    media: bool = False,
    tag: str | None = None,
) -> list[Entry]:
    """What one actor put before its followers, newest first; only with attachments (`media`), only with a hashtag."""
    query = select(*_ROW).where(entries.c.actor_id == actor_id)
    if media:
        with_files = select(posts.c.id).where(type_coerce(posts.c.attachments, Text) != "[]")
        query = query.where(entries.c.post_id.in_(with_files))
    if tag is not None:
        query = query.where(entries.c.post_id.in_(select(tags.c.post_id).where(tags.c.tag == tag.lower())))
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
