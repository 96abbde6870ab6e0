"""Hashtags that a person follows, and those that they feature on their profile; and how much a hashtag was used. The tags
of posts are in `tags`, where `plain` says how hashtags are compared."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, ForeignKey, Index, Table, Text, bindparam, delete, func, select

from storage.ids import first_at
from storage.metadata import Id, Time, Tx, all_of, columns, id_column, insert_new, metadata, one_of
from storage.posts import posts
from storage.prepared import parts, rows
from storage.tags import tags

followed_tags = Table(
    "followed_tags",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("tag", Text, nullable=False),  # lower case, without #
    Column("created_at", Time, nullable=False),
    Index("uq_followed_tags_pair", "person_id", "tag", unique=True),
    Index("ix_followed_tags_tag", "tag"),
)

featured_tags = Table(
    "featured_tags",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("tag", Text, nullable=False),  # lower case, without #
    Column("name", Text, nullable=False),  # as it was typed
    Column("created_at", Time, nullable=False),
    Index("uq_featured_tags_pair", "person_id", "tag", unique=True),
)

DAY = 86_400_000
"""Milliseconds."""


@dataclass(frozen=True, slots=True)
class Featured:
    """A row of `featured_tags`."""

    id: int
    person_id: int
    tag: str
    name: str
    created_at: int


_FEATURED = columns(featured_tags, Featured)


def follow(tx: Tx, row_id: int, person_id: int, tag: str, now: int) -> bool:
    """Follow a hashtag (as `tags.plain` has it); False when it is followed already."""
    made = {"id": row_id, "person_id": person_id, "tag": tag, "created_at": now}
    return insert_new(tx, followed_tags, made) == 1


def unfollow(tx: Tx, person_id: int, tag: str) -> None:
    """Follow it no more."""
    tx.execute(delete(followed_tags).where(followed_tags.c.person_id == person_id, followed_tags.c.tag == tag))


def followed(
    tx: Tx,
    person_id: int,
    limit: int,
    max_id: int | None = None,
    since_id: int | None = None,
    min_id: int | None = None,
) -> list[tuple[int, str]]:
    """(cursor, hashtag) of what a person follows, last followed first."""
    query = select(followed_tags.c.id, followed_tags.c.tag).where(followed_tags.c.person_id == person_id)
    if max_id is not None:
        query = query.where(followed_tags.c.id < max_id)
    if since_id is not None:
        query = query.where(followed_tags.c.id > since_id)
    if min_id is not None:
        above = query.where(followed_tags.c.id > min_id).order_by(followed_tags.c.id).limit(limit)
        return [(row.id, row.tag) for row in tx.execute(above)][::-1]
    return [(row.id, row.tag) for row in tx.execute(query.order_by(followed_tags.c.id.desc()).limit(limit))]


def followed_among(tx: Tx, person_id: int, names: Collection[str]) -> set[str]:
    """Which of these a person follows."""
    query = select(followed_tags.c.tag).where(followed_tags.c.person_id == person_id, followed_tags.c.tag.in_(names))
    return set(tx.scalars(query)) if names else set()


def feature(tx: Tx, made: Featured) -> bool:
    """Show a hashtag on a profile; False when it is there already."""
    return insert_new(tx, featured_tags, {column.name: getattr(made, column.name) for column in _FEATURED}) == 1


def unfeature(tx: Tx, person_id: int, tag: str) -> None:
    """Show it no more."""
    tx.execute(delete(featured_tags).where(featured_tags.c.person_id == person_id, featured_tags.c.tag == tag))


def featured(tx: Tx, person_id: int) -> list[Featured]:
    """What a person features, oldest first."""
    query = select(*_FEATURED).where(featured_tags.c.person_id == person_id)
    return all_of(tx, query.order_by(featured_tags.c.id), Featured)


def featured_by_id(tx: Tx, person_id: int, row_id: int) -> Featured | None:
    """The row of this id, of this person."""
    query = select(*_FEATURED).where(featured_tags.c.id == row_id, featured_tags.c.person_id == person_id)
    return one_of(tx, query, Featured)


def used_by(tx: Tx, author_id: int, names: Collection[str], visible: ColumnElement[bool]) -> dict[str, tuple[int, int]]:
    """(number of posts, when the last one was written, in ms) that an author wrote with each of these hashtags and that are `visible`, the
    gate's condition."""
    if not names:
        return {}
    query = (
        select(tags.c.tag, func.count(), func.max(posts.c.published_at))
        .join(posts, posts.c.id == tags.c.post_id)
        .where(posts.c.author_id == author_id, tags.c.tag.in_(names), visible)
        .group_by(tags.c.tag)
    )
    return {tag: (number, last) for tag, number, last in tx.execute(query)}


