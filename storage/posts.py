"""Posts: what people wrote, here and elsewhere, with threads, mentions, hashtags and revisions.

Not here: who may see a post (`fedi.visibility`), boosts and likes (`storage.reactions`), order in timelines
(`storage.timelines`).
"""

import unicodedata
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    bindparam,
    delete,
    false,
    func,
    insert,
    select,
    text,
    update,
)

from storage import held, indexed
from storage.interned import Interned
from storage.metadata import (
    Id,
    Json,
    Time,
    Tx,
    add_to,
    all_of,
    columns,
    id_column,
    insert_later,
    metadata,
    one_of,
    set_columns,
)
from storage.prepared import parts, rows
from storage.row_class import row_class

posts = Table(
    "posts",
    metadata,
    id_column(),
    Column("iri", Text, nullable=False, unique=True),
    Column("url", Text, nullable=False),
    Column("author_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("group_id", Id, ForeignKey("actors.id", ondelete="SET NULL")),  # the group whose thread this is in
    Column("local", Boolean, nullable=False),
    Column("kind", Text, nullable=False),  # Note Page Article Question Event ...
    Column("title", Text),
    Column("content", Text, nullable=False),  # sanitised HTML
    Column("source", Text),  # what the author typed, of local posts
    Column("summary", Text),  # content warning, plain text
    Column("sensitive", Boolean, nullable=False),
    Column("language", Text),
    Column("reply_to_id", Id, ForeignKey("posts.id", ondelete="SET NULL")),
    Column("reply_to_iri", Text),  # also while the parent is not known here
    Column("reply_to_actor_id", Id, ForeignKey("actors.id", ondelete="SET NULL")),
    Column("root_id", Id),  # first post of the thread; of a thread's first post its own id
    Column("visibility", Text, nullable=False),  # public unlisted peers members followers direct
    Column(
        "attachments", Json, nullable=False
    ),  # [{"url","media_type","description","width","height","blurhash","kind","focus","preview_url","id","meta"}]
    Column("link", Text),  # the page a link post is about
    Column("app_id", Id),  # the client app a local post was written with
    Column("published_at", Time, nullable=False),
    Column("edited_at", Time),
    Column("deleted_at", Time),  # a tombstone stays, so that it is not fetched again
    Column("replies_count", Integer, nullable=False),
    Column("likes_count", Integer, nullable=False),
    Column("boosts_count", Integer, nullable=False),
    Column("context", Text),  # the collection of its thread, where its group or its author named one
    Column("locked", Boolean, nullable=False, server_default=false()),  # only moderators answer
    Column("removed_at", Time),  # a moderator took it out of its group; it can come back
    Column("emoji", Json, nullable=False, server_default="[]"),  # [{"shortcode", "url"}] of custom emoji in it
    Column("content_map", Json),  # {language: HTML} where it was written in several
    Column("event", Json),  # what an Event has beside its text, as federation.vocabulary.event reads it
    Column("quote_iri", Text),  # the post that it quotes
    Column("quote_id", Id),
    Column("quote_state", Text),  # pending accepted rejected revoked
    Column("quote_authorization", Text),  # IRI of the QuoteAuthorization (FEP-044f)
    Column("quote_policy", Text),  # who may quote it without asking: public followers nobody
    Column("replies", Text),  # the collection of its answers, of a remote post
    Column("quotes_count", Integer, nullable=False, server_default="0"),
    Column("card_url", Text),  # the page whose `cards` row is shown below it
    Index("ix_posts_author_id", "author_id", "id"),
)
Index(
    "ix_posts_group_id",
    posts.c.group_id,
    posts.c.id,
    sqlite_where=posts.c.group_id.isnot(None),
    postgresql_where=posts.c.group_id.isnot(None),
)
Index(
    "ix_posts_root_id",
    posts.c.root_id,
    posts.c.id,
    sqlite_where=posts.c.root_id.isnot(None),
    postgresql_where=posts.c.root_id.isnot(None),
)
Index(
    "ix_posts_reply_to_id",
    posts.c.reply_to_id,
    sqlite_where=posts.c.reply_to_id.isnot(None),
    postgresql_where=posts.c.reply_to_id.isnot(None),
)
Index(
    "ix_posts_orphans",
    posts.c.reply_to_iri,
    sqlite_where=posts.c.reply_to_id.is_(None) & posts.c.reply_to_iri.isnot(None),
    postgresql_where=posts.c.reply_to_id.is_(None) & posts.c.reply_to_iri.isnot(None),
)
Index(
    "ix_posts_public",
    posts.c.id,
    sqlite_where=posts.c.visibility == "public",
    postgresql_where=posts.c.visibility == "public",
)

# Of all that are known few were written here; with what is counted of them.
Index(
    "ix_posts_local",
    posts.c.local,
    posts.c.deleted_at,
    posts.c.id,
    posts.c.visibility,
    posts.c.reply_to_iri,
    sqlite_where=text("local = 1"),  # as SQLAlchemy asks for it
    postgresql_where=posts.c.local,
)
Index(
    "ix_posts_link",
    posts.c.link,
    posts.c.id,
    sqlite_where=posts.c.link.isnot(None),
    postgresql_where=posts.c.link.isnot(None),
)
Index(
    "ix_posts_card_url",
    posts.c.card_url,
    posts.c.id,
    sqlite_where=posts.c.card_url.isnot(None),
    postgresql_where=posts.c.card_url.isnot(None),
)
Index(
    "ix_posts_quote_id",
    posts.c.quote_id,
    sqlite_where=posts.c.quote_id.isnot(None),
    postgresql_where=posts.c.quote_id.isnot(None),
)
Index(
    "ix_posts_quote_authorization",
    posts.c.quote_authorization,
    sqlite_where=posts.c.quote_authorization.isnot(None),
    postgresql_where=posts.c.quote_authorization.isnot(None),
)
Index(
    "ix_posts_context",
    posts.c.context,
    sqlite_where=posts.c.context.isnot(None),
    postgresql_where=posts.c.context.isnot(None),
)

mentions = Table(
    "mentions",
    metadata,
    Column("post_id", Id, ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Index("ix_mentions_actor_id", "actor_id", "post_id"),
)

tags = Table(
    "tags",
    metadata,
    # Lower case, without #. In the order of its bytes, or PostgreSQL could not look for beginnings in the index.
    Column("tag", Text().with_variant(Text(collation="C"), "postgresql"), primary_key=True),
    Column("post_id", Id, ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Index("ix_tags_post_id", "post_id"),
)

revisions = Table(
    "revisions",
    metadata,
    id_column(),
    Column("post_id", Id, ForeignKey("posts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("title", Text),
    Column("content", Text, nullable=False),
    Column("summary", Text),
    Column("sensitive", Boolean, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("attachments", Json, nullable=False, server_default="[]"),  # as those of `posts`
    Column("poll", Json),  # [title of an option]
)

VISIBILITIES = ("public", "unlisted", "peers", "members", "followers", "direct")


@row_class(frozen=True, slots=True)
class Post:
    """A row of `posts`; times in ms."""

    id: int
    iri: str
    url: str
    author_id: int
    group_id: int | None
    local: bool
    kind: str
    title: str | None
    content: str
    source: str | None
    summary: str | None
    sensitive: bool
    language: str | None
    reply_to_id: int | None
    reply_to_iri: str | None
    reply_to_actor_id: int | None
    root_id: int | None
    visibility: str
    attachments: list[dict[str, Any]]
    link: str | None
    app_id: int | None
    published_at: int
    edited_at: int | None
    deleted_at: int | None
    replies_count: int
    likes_count: int
    boosts_count: int
    context: str | None = None
    locked: bool = False
    removed_at: int | None = None
    emoji: list[dict[str, Any]] = field(default_factory=list)
    content_map: dict[str, str] | None = None
    event: dict[str, Any] | None = None
    quote_iri: str | None = None
    quote_id: int | None = None
    quote_state: str | None = None
    quote_authorization: str | None = None
    quote_policy: str | None = None
    replies: str | None = None
    quotes_count: int = 0
    card_url: str | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """A row of `revisions`: what a post said before an edit."""

    id: int
    post_id: int
    title: str | None
    content: str
    summary: str | None
    sensitive: bool
    created_at: int
    attachments: list[dict[str, Any]] = field(default_factory=list)
    poll: list[str] | None = None


ROW = columns(posts, Post)
SAME: Interned[Post] = Interned(Post, 4_000, 6 << 20)
"""Posts that were read before, for queries of `ROW`."""
_NAMES = [column.name for column in ROW]
_VALUES = attrgetter(*_NAMES)
_REVISION = columns(revisions, Revision)
_BY_ID = select(*ROW).where(posts.c.id == bindparam("id"))
_BY_IRI = select(*ROW).where(posts.c.iri == bindparam("iri"))
_BY_IDS = select(*ROW).where(posts.c.id.in_(bindparam("ids", expanding=True)), posts.c.deleted_at.is_(None))
_IDS = bindparam("ids", type_=Id(), expanding=True)
_MENTIONED = (
    select(mentions.c.post_id, mentions.c.actor_id).where(mentions.c.post_id.in_(_IDS)).order_by(mentions.c.actor_id)
)
_TAGGED = select(tags.c.post_id, tags.c.tag).where(tags.c.post_id.in_(_IDS)).order_by(tags.c.tag)
_BY_IRIS = select(*ROW).where(posts.c.iri.in_(bindparam("iris", expanding=True)))
_AWAITED = (
    select(posts.c.reply_to_iri)
    .where(posts.c.reply_to_iri.in_(bindparam("iris", expanding=True)), posts.c.reply_to_id.is_(None))
    .distinct()
)
_ORPHANS = select(*ROW).where(posts.c.reply_to_iri == bindparam("parent"), posts.c.reply_to_id.is_(None))


def plain(tag: str) -> str:
    """A hashtag as it is compared: in lower case and in one Unicode form, without #. What is typed on one system with
    combining characters, or on a Japanese keyboard in full width, is the same tag elsewhere (Mastodon: NFKC)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", tag.strip().removeprefix("#")).lower())


def insert_post(tx: Tx, post: Post, mentioned: list[int], tagged: list[str]) -> bool:
    """Add a post, which is not known as far as this transaction sees, with the actors it mentions and its hashtags; False
    when its IRI or its id is taken all the same (PostgreSQL; nothing is changed)."""
    if not insert_later(tx, posts, dict(zip(_NAMES, _VALUES(post), strict=True))):
        return False
    holds = held.of(tx)
    if holds is not None and "posts" in holds.known:
        holds.fill("posts", {post.iri: post, post.id: post})
        if post.reply_to_iri is not None and post.reply_to_id is None:
            holds.fill("posts", {("awaited", post.reply_to_iri): True})
    _attach(tx, post.id, mentioned, tagged)
    if post.deleted_at is None:
        found = indexed.document(
            post.title,
            post.content,
            post.summary,
            post.link,
            post.attachments,
            card=post.card_url is not None,
            tags=tagged,
            translations=post.content_map,
        )
        indexed.put(tx, post.id, found, new=True)
    return True


def rewrite(tx: Tx, post: Post, mentioned: list[int], tagged: list[str], **values: Any) -> None:
    """Change a post's columns, its mentions and its hashtags."""
    set_columns(tx, posts, posts.c.id, post.id, values)
    tx.execute(delete(mentions).where(mentions.c.post_id == post.id))
    tx.execute(delete(tags).where(tags.c.post_id == post.id))
    _attach(tx, post.id, mentioned, tagged)
    indexed.again(tx, post.id)


def _attach(tx: Tx, post_id: int, mentioned: list[int], tagged: list[str]) -> None:
    for actor in dict.fromkeys(mentioned):
        insert_later(tx, mentions, {"post_id": post_id, "actor_id": actor})
    for tag in dict.fromkeys(plain(tag) for tag in tagged):
        insert_later(tx, tags, {"tag": tag, "post_id": post_id})


def change(tx: Tx, post_id: int, **values: Any) -> None:
    """Set columns of a post."""
    set_columns(tx, posts, posts.c.id, post_id, values)
    if not indexed.COLUMNS.isdisjoint(values):
        indexed.again(tx, post_id)


def count(tx: Tx, post_id: int, *, replies: int = 0, likes: int = 0, boosts: int = 0, quotes: int = 0) -> None:
    """Add to the counts of a post (negative to subtract); they never fall below zero."""
    added = {"replies_count": replies, "likes_count": likes, "boosts_count": boosts, "quotes_count": quotes}
    add_to(tx, posts, post_id, added)


def by_id(tx: Tx, post_id: int) -> Post | None:
    """The post with this id, deleted ones included (`deleted_at`)."""
    holds = held.of(tx)
    known = holds.known.get("posts") if holds is not None else None
    if known is not None and post_id in known:
        found: Post | None = known[post_id]
        return found
    return one_of(tx, _BY_ID, Post, id=post_id)


def by_ids(tx: Tx, ids: list[int]) -> dict[int, Post]:
    """The posts of these ids, by id, deleted ones left out."""
    if not ids:
        return {}
    return {post.id: post for post in all_of(tx, _BY_IDS, Post, ids=ids)}


def by_iri(tx: Tx, iri: str) -> Post | None:
    """The post with this IRI, deleted ones included (`deleted_at`)."""
    holds = held.of(tx)
    known = holds.known.get("posts") if holds is not None else None
    if known is not None and iri in known:
        found: Post | None = known[iri]
        return found
    return one_of(tx, _BY_IRI, Post, iri=iri)


def remember(tx: Tx, iris: Collection[str]) -> None:
    """Read the posts of these IRIs at once, and whether any post waits for one of them, so that `by_iri`, `by_id` and
    `orphans` don't ask for each in this transaction."""
    holds = held.of(tx)
    if holds is None or not (lacking := holds.lacks("posts", iris)):
        return
    found: dict[Any, Any] = dict.fromkeys(lacking)
    for some in parts(lacking):
        for one in all_of(tx, _BY_IRIS, Post, iris=some):
            found[one.iri] = found[one.id] = one
        awaited = {row[0] for row in rows(tx, _AWAITED, {"iris": some})}
        found |= {("awaited", iri): iri in awaited for iri in some}
    holds.fill("posts", found)


def by_url(tx: Tx, url: str) -> Post | None:
    """The post whose page has this address."""
    return one_of(tx, select(*ROW).where(posts.c.url == url, posts.c.deleted_at.is_(None)), Post)


def by_authorization(tx: Tx, iri: str) -> list[Post]:
    """The posts that quote another by this QuoteAuthorization (FEP-044f): one, unless somebody copied it."""
    query = select(*ROW).where(posts.c.quote_authorization == iri, posts.c.deleted_at.is_(None))
    return all_of(tx, query.limit(100), Post)


def thread(tx: Tx, root_id: int, limit: int = 4096) -> list[Post]:
    """The posts of a thread, oldest first, deleted ones left out."""
    query = select(*ROW).where(posts.c.root_id == root_id, posts.c.deleted_at.is_(None)).order_by(posts.c.id)
    return all_of(tx, query.limit(limit), Post)


def is_closed(tx: Tx, post: Post) -> bool:
    """Whether this post, or one above it in its thread, is locked."""
    if post.locked:
        return True
    # Few threads have a locked post at all; only in those it matters what is above what.
    some = select(posts.c.id).where(posts.c.root_id == (post.root_id or post.id), posts.c.locked).limit(1)
    if tx.scalar(some) is None:
        return False
    above: set[int] = {post.id}
    parent = post.reply_to_id
    while parent is not None and parent not in above:
        above.add(parent)
        row = tx.execute(select(posts.c.reply_to_id, posts.c.locked).where(posts.c.id == parent)).one_or_none()
        if row is None:
            return False
        if row.locked:
            return True
        parent = row.reply_to_id
    return False


def in_group_by(tx: Tx, group_id: int, author_id: int) -> list[Post]:
    """What an author wrote in a group, deleted ones left out."""
    query = select(*ROW).where(
        posts.c.group_id == group_id, posts.c.author_id == author_id, posts.c.deleted_at.is_(None)
    )
    return all_of(tx, query, Post)


def quoting(
    tx: Tx,
    quoted_id: int,
    limit: int,
    max_id: int | None = None,
    since_id: int | None = None,
    min_id: int | None = None,
) -> list[int]:
    """The posts that quote this one with leave, newest first, within these ids (`min_id`: those just above it)."""
    query = select(posts.c.id).where(
        posts.c.quote_id == quoted_id, posts.c.quote_state == "accepted", posts.c.deleted_at.is_(None)
    )
    if max_id is not None:
        query = query.where(posts.c.id < max_id)
    if since_id is not None:
        query = query.where(posts.c.id > since_id)
    if min_id is not None:
        query = query.where(posts.c.id > min_id)
    if min_id is not None:
        return list(tx.scalars(query.order_by(posts.c.id).limit(limit)))[::-1]
    return list(tx.scalars(query.order_by(posts.c.id.desc()).limit(limit)))


def orphans(tx: Tx, parent_iri: str) -> list[Post]:
    """The posts that reply to this IRI and came before their parent did."""
    holds = held.of(tx)
    if holds is not None and holds.known.get("posts", {}).get(("awaited", parent_iri)) is False:
        return []
    return all_of(tx, _ORPHANS, Post, parent=parent_iri)


def answers(tx: Tx, post_id: int, visible: ColumnElement[bool], limit: int = 1000) -> list[tuple[int, str, bool]]:
    """(id, IRI, whether it was written here) of the answers to a post that meet the gate's condition, oldest first."""
    query = select(posts.c.id, posts.c.iri, posts.c.local).where(posts.c.reply_to_id == post_id, visible)
    return [(row.id, row.iri, row.local) for row in tx.execute(query.order_by(posts.c.id).limit(limit))]


def move_thread(
    tx: Tx, old_root: int, new_root: int, group_id: int | None, *, authors: list[int] | None = None
) -> None:
    """Hang the posts of a thread below another root, in that thread's group; only those of `authors` (ids), if given, come
    into the group."""
    moved = update(posts).where(posts.c.root_id == old_root)
    if group_id is not None:
        inside = moved if authors is None else moved.where(posts.c.author_id.in_(authors))
        tx.execute(inside.values(group_id=group_id))
    tx.execute(moved.values(root_id=new_root))


def authors_in(tx: Tx, root_id: int) -> list[int]:
    """The ids of those who wrote in a thread."""
    return list(tx.scalars(select(posts.c.author_id).where(posts.c.root_id == root_id).distinct()))


def mentioned_in(tx: Tx, ids: list[int]) -> dict[int, list[int]]:
    """The actors mentioned in each of these posts, by post id."""
    found: dict[int, list[int]] = defaultdict(list)
    if ids:
        for post_id, actor_id in rows(tx, _MENTIONED, {"ids": ids}):
            found[post_id].append(actor_id)
    return found


def tags_of(tx: Tx, ids: list[int]) -> dict[int, list[str]]:
    """The hashtags of each of these posts, by post id."""
    found: dict[int, list[str]] = defaultdict(list)
    if ids:
        for post_id, tag in rows(tx, _TAGGED, {"ids": ids}):
            found[post_id].append(tag)
    return found


def find_tags(tx: Tx, beginning: str, limit: int, visible: ColumnElement[bool], offset: int = 0) -> list[str]:
    """Hashtags that begin so, most used first, of posts that meet the gate's condition `visible`."""
    wanted = beginning.lower()
    query = (
        select(tags.c.tag)
        .join(posts, posts.c.id == tags.c.post_id)
        .where(tags.c.tag >= wanted, tags.c.tag < f"{wanted}\U0010ffff", visible)
        .group_by(tags.c.tag)
        .order_by(func.count().desc(), tags.c.tag)
    )
    return list(tx.scalars(query.limit(limit).offset(offset)))


def add_revision(tx: Tx, revision: Revision) -> None:
    """Keep what a post said before an edit."""
    tx.execute(insert(revisions).values({column.name: getattr(revision, column.name) for column in _REVISION}))


def revisions_of(tx: Tx, post_id: int) -> list[Revision]:
    """What a post said before its edits, oldest first."""
    return all_of(tx, select(*_REVISION).where(revisions.c.post_id == post_id).order_by(revisions.c.id), Revision)


def local_total(tx: Tx) -> int:
    """How many posts were written here."""
    query = select(func.count()).select_from(posts).where(posts.c.local, posts.c.deleted_at.is_(None))
    return tx.scalar(query) or 0


def of_author(tx: Tx, author_id: int) -> list[Post]:
    """Every post of an author, deleted ones left out."""
    query = select(*ROW).where(posts.c.author_id == author_id, posts.c.deleted_at.is_(None))
    return all_of(tx, query, Post)


def local_totals(tx: Tx) -> tuple[int, int]:
    """How many posts for everyone were written here that answer nothing, and how many that answer something."""
    query = select(func.count(), func.count(posts.c.reply_to_iri)).where(
        posts.c.local, posts.c.deleted_at.is_(None), posts.c.visibility.in_(("public", "unlisted"))
    )
    written, answers = tx.execute(query).one()
    return written - answers, answers


_QUOTING = (
    select(posts.c.id, posts.c.author_id)
    .where(
        posts.c.quote_id == bindparam("quoted", type_=Id()),
        posts.c.quote_state == "accepted",
        posts.c.local,
        posts.c.deleted_at.is_(None),
        posts.c.removed_at.is_(None),
    )
    .order_by(posts.c.id.desc())
    .limit(100)
)


def quoting_here(tx: Tx, post_id: int) -> list[tuple[int, int]]:
    """(post, its author) of the latest posts of this instance that quote a post with its author's leave."""
    return [(row[0], row[1]) for row in rows(tx, _QUOTING, {"quoted": post_id})]
