"""Reactions: likes and dislikes, boosts (a person's or a group's Announce of a post) and bookmarks."""

from dataclasses import dataclass

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Table,
    Text,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    select,
    union_all,
)

from storage.metadata import Id, Time, Tx, all_of, columns, id_column, insert_new, metadata, one_of
from storage.mutes import thread_mutes
from storage.pins import pins
from storage.prepared import rows
from storage.timelines import Page, bounded

likes = Table(
    "likes",
    metadata,
    id_column(),
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("post_id", Id, ForeignKey("posts.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),  # like dislike
    Column("iri", Text, nullable=False, unique=True),
    Column("created_at", Time, nullable=False),
    Column("emoji", Text),  # of an emoji reaction: the character, or :shortcode:
    Column("emoji_url", Text),  # the image of a custom one
    Index("uq_likes_pair", "actor_id", "post_id", unique=True),
    Index("ix_likes_post_id", "post_id", "id"),
    Index("ix_likes_actor_id", "actor_id", "id"),
)
# Few likes are emoji: their counts are asked for with every page of posts.
Index(
    "ix_likes_emoji",
    likes.c.post_id,
    sqlite_where=likes.c.emoji.isnot(None),
    postgresql_where=likes.c.emoji.isnot(None),
)

boosts = Table(
    "boosts",
    metadata,
    id_column(),  # in one id space with posts: clients page through both
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("post_id", Id, ForeignKey("posts.id", ondelete="CASCADE"), nullable=False),
    Column("iri", Text, nullable=False, unique=True),  # of the Announce
    Column("created_at", Time, nullable=False),
    Column("visibility", Text, nullable=False, server_default="public"),  # public unlisted followers
    Index("uq_boosts_pair", "actor_id", "post_id", unique=True),
    Index("ix_boosts_post_id", "post_id", "id"),
)

# Few are for followers alone, and each page asks which.
Index(
    "ix_boosts_followers",
    boosts.c.id,
    sqlite_where=boosts.c.visibility == "followers",
    postgresql_where=boosts.c.visibility == "followers",
)

bookmarks = Table(
    "bookmarks",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("post_id", Id, ForeignKey("posts.id", ondelete="CASCADE"), nullable=False),
    Index("uq_bookmarks_pair", "person_id", "post_id", unique=True),
    Index("ix_bookmarks_person_id", "person_id", "id"),
)


@dataclass(frozen=True, slots=True)
class Like:
    """A row of `likes`."""

    id: int
    actor_id: int
    post_id: int
    kind: str
    iri: str
    created_at: int
    emoji: str | None = None
    emoji_url: str | None = None


@dataclass(frozen=True, slots=True)
class Boost:
    """A row of `boosts`."""

    id: int
    actor_id: int
    post_id: int
    iri: str
    created_at: int
    visibility: str = "public"


_LIKE = columns(likes, Like)
_BOOST = columns(boosts, Boost)
_BOOSTS = select(*_BOOST).where(boosts.c.id.in_(bindparam("ids", expanding=True)))


def insert_like(tx: Tx, like: Like) -> bool:
    """Add a like or dislike; False when this actor has one on this post already."""
    return insert_new(tx, likes, {column.name: getattr(like, column.name) for column in _LIKE}) == 1


def find_like(tx: Tx, actor_id: int, post_id: int) -> Like | None:
    """What this actor thinks of this post."""
    return one_of(tx, select(*_LIKE).where(likes.c.actor_id == actor_id, likes.c.post_id == post_id), Like)


def like_by_iri(tx: Tx, iri: str) -> Like | None:
    """The like whose activity has this IRI."""
    return one_of(tx, select(*_LIKE).where(likes.c.iri == iri), Like)


def remove_like(tx: Tx, like_id: int) -> None:
    """Take a like away."""
    tx.execute(delete(likes).where(likes.c.id == like_id))


def likes_of(
    tx: Tx,
    post_id: int,
    limit: int,
    max_id: int | None = None,
    since_id: int | None = None,
    min_id: int | None = None,
) -> list[Like]:
    """The likes (no dislikes) of a post, newest first; the bounds are ids of likes."""
    query = select(*_LIKE).where(likes.c.post_id == post_id, likes.c.kind == "like")
    found = all_of(tx, bounded(query, likes.c.id, Page(limit, max_id, since_id, min_id)), Like)
    return found[::-1] if min_id is not None else found


def liked_by(tx: Tx, actor_id: int, limit: int, max_id: int | None = None, min_id: int | None = None) -> list[Like]:
    """The likes an actor gave, newest first; the bounds are ids of likes."""
    query = select(*_LIKE).where(likes.c.actor_id == actor_id, likes.c.kind == "like")
    if max_id is not None:
        query = query.where(likes.c.id < max_id)
    if min_id is not None:
        return all_of(tx, query.where(likes.c.id > min_id).order_by(likes.c.id).limit(limit), Like)[::-1]
    return all_of(tx, query.order_by(likes.c.id.desc()).limit(limit), Like)


def insert_boost(tx: Tx, boost: Boost) -> bool:
    """Add a boost; False when this actor boosted this post already (Mastodon keeps the first, #13767)."""
    return insert_new(tx, boosts, {column.name: getattr(boost, column.name) for column in _BOOST}) == 1


def boost_by_id(tx: Tx, boost_id: int) -> Boost | None:
    """The boost with this id."""
    return one_of(tx, select(*_BOOST).where(boosts.c.id == boost_id), Boost)


def boosts_by_ids(tx: Tx, ids: list[int]) -> dict[int, Boost]:
    """The boosts of these ids, by id."""
    if not ids:
        return {}
    return {boost.id: boost for boost in all_of(tx, _BOOSTS, Boost, ids=ids)}


def boosts_among(tx: Tx, actor_id: int, post_ids: list[int]) -> dict[int, int]:
    """The ids of the boosts of these posts by this actor, by post id."""
    if not post_ids:
        return {}
    query = select(boosts.c.post_id, boosts.c.id).where(boosts.c.actor_id == actor_id, boosts.c.post_id.in_(post_ids))
    return {row.post_id: row.id for row in tx.execute(query)}


def boost_by_iri(tx: Tx, iri: str) -> Boost | None:
    """The boost whose Announce has this IRI."""
    return one_of(tx, select(*_BOOST).where(boosts.c.iri == iri), Boost)


def find_boost(tx: Tx, actor_id: int, post_id: int) -> Boost | None:
    """The boost of this post by this actor."""
    return one_of(tx, select(*_BOOST).where(boosts.c.actor_id == actor_id, boosts.c.post_id == post_id), Boost)


def remove_boost(tx: Tx, boost_id: int) -> None:
    """Take a boost away."""
    tx.execute(delete(boosts).where(boosts.c.id == boost_id))


def boosts_of(
    tx: Tx,
    post_id: int,
    limit: int,
    max_id: int | None = None,
    since_id: int | None = None,
    min_id: int | None = None,
) -> list[Boost]:
    """The boosts of a post, newest first; the bounds are ids of boosts."""
    query = select(*_BOOST).where(boosts.c.post_id == post_id)
    found = all_of(tx, bounded(query, boosts.c.id, Page(limit, max_id, since_id, min_id)), Boost)
    return found[::-1] if min_id is not None else found


def set_bookmark(tx: Tx, bookmark_id: int, person_id: int, post_id: int) -> None:
    """Bookmark a post; `bookmark_id` is a new id, the cursor of the list."""
    insert_new(tx, bookmarks, {"id": bookmark_id, "person_id": person_id, "post_id": post_id})


def remove_bookmark(tx: Tx, person_id: int, post_id: int) -> None:
    """Take a bookmark away."""
    tx.execute(delete(bookmarks).where(bookmarks.c.person_id == person_id, bookmarks.c.post_id == post_id))


def bookmarks_of(
    tx: Tx, person_id: int, limit: int, max_id: int | None = None, min_id: int | None = None
) -> list[tuple[int, int]]:
    """(bookmark id, post id) of a person, newest first; the bounds are bookmark ids."""
    query = select(bookmarks.c.id, bookmarks.c.post_id).where(bookmarks.c.person_id == person_id)
    if max_id is not None:
        query = query.where(bookmarks.c.id < max_id)
    if min_id is not None:
        found = tx.execute(query.where(bookmarks.c.id > min_id).order_by(bookmarks.c.id).limit(limit))
        return [(row.id, row.post_id) for row in found][::-1]
    return [(row.id, row.post_id) for row in tx.execute(query.order_by(bookmarks.c.id.desc()).limit(limit))]


@dataclass(frozen=True, slots=True)
class Flags:
    """What one person did to some posts: sets of post ids; `quiet` has the first posts of threads that they muted."""

    liked: frozenset[int]
    boosted: frozenset[int]
    bookmarked: frozenset[int]
    pinned: frozenset[int] = frozenset()
    quiet: frozenset[int] = frozenset()


_KINDS = ("like", "boost", "bookmark", "pin", "quiet")


def flags(tx: Tx, person_id: int, post_ids: list[int], roots: list[int] | None = None) -> Flags:
    """What `person_id` did to these posts, and to the threads with these first posts (None: those of the posts that are)."""
    if not post_ids:
        return Flags(frozenset(), frozenset(), frozenset())
    found: dict[str, set[int]] = {kind: set() for kind in _KINDS}
    for deed, post_id in rows(tx, _DEEDS, {"person": person_id, "ids": post_ids, "roots": roots or post_ids}):
        found[deed].add(post_id)
    return Flags(*(frozenset(found[kind]) for kind in _KINDS))


@dataclass(frozen=True, slots=True)
class EmojiCount:
    """How many reacted to a post with an emoji: the character, or `:shortcode:` with its image. `mine`: also who asks."""

    emoji: str
    url: str | None
    count: int
    mine: bool


def emoji_counts(tx: Tx, post_ids: list[int], person_id: int | None) -> dict[int, list[EmojiCount]]:
    """The emoji reactions to each of these posts, the most frequent first; posts without any are left out."""
    found: dict[int, list[EmojiCount]] = {}
    if post_ids:
        for post_id, emoji, url, count, mine in rows(tx, _EMOJI, {"ids": post_ids, "person": person_id or 0}):
            found.setdefault(post_id, []).append(EmojiCount(emoji, url, count, bool(mine)))
    return found


_MINE, _THESE = bindparam("person", type_=Id()), bindparam("ids", type_=Id(), expanding=True)
_DEEDS = union_all(
    select(literal_column("'like'", Text), likes.c.post_id).where(
        likes.c.actor_id == _MINE, likes.c.post_id.in_(_THESE), likes.c.kind == "like"
    ),
    select(literal_column("'boost'", Text), boosts.c.post_id).where(
        boosts.c.actor_id == _MINE, boosts.c.post_id.in_(_THESE)
    ),
    select(literal_column("'bookmark'", Text), bookmarks.c.post_id).where(
        bookmarks.c.person_id == _MINE, bookmarks.c.post_id.in_(_THESE)
    ),
    select(literal_column("'pin'", Text), pins.c.post_id).where(pins.c.owner_id == _MINE, pins.c.post_id.in_(_THESE)),
    select(literal_column("'quiet'", Text), thread_mutes.c.root_id).where(
        thread_mutes.c.person_id == _MINE, thread_mutes.c.root_id.in_(bindparam("roots", type_=Id(), expanding=True))
    ),
)
_EMOJI = (
    select(
        likes.c.post_id,
        likes.c.emoji,
        func.max(likes.c.emoji_url),
        func.count(),
        func.max(case((likes.c.actor_id == _MINE, 1), else_=0)),
    )
    .where(likes.c.post_id.in_(_THESE), likes.c.emoji.isnot(None))
    .group_by(likes.c.post_id, likes.c.emoji)
    .order_by(likes.c.post_id, func.count().desc(), likes.c.emoji)
)


def votes(tx: Tx, post_ids: list[int], person_id: int | None) -> list[tuple[int, str, int, bool]]:
    """(post, `like` or `dislike`, how many, whether `person_id` is among them) for each of these posts that has any."""
    if not post_ids:
        return []
    found = rows(tx, _VOTES, {"ids": post_ids, "person": person_id or 0})
    return [(post_id, kind, number, bool(mine)) for post_id, kind, number, mine in found]


_VOTES = (
    select(likes.c.post_id, likes.c.kind, func.count(), func.max(case((likes.c.actor_id == _MINE, 1), else_=0)))
    .where(likes.c.post_id.in_(_THESE))
    .group_by(likes.c.post_id, likes.c.kind)
)
