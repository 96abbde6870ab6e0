"""The index of full text: what of each post is found by words, in SQLite's FTS5 or PostgreSQL's tsvector.

Rows are written by `storage.posts` and `storage.polls` with every change, in its transaction: triggers of the database
could not strip HTML or cut Chinese into words. What a moderator took out stays in it, as the gate hides it until it comes
back; what its author deleted is gone from it at once. Who may find what is asked in `storage.searches`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    ColumnElement,
    Text,
    bindparam,
    cast,
    column,
    delete,
    event,
    func,
    insert,
    literal_column,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR
from sqlalchemy.dialects.postgresql import insert as insert_postgresql

from storage import held
from storage.metadata import Json, Tx, metadata
from storage.prepared import change, rows
from storage.words import COMPOUND, begins, parts_of, plain, words_of

SQLITE = "CREATE VIRTUAL TABLE IF NOT EXISTS searches USING fts5(words, parts, marks, tokenize='ascii', columnsize=0)"
"""`words` in the order of the text, `parts` of compounds, `marks` of what is attached. They come separated by spaces and
folded, so the plainest tokenizer does: it takes any letter beyond ASCII as part of a word."""
_TABLE = (
    "CREATE TABLE IF NOT EXISTS searches (post_id BIGINT CONSTRAINT pk_searches PRIMARY KEY"
    " CONSTRAINT fk_searches_post_id_posts REFERENCES posts (id) ON DELETE CASCADE, document TSVECTOR NOT NULL)"
)
POSTGRESQL = (_TABLE, "CREATE INDEX IF NOT EXISTS ix_searches_document ON searches USING gin (document)")
"""The same three in one column: words have weight A, marks C, parts D."""

event.listen(metadata, "after_create", DDL(SQLITE).execute_if(dialect="sqlite"))  # type: ignore[no-untyped-call]
for _statement in POSTGRESQL:
    event.listen(metadata, "after_create", DDL(_statement).execute_if(dialect="postgresql"))  # type: ignore[no-untyped-call]

COLUMNS = frozenset({"title", "content", "summary", "attachments", "link", "card_url", "content_map", "deleted_at"})
"""The columns of `posts` that a row here is made of."""

MARKS = frozenset({"media", "image", "video", "audio", "link"})
"""What may be attached to a post."""

_ADDRESS = re.compile(r"<a\b(?![^>]*\b(?:mention|hashtag)\b)", re.IGNORECASE)
_BATCH = 1000

searches = table(
    "searches",
    column("rowid", BigInteger),
    column("post_id", BigInteger),
    column("words", Text),
    column("parts", Text),
    column("marks", Text),
    column("document", TSVECTOR),
)
# Only what is needed here, so that the step which makes the index can fill it whatever columns came later.
_posts = table(
    "posts",
    *(column(name) for name in ("id", "kind", "title", "content", "summary", "link", "card_url", "deleted_at")),
    column("attachments", Json),
    column("content_map", Json),
)
_tags = table("tags", column("tag"), column("post_id"))
_polls = table("polls", column("post_id"), column("options", Json))

_ROW = select(
    _posts.c.id,
    _posts.c.title,
    _posts.c.content,
    _posts.c.summary,
    _posts.c.link,
    _posts.c.card_url,
    _posts.c.attachments,
    _posts.c.content_map,
    _posts.c.deleted_at,
)
_ONE = _ROW.where(_posts.c.id == bindparam("id", type_=BigInteger))
_TAGS_OF = select(_tags.c.tag).where(_tags.c.post_id == bindparam("id", type_=BigInteger))
_OPTIONS_OF = select(_polls.c.options).where(_polls.c.post_id == bindparam("id", type_=BigInteger))
_PUT_SQLITE = (
    insert(searches)
    .values(
        rowid=bindparam("id", type_=BigInteger),
        words=bindparam("words", type_=Text),
        parts=bindparam("parts", type_=Text),
        marks=bindparam("marks", type_=Text),
    )
    .inline()
)
_DOCUMENT = cast(bindparam("document", type_=Text), TSVECTOR)
_PUT_POSTGRESQL = (
    insert_postgresql(searches)
    .values(post_id=bindparam("id", type_=BigInteger), document=_DOCUMENT)
    .on_conflict_do_update(index_elements=["post_id"], set_={"document": literal_column("excluded.document")})
    .inline()
)
_REMOVE_SQLITE = delete(searches).where(searches.c.rowid == bindparam("id", type_=BigInteger))
_REMOVE_POSTGRESQL = delete(searches).where(searches.c.post_id == bindparam("id", type_=BigInteger))


@dataclass(frozen=True, slots=True)
class Document:
    """What is indexed of a post."""

    words: list[str]
    parts: list[str]
    marks: list[str]


def document(
    title: str | None,
    content: str,
    summary: str | None,
    link: str | None,
    attachments: list[dict[str, Any]],
    *,
    card: bool = False,
    tags: Sequence[str] = (),
    options: Sequence[str] = (),
    translations: dict[str, str] | None = None,
) -> Document:
    """What is indexed of a post: its text without HTML, and beside it title, warning, poll, alt texts, tags and link."""
    texts = [title or "", summary or "", plain(content), *options]
    texts += [str(one.get("description") or "") for one in attachments]
    texts += [plain(other) for other in (translations or {}).values() if other != content]
    words = words_of("\n".join([*texts, link or ""]))
    known = set(words)
    words += [word for tag in tags for word in words_of(tag) if word not in known]
    parts: dict[str, None] = {}
    for word in known:
        if len(word) >= COMPOUND:
            parts.update(dict.fromkeys(parts_of(word)))
    return Document(words, list(parts), _marks(content, link, attachments, card=card))


def _marks(content: str, link: str | None, attachments: list[dict[str, Any]], *, card: bool) -> list[str]:
    marks = {"media"} if attachments else set()
    for one in attachments:
        kind = one.get("kind") or str(one.get("media_type") or "").partition("/")[0]
        marks.add("video" if kind == "gifv" else str(kind))
    if link or card or _ADDRESS.search(content):
        marks.add("link")
    return sorted(marks & MARKS)


def put(tx: Tx, post_id: int, found: Document, *, new: bool = False) -> None:
    """Index a post; `new`: it is not in the index yet."""
    statement, row = _PUT_SQLITE, {"id": post_id, "words": " ".join(found.words)}
    if tx.dialect.name == "postgresql":
        statement, row = _PUT_POSTGRESQL, {"id": post_id, "document": _vector(found)}
    else:
        row |= {"parts": " ".join(found.parts), "marks": " ".join(found.marks)}
    holds = held.behind(tx)
    if new and holds is not None:
        holds.insert("searches", statement, row)  # FTS5 gathers words in memory, and many rows at once gain most
        return
    if not new and tx.dialect.name == "sqlite":
        remove(tx, post_id)
    change(tx, statement, row)


def remove(tx: Tx, post_id: int) -> None:
    """Take a post out of the index."""
    change(tx, _REMOVE_POSTGRESQL if tx.dialect.name == "postgresql" else _REMOVE_SQLITE, {"id": post_id})


def again(tx: Tx, post_id: int) -> None:
    """Index a post as its rows are now; one that is deleted goes from the index."""
    found = rows(tx, _ONE, {"id": post_id})
    if not found or found[0][-1] is not None:
        remove(tx, post_id)
        return
    tags = [row[0] for row in rows(tx, _TAGS_OF, {"id": post_id})]
    options = [one for row in rows(tx, _OPTIONS_OF, {"id": post_id}) for one in row[0]]
    put(tx, post_id, _of_row(found[0], tags, options))


def rebuild(tx: Tx) -> int:
    """Index every post; how many there are."""
    tx.execute(searches.delete())
    last, done = 0, 0
    while True:
        found = tx.execute(_ROW.where(_posts.c.id > last).order_by(_posts.c.id).limit(_BATCH)).all()
        if not found:
            return done
        ids = [row.id for row in found]
        tags: dict[int, list[str]] = {}
        for tag, post_id in tx.execute(select(_tags.c.tag, _tags.c.post_id).where(_tags.c.post_id.in_(ids))):
            tags.setdefault(post_id, []).append(tag)
        polls = select(_polls.c.post_id, _polls.c.options).where(_polls.c.post_id.in_(ids))
        options: dict[int, list[str]] = {row.post_id: row.options for row in tx.execute(polls)}
        for row in found:
            if row.deleted_at is None:
                put(tx, row.id, _of_row(row, tags.get(row.id, []), options.get(row.id, [])), new=True)
                done += 1
        last = ids[-1]


def out_of_step(tx: Tx) -> int:
    """How many posts the index lacks, and has although they are gone. Written by an older version, or lost with a disk."""
    ids = select(id_of(tx.dialect.name)).select_from(searches)
    there = select(_posts.c.id).where(_posts.c.deleted_at.is_(None))
    lacking = select(func.count()).select_from(there.except_(ids).subquery())
    beyond = select(func.count()).select_from(ids.except_(there).subquery())
    return (tx.scalar(lacking) or 0) + (tx.scalar(beyond) or 0)


def _of_row(row: Sequence[Any], tags: Sequence[str], options: Sequence[str]) -> Document:
    _, title, content, summary, link, card_url, attachments, translations, _ = row
    return document(
        title,
        content,
        summary,
        link,
        attachments,
        card=card_url is not None,
        tags=tags,
        options=options,
        translations=translations,
    )


def _vector(found: Document) -> str:
    """A tsvector as PostgreSQL reads it: `'word':1A,5A 'part':1D`. Words are letters and digits, so nothing is escaped."""
    places: dict[str, list[str]] = {}
    for at, word in enumerate(found.words, 1):
        places.setdefault(word, []).append(f"{at}A")
    for part in found.parts:
        places.setdefault(part, []).append("1D")
    for mark in found.marks:
        places.setdefault(mark, []).append("1C")
    return " ".join(f"'{word}':{','.join(at[:200])}" for word, at in places.items())


# How words are asked for. A word is quoted in both languages, and has only letters and digits.


def with_words(
    dialect: str, groups: Sequence[tuple[Sequence[str], bool]], without: Sequence[Sequence[str]] = ()
) -> ColumnElement[bool]:
    """Rows that have all of these groups of words, those of a group side by side, and none of the groups `without`.

    With each group stands whether it is meant exactly; else a group of one word also finds longer words that begin with it
    or have it as a later part.
    """
    if dialect == "sqlite":
        asked = " AND ".join(_sqlite_group(group, exact=exact) for group, exact in groups)
        if without:
            asked = f"({asked}) NOT ({' OR '.join(_sqlite_group(group, exact=True) for group in without)})"
        return _matches(asked)
    return holds(asked_of_postgresql(groups, without))


def asked_of_postgresql(
    groups: Sequence[tuple[Sequence[str], bool]], without: Sequence[Sequence[str]] = (), marks: Sequence[str] = ()
) -> str:
    """The same as PostgreSQL's tsquery, with all of these `marks`; nothing where nothing is asked for."""
    asked = [_postgresql_group(group, exact=exact) for group, exact in groups]
    asked += [f"'{mark}':C" for mark in marks]
    return " & ".join([*asked, *(f"!{_postgresql_group(group, exact=True)}" for group in without)])


