"""The posts that a search looks at on PostgreSQL, newest first: window after window, each larger than the last, until enough are found.

Its planner would choose between the index of words and the order of ids by how often it believes that a word is used, and
read all posts where it errs: for a word that nobody used, or that is never found beside another condition. So each
statement here has one way to be run. The newest posts are looked through first, which is all that a common word needs.
Where that was not enough, the index says whether a word is rare, and then all posts that have it.

SQLite needs none of this: FTS5 gives what it finds in the order of ids, and ends with the page.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import aggregate_order_by

from storage.indexed import holds, searches
from storage.metadata import Id, Tx
from storage.posts import posts

_WINDOW, _LARGEST = 4_000, 64_000
"""Posts of the first window, and of any."""
_FEW = (5, 100)
"""Fewer posts with the words in the first window, or in that and the second: then the index is asked for all of them. It begins
by reading all places of a word, so it is not asked for those that many use."""
_RARE = 2_000
"""Posts that have a rare word, at most."""
_CHUNK = 100
"""Posts that are first looked at in full at once; then twice as many."""
NO_BOUND = 1 << 62
"""After every id of a post."""

_OTHER_WAYS = ("enable_seqscan", "enable_indexscan")
_BY_WORDS_ALONE = text("SELECT " + ", ".join(f"set_config('{way}', 'off', true)" for way in _OTHER_WAYS))
_EARLIER = searches.c.post_id < bindparam("below", type_=Id())
_LATER = searches.c.post_id > bindparam("above", type_=Id())


@dataclass(frozen=True, slots=True)
class Sought:
    """What is sought: posts under `conditions`, with `words` (a tsquery; nothing where it is empty), between two ids.

    `among`: a query for the ids of posts of which alone one can be meant, if there is a short one; its only column is that id.
    """

    conditions: list[ColumnElement[bool]]
    words: str = ""
    among: Select[tuple[int]] | None = None
    below: int = NO_BOUND
    above: int = 0


def newest(tx: Tx, sought: Sought, many: int) -> list[int]:
    """The ids of the newest `many` posts that are sought, newest first."""
    found: list[int] = []
    for ids in _candidates(tx, sought):
        size, at = _CHUNK, 0
        while at < len(ids):
            found += _meant(tx, sought, ids[at : at + size])
            if len(found) >= many:
                return found[:many]
            at, size = at + size, min(2 * size, _WINDOW)
    return found


def _candidates(tx: Tx, sought: Sought) -> Iterator[list[int]]:
    """Ids, newest first, until there are no more."""
    below, size, seen = sought.below, _WINDOW, 0
    few = iter(() if not sought.words else _FEW if sought.among is None else (NO_BOUND,))
    while True:
        end, ids = _window(tx, sought, below, size)
        yield ids
        if end is None:
            return
        below, size, seen = end, min(4 * size, _LARGEST), seen + len(ids)
        if seen < next(few, 0):
            rare = _all_with(tx, sought.words)
            few = iter(())
            if rare is not None:
                yield [one for one in rare if sought.above < one < below]
                return


def _window(tx: Tx, sought: Sought, below: int, size: int) -> tuple[int | None, list[int]]:
    """(where the next window begins, ids of this one that may be meant); None as the first where none comes after it."""
    bounds = {"below": below, "above": sought.above}
    if sought.among is not None or not sought.words:
        some = posts.c.id if sought.among is None else sought.among.selected_columns[0]
        query = (select(posts.c.id) if sought.among is None else sought.among).where(
            some < bindparam("below", type_=Id()), some > bindparam("above", type_=Id())
        )
        ids = list(tx.scalars(query.order_by(some.desc()).limit(size), bounds))
        return (ids[-1] if len(ids) == size else None), list(dict.fromkeys(ids))
    # The limit keeps the condition on words out of the inner query, which so walks along the key.
    inner = select(searches.c.post_id, searches.c.document).where(_EARLIER, _LATER)
    some_posts = inner.order_by(searches.c.post_id.desc()).limit(size).subquery()
    has = holds(sought.words, some_posts.c.document)
    ordered = func.array_agg(aggregate_order_by(some_posts.c.post_id, some_posts.c.post_id.desc()))
    query_ = select(func.count(), func.min(some_posts.c.post_id), ordered.filter(has)).select_from(some_posts)
    number, last, ids_ = tx.execute(query_, bounds).one()
    return (last if number == size else None), list(ids_ or ())


def _all_with(tx: Tx, words: str) -> list[int] | None:
    """All posts with these words, newest first; None where there are many."""
    tx.execute(_BY_WORDS_ALONE)
    found = list(tx.scalars(select(searches.c.post_id).where(holds(words)).limit(_RARE + 1)))
    for way in _OTHER_WAYS:
        tx.execute(text(f"SET LOCAL {way} TO DEFAULT"))
    return sorted(found, reverse=True) if len(found) <= _RARE else None


def _meant(tx: Tx, sought: Sought, ids: list[int]) -> list[int]:
    """Those of these that are meant, newest first."""
    query = select(posts.c.id).where(posts.c.id.in_(ids), *sought.conditions)
    if sought.words and sought.among is not None:  # else they were asked for
        query = query.join(searches, searches.c.post_id == posts.c.id).where(holds(sought.words))
    return list(tx.scalars(query.order_by(posts.c.id.desc())))
