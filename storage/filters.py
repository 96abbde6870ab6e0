"""Filters: words and posts that a person does not want to see, or only behind a warning (Mastodon's filters, version 2)."""

from dataclasses import dataclass

from sqlalchemy import Boolean, Column, ForeignKey, Index, Table, Text

from storage.metadata import Id, Json, Time, id_column, metadata

filters = Table(
    "filters",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("context", Json, nullable=False),  # some of home notifications public thread account
    Column("action", Text, nullable=False),  # warn hide blur
    Column("expires_at", Time),
    Column("created_at", Time, nullable=False),
)

filter_keywords = Table(
    "filter_keywords",
    metadata,
    id_column(),
    Column("filter_id", Id, ForeignKey("filters.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("keyword", Text, nullable=False),
    Column("whole_word", Boolean, nullable=False),
)

filter_posts = Table(
    "filter_posts",
    metadata,
    id_column(),
    Column("filter_id", Id, ForeignKey("filters.id", ondelete="CASCADE"), nullable=False),
    Column("post_id", Id, ForeignKey("posts.id", ondelete="CASCADE"), nullable=False),
    Index("uq_filter_posts_pair", "filter_id", "post_id", unique=True),
    Index("ix_filter_posts_post_id", "post_id"),
)


@dataclass(frozen=True, slots=True)
class Filter:
    """A row of `filters`."""

    id: int
    person_id: int
    title: str
    context: list[str]
    action: str
    expires_at: int | None
    created_at: int


@dataclass(frozen=True, slots=True)
class Keyword:
    """A row of `filter_keywords`."""

    id: int
    filter_id: int
    keyword: str
    whole_word: bool