def holds(question: str, documents: ColumnElement[Any] = searches.c.document) -> ColumnElement[bool]:
    """Whether what stands in a column of `documents` is what PostgreSQL's tsquery asks for."""
    return documents.op("@@", is_comparison=True)(cast(question, TSQUERY))


def with_mark(dialect: str, mark: str) -> ColumnElement[bool]:
    """Rows with one of the marks."""
    return _matches(f'marks : "{mark}"') if dialect == "sqlite" else holds(f"'{mark}':C")


def id_of(dialect: str) -> ColumnElement[int]:
    """The column with the post's id."""
    return searches.c.rowid if dialect == "sqlite" else searches.c.post_id


def _sqlite_group(group: Sequence[str], *, exact: bool) -> str:
    if len(group) == 1 and not exact and begins(group[0]):
        return f'{{words parts}} : "{group[0]}" *'
    return f'words : "{" ".join(group)}"'


def _postgresql_group(group: Sequence[str], *, exact: bool) -> str:
    if len(group) == 1 and not exact and begins(group[0]):
        return f"'{group[0]}':*AD"
    return "(" + " <-> ".join(f"'{word}':A" for word in group) + ")"


def _matches(question: str) -> ColumnElement[bool]:
    return literal_column("searches").op("MATCH", is_comparison=True)(question)
