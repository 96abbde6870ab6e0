"""Posts: what people wrote, here and elsewhere.

Not here: who may see a post (`fedi.visibility`), whom it names (`storage.mentions`), its hashtags (`storage.tags`), what it
said before (`storage.revisions`), how it hangs in its thread (`storage.replies`), boosts and likes (`storage.reactions`),
order in timelines (`storage.timelines`).
"""

from collections.abc import Collection
from dataclasses import field
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    bindparam,
    delete,
    false,
    func,
    select,
    text,
)

from storage import held, indexed
from storage.interned import Interned
from storage.mentions import mentions
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
from storage.row_marks import mark_column, marked
from storage.tags import plain, tags

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
    Column("asks", Text),  # open solved: of the first post of a thread that asks (`storage.questions`)
    mark_column(),
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

# Of all threads few ask, and of those few are open.
Index(
    "ix_posts_group_id_asks",
    posts.c.group_id,
    posts.c.asks,
    posts.c.id,
    sqlite_where=posts.c.asks.isnot(None),
    postgresql_where=posts.c.asks.isnot(None),
)
Index(
    "ix_posts_asks",
    posts.c.asks,
    posts.c.id,
    sqlite_where=posts.c.asks.isnot(None),
    postgresql_where=posts.c.asks.isnot(None),
)

LATE = 86_400_000
"""Milliseconds after the time that it gives for which a post may come without being late."""
_LATE = f"{{0}}published_at + {LATE} < {{0}}id / 65536"
IS_LATE = text(_LATE.format("posts."))
"""The condition under which a post came so late that its id says nothing of the time that it gives."""
# Hardly any are; who looks for days asks ids for the others.
Index("ix_posts_late", posts.c.id, sqlite_where=text(_LATE.format("")), postgresql_where=text(_LATE.format("")))

marked(posts)

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
    asks: str | None = None


ROW = columns(posts, Post)
SAME: Interned[Post] = Interned(posts, Post, 4_000, 6 << 20)
"""Posts that were read before."""
_NAMES = [column.name for column in ROW]
_VALUES = attrgetter(*_NAMES)
_BY_ID = select(*ROW).where(posts.c.id == bindparam("id"))
_BY_IRI = select(*ROW).where(posts.c.iri == bindparam("iri"))
_BY_IDS = select(*ROW).where(posts.c.id.in_(bindparam("ids", expanding=True)), posts.c.deleted_at.is_(None))
_BY_IRIS = select(*ROW).where(posts.c.iri.in_(bindparam("iris", expanding=True)))


_AWAITED = (
    select(posts.c.reply_to_iri)
    .where(posts.c.reply_to_iri.in_(bindparam("iris", expanding=True)), posts.c.reply_to_id.is_(None))
    .distinct()
)
_ORPHANS = select(*ROW).where(posts.c.reply_to_iri == bindparam("parent"), posts.c.reply_to_id.is_(None))


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


def orphans(tx: Tx, parent_iri: str) -> list[Post]:
    """The posts that reply to this IRI and came before their parent did."""
    holds = held.of(tx)
    if holds is not None and holds.known.get("posts", {}).get(("awaited", parent_iri)) is False:
        return []
    return all_of(tx, _ORPHANS, Post, parent=parent_iri)


def in_group_by(tx: Tx, group_id: int, author_id: int, limit: int | None = None) -> list[Post]:
    """What an author wrote in a group, deleted ones left out; the first ones, where there is a `limit`."""
    query = select(*ROW).where(
        posts.c.group_id == group_id, posts.c.author_id == author_id, posts.c.deleted_at.is_(None)
    )
    if limit is not None:
        query = query.order_by(posts.c.id).limit(limit)
    return all_of(tx, query, Post)


def private_in_group(tx: Tx, group_id: int, limit: int, before: int | None = None) -> list[Post]:
    """What was written in a group and that not everyone may read, newest first, `before` an id."""
    query = select(*ROW).where(
        posts.c.group_id == group_id, posts.c.visibility.in_(("peers", "members")), posts.c.deleted_at.is_(None)
    )
    if before is not None:
        query = query.where(posts.c.id < before)
    return all_of(tx, query.order_by(posts.c.id.desc()).limit(limit), Post)


def local_total(tx: Tx) -> int:
    """How many posts were written here."""
    query = select(func.count()).select_from(posts).where(posts.c.local, posts.c.deleted_at.is_(None))
    return tx.scalar(query) or 0


def of_author(tx: Tx, author_id: int, limit: int | None = None) -> list[Post]:
    """Every post of an author, or so many of them, deleted ones left out."""
    query = select(*ROW).where(posts.c.author_id == author_id, posts.c.deleted_at.is_(None))
    return all_of(tx, query if limit is None else query.limit(limit), Post)


def local_totals(tx: Tx) -> tuple[int, int]:
    """How many posts for everyone were written here that answer nothing, and how many that answer something."""
    query = select(func.count(), func.count(posts.c.reply_to_iri)).where(
        posts.c.local, posts.c.deleted_at.is_(None), posts.c.visibility.in_(("public", "unlisted"))
    )
    written, answers = tx.execute(query).one()
    return written - answers, answers
