"""Quotes: who quotes posts of this instance, and whether their authors allow it (FEP-044f)."""

from dataclasses import dataclass

from sqlalchemy import Column, ForeignKey, Index, Table, Text, bindparam, select, update

from storage.metadata import Id, Time, Tx, all_of, columns, id_column, metadata, one_of, upsert
from storage.posts import ROW, Post, posts
from storage.prepared import rows

quotes = Table(
    "quotes",
    metadata,
    id_column(),
    Column("post_id", Id, ForeignKey("posts.id", ondelete="CASCADE"), nullable=False),  # the post that is quoted
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),  # who quotes it
    Column("quoting_iri", Text, nullable=False, unique=True),  # the post that quotes it
    Column("request_iri", Text, nullable=False),  # of the QuoteRequest
    Column("state", Text, nullable=False),  # accepted rejected revoked
    Column("created_at", Time, nullable=False),
    Index("ix_quotes_post_id", "post_id", "id"),
)


@dataclass(frozen=True, slots=True)
class Quote:
    """A row of `quotes`; its QuoteAuthorization is served while it is `accepted`."""

    id: int
    post_id: int
    actor_id: int
    quoting_iri: str
    request_iri: str
    state: str
    created_at: int


_ROW = columns(quotes, Quote)


def save(tx: Tx, quote: Quote) -> None:
    """Add a quote, or change what is known of the quoting post."""
    upsert(tx, quotes, {column.name: getattr(quote, column.name) for column in _ROW}, ["quoting_iri"])


def by_id(tx: Tx, quote_id: int) -> Quote | None:
    """The quote with this id."""
    return one_of(tx, select(*_ROW).where(quotes.c.id == quote_id), Quote)


def by_quoting(tx: Tx, iri: str) -> Quote | None:
    """The quote that the post with this IRI makes."""
    return one_of(tx, select(*_ROW).where(quotes.c.quoting_iri == iri), Quote)


def of_post(tx: Tx, post_id: int, limit: int) -> list[Quote]:
    """The quotes of a post, newest first."""
    return all_of(tx, select(*_ROW).where(quotes.c.post_id == post_id).order_by(quotes.c.id.desc()).limit(limit), Quote)


def set_state(tx: Tx, quote_id: int, state: str) -> None:
    """Allow it, or not any more."""
    tx.execute(update(quotes).where(quotes.c.id == quote_id).values(state=state))


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


def by_authorization(tx: Tx, iri: str) -> list[Post]:
    """The posts that quote another by this QuoteAuthorization (FEP-044f): one, unless somebody copied it."""
    query = select(*ROW).where(posts.c.quote_authorization == iri, posts.c.deleted_at.is_(None))
    return all_of(tx, query.limit(100), Post)
