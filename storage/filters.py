"""Filters: words and posts that a person does not want to see, or only behind a warning (Mastodon's filters, version 2)."""

from dataclasses import dataclass

from sqlalchemy import Boolean, Column, ForeignKey, Index, Table, Text, bindparam, delete, func, insert, select

from storage.metadata import (
    Id,
    Json,
    Time,
    Tx,
    all_of,
    columns,
    id_column,
    insert_new,
    metadata,
    one_of,
    set_columns,
)

filters = Table(
    "filters",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("context", Json, nullable=False),  # some of home notifications public thread account
    Column("action", Text, nullable=False),  # warn hide blur
    Column("expires_at", Time),
    Column("version", Id, nullable=False),  # another one after each change, also of its keywords and posts
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
    version: int
    created_at: int


@dataclass(frozen=True, slots=True)
class Keyword:
    """A row of `filter_keywords`."""

    id: int
    filter_id: int
    keyword: str
    whole_word: bool


@dataclass(frozen=True, slots=True)
class FilteredPost:
    """A row of `filter_posts`."""

    id: int
    filter_id: int
    post_id: int


_FILTER = columns(filters, Filter)
_KEYWORD = columns(filter_keywords, Keyword)
_POST = columns(filter_posts, FilteredPost)
_OF_PERSON = select(*_FILTER).where(filters.c.person_id == bindparam("person", type_=Id())).order_by(filters.c.id)


def of_person(tx: Tx, person_id: int) -> list[Filter]:
    """The filters of a person, oldest first, those that ended included. Asked for with every page of statuses."""
    return all_of(tx, _OF_PERSON, Filter, person=person_id)


def by_id(tx: Tx, person_id: int, filter_id: int) -> Filter | None:
    """This filter, if it is this person's."""
    return one_of(tx, select(*_FILTER).where(filters.c.id == filter_id, filters.c.person_id == person_id), Filter)


def insert_filter(tx: Tx, made: Filter) -> None:
    """Add a filter."""
    tx.execute(insert(filters).values({column.name: getattr(made, column.name) for column in _FILTER}))


def change(tx: Tx, filter_id: int, **values: object) -> None:
    """Set columns of a filter; `version` among them, always."""
    set_columns(tx, filters, filters.c.id, filter_id, values)


def remove(tx: Tx, filter_id: int) -> None:
    """Take a filter away with all that is in it."""
    tx.execute(delete(filters).where(filters.c.id == filter_id))


def keywords_of(tx: Tx, filter_ids: list[int]) -> dict[int, list[Keyword]]:
    """The keywords of each of these filters, oldest first."""
    found: dict[int, list[Keyword]] = {}
    query = select(*_KEYWORD).where(filter_keywords.c.filter_id.in_(filter_ids)).order_by(filter_keywords.c.id)
    for one in all_of(tx, query, Keyword) if filter_ids else ():
        found.setdefault(one.filter_id, []).append(one)
    return found


def keyword_by_id(tx: Tx, person_id: int, keyword_id: int) -> Keyword | None:
    """This keyword, if it is in a filter of this person."""
    query = select(*_KEYWORD).join(filters, filters.c.id == filter_keywords.c.filter_id)
    return one_of(tx, query.where(filter_keywords.c.id == keyword_id, filters.c.person_id == person_id), Keyword)


def insert_keyword(tx: Tx, made: Keyword) -> None:
    """Add a keyword."""
    tx.execute(insert(filter_keywords).values({column.name: getattr(made, column.name) for column in _KEYWORD}))


def change_keyword(tx: Tx, keyword_id: int, **values: object) -> None:
    """Set columns of a keyword."""
    set_columns(tx, filter_keywords, filter_keywords.c.id, keyword_id, values)


def remove_keyword(tx: Tx, keyword_id: int) -> None:
    """Take a keyword away."""
    tx.execute(delete(filter_keywords).where(filter_keywords.c.id == keyword_id))


def keywords_total(tx: Tx, person_id: int) -> int:
    """How many keywords a person has in all filters."""
    query = select(func.count()).select_from(filter_keywords.join(filters, filters.c.id == filter_keywords.c.filter_id))
    return tx.scalar(query.where(filters.c.person_id == person_id)) or 0


def posts_of(tx: Tx, filter_ids: list[int]) -> dict[int, list[FilteredPost]]:
    """The posts in each of these filters, in the order in which they were added."""
    found: dict[int, list[FilteredPost]] = {}
    query = select(*_POST).where(filter_posts.c.filter_id.in_(filter_ids)).order_by(filter_posts.c.id)
    for one in all_of(tx, query, FilteredPost) if filter_ids else ():
        found.setdefault(one.filter_id, []).append(one)
    return found


def post_by_id(tx: Tx, person_id: int, row_id: int) -> FilteredPost | None:
    """This row of `filter_posts`, if it is in a filter of this person."""
    query = select(*_POST).join(filters, filters.c.id == filter_posts.c.filter_id)
    return one_of(tx, query.where(filter_posts.c.id == row_id, filters.c.person_id == person_id), FilteredPost)


def insert_filtered_post(tx: Tx, made: FilteredPost) -> bool:
    """Put a post into a filter; False when it is there already."""
    return insert_new(tx, filter_posts, {column.name: getattr(made, column.name) for column in _POST}) == 1


def remove_post(tx: Tx, row_id: int) -> None:
    """Take a post out of a filter."""
    tx.execute(delete(filter_posts).where(filter_posts.c.id == row_id))


def posts_total(tx: Tx, person_id: int) -> int:
    """How many posts a person has in all filters."""
    query = select(func.count()).select_from(filter_posts.join(filters, filters.c.id == filter_posts.c.filter_id))
    return tx.scalar(query.where(filters.c.person_id == person_id)) or 0
