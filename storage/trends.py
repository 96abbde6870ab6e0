"""Trends: what many different people use in these days, in public. Hashtags, posts and pages; counted, not guessed.

The unit is a person, not a post: who writes one hashtag a hundred times counts once. Only public posts count, of authors
who want to be found in the directory (`discoverable`), and only what two people at least had to do with is a trend.
"""

from sqlalchemy import ColumnElement, and_, exists, func, select

from storage.actors import actors
from storage.ids import first_at
from storage.metadata import Tx
from storage.posts import posts
from storage.tags import tags

DAYS = 7
"""How far back uses are counted, as the history that Mastodon shows."""
PEOPLE = 2
"""Different people that make something a trend."""
_DAY = 86_400_000


def _recent(now: int, visible: ColumnElement[bool], days: int = DAYS) -> ColumnElement[bool]:
    discoverable = exists(select(actors.c.id).where(actors.c.id == posts.c.author_id, actors.c.discoverable))
    since = now - days * _DAY
    # Ids tell the time, so this is a range of the primary key; one that was fetched late has its own time in its id.
    return and_(
        posts.c.id >= first_at(since),
        posts.c.published_at >= since,
        posts.c.visibility == "public",
        visible,
        discoverable,
    )


def hashtags(tx: Tx, now: int, visible: ColumnElement[bool], limit: int) -> list[str]:
    """Hashtags that most people used, in posts that are `visible` (the gate's condition for nobody)."""
    authors = func.count(posts.c.author_id.distinct())
    tag = tags.c.tag + ""  # or SQLite would read all hashtags there ever were, as their index has them in groups
    query = (
        select(tag)
        .join(posts, posts.c.id == tags.c.post_id)
        .where(tags.c.post_id >= first_at(now - DAYS * _DAY), _recent(now, visible))
        .group_by(tag)
        .having(authors >= PEOPLE)
        .order_by(authors.desc(), func.count().desc(), tag)
    )
    return list(tx.scalars(query.limit(limit)))


def statuses(tx: Tx, now: int, visible: ColumnElement[bool], limit: int) -> list[int]:
    """The ids of posts that most people liked or boosted: none that answers something, and none behind a warning."""
    score = posts.c.likes_count + posts.c.boosts_count
    query = select(posts.c.id).where(
        _recent(now, visible),
        score >= PEOPLE,
        posts.c.reply_to_iri.is_(None),
        ~posts.c.sensitive,
        posts.c.summary.is_(None),
    )
    return list(tx.scalars(query.order_by(score.desc(), posts.c.id.desc()).limit(limit)))


def pages(tx: Tx, now: int, visible: ColumnElement[bool], limit: int) -> list[str]:
    """The addresses of pages that most people linked to."""
    authors = func.count(posts.c.author_id.distinct())
    query = (
        select(posts.c.card_url)
        .where(_recent(now, visible), posts.c.card_url.isnot(None))
        .group_by(posts.c.card_url)
        .having(authors >= PEOPLE)
        .order_by(authors.desc(), func.count().desc(), posts.c.card_url)
    )
    return [url for url in tx.scalars(query.limit(limit)) if url is not None]


def history_of_pages(
    tx: Tx, urls: list[str], now: int, visible: ColumnElement[bool]
) -> dict[str, dict[int, tuple[int, int]]]:
    """{URL: {day (ms): (posts, authors)}} of the last days."""
    if not urls:
        return {}
    day = posts.c.published_at - posts.c.published_at % _DAY
    query = (
        select(posts.c.card_url, day, func.count(), func.count(posts.c.author_id.distinct()))
        .where(_recent(now, visible), posts.c.card_url.in_(urls))
        .group_by(posts.c.card_url, day)
    )
    found: dict[str, dict[int, tuple[int, int]]] = {}
    for url, at, uses, authors in tx.execute(query):
        found.setdefault(url, {})[int(at)] = (uses, authors)
    return found
