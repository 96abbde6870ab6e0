"""Quotes: who quotes posts of this instance, and whether their authors allow it (FEP-044f)."""

from dataclasses import dataclass

from sqlalchemy import Column, ForeignKey, Index, Table, Text, select, update

from storage.metadata import Id, Time, Tx, all_of, columns, id_column, metadata, one_of, upsert

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