def most_used(tx: Tx, author_id: int, limit: int, visible: ColumnElement[bool]) -> list[str]:
    """The hashtags that an author used most in posts that are `visible` and that they do not feature yet."""
    shown = select(featured_tags.c.tag).where(featured_tags.c.person_id == author_id)
    query = (
        select(tags.c.tag)
        .join(posts, posts.c.id == tags.c.post_id)
        .where(posts.c.author_id == author_id, tags.c.tag.not_in(shown), visible)
        .group_by(tags.c.tag)
        .order_by(func.count().desc(), tags.c.tag)
    )
    return list(tx.scalars(query.limit(limit)))


def history(
    tx: Tx, names: Collection[str], since: int, visible: ColumnElement[bool]
) -> dict[str, dict[int, tuple[int, int]]]:
    """(posts, authors) by day (ms at its beginning, UTC) since `since` ms of public posts with each of these hashtags.

    `visible` is the gate's condition for nobody: what only some may read is counted for nobody.
    """
    if not names:
        return {}
    day = posts.c.published_at - posts.c.published_at % DAY
    query = (
        select(tags.c.tag, day, func.count(), func.count(posts.c.author_id.distinct()))
        .join(posts, posts.c.id == tags.c.post_id)
        .where(
            tags.c.tag.in_(names),
            # Ids tell the time, so only the end of the index is read.
            tags.c.post_id >= first_at(since),
            posts.c.published_at >= since,
            posts.c.visibility == "public",
            visible,
        )
        .group_by(tags.c.tag, day)
    )
    found: dict[str, dict[int, tuple[int, int]]] = {}
    for tag, at, uses, authors in tx.execute(query):
        found.setdefault(tag, {})[at] = (uses, authors)
    return found


_TAGGED = 100_000
"""Uses of hashtags with one beginning that are counted."""
_NEWEST = 25
"""Posts of each hashtag that are shown to the gate."""
_CANDIDATES = 40
"""Hashtags beside the wanted ones that are asked about, as some may have no post that is visible."""
_NEWEST_OF = (
    select(tags.c.post_id)
    .where(tags.c.tag == bindparam("tag", type_=Text()))
    .order_by(tags.c.post_id.desc())
    .limit(_NEWEST)
)


def find(tx: Tx, beginning: str, limit: int, visible: ColumnElement[bool], offset: int = 0) -> list[str]:
    """Hashtags that begin so and have posts that meet the gate's condition `visible`, those of which most of the newest do and that
    were used most lately first; the one that was typed before all.

    Of those that are used most; to show all their posts to the gate would take seconds.
    """
    wanted = beginning.lower()
    some = select(tags.c.tag).where(tags.c.tag >= wanted, tags.c.tag < f"{wanted}\U0010ffff").limit(_TAGGED).subquery()
    used = select(some.c.tag).group_by(some.c.tag).order_by(func.count().desc(), some.c.tag)
    names = dict.fromkeys([wanted, *tx.scalars(used.limit(min(offset + limit, 1000) + _CANDIDATES))])
    newest = {name: [row[0] for row in rows(tx, _NEWEST_OF, {"tag": name})] for name in names}
    shown: set[int] = set()
    for part in parts(list({post_id for several in newest.values() for post_id in several})):
        shown.update(tx.scalars(select(posts.c.id).where(posts.c.id.in_(part), visible)))
    ranks = {name: [one for one in several if one in shown] for name, several in newest.items()}
    found = sorted(
        (name for name in names if ranks[name]),
        key=lambda name: (name == wanted, len(ranks[name]), min(ranks[name])),
        reverse=True,
    )
    return found[offset : offset + limit]
