"""What moderators see of how much goes on: numbers by day, and the largest of a kind. Only counts, no names."""

from collections.abc import Callable

from sqlalchemy import ColumnElement, func, select, union_all

from storage.actors import actors
from storage.ids import first_at
from storage.metadata import Tx
from storage.people import people
from storage.posts import posts
from storage.reactions import boosts, likes
from storage.reports import reports

DAY = 86_400_000


def _by_day(tx: Tx, at: ColumnElement[int], start: int, end: int, *where: ColumnElement[bool]) -> dict[int, int]:
    day = at - at % DAY
    query = select(day, func.count()).where(at >= start, at < end, *where).group_by(day)
    return {int(one): number for one, number in tx.execute(query)}


def _new_users(tx: Tx, start: int, end: int) -> dict[int, int]:
    return _by_day(tx, people.c.created_at, start, end)


def _opened_reports(tx: Tx, start: int, end: int) -> dict[int, int]:
    return _by_day(tx, reports.c.created_at, start, end)


def _resolved_reports(tx: Tx, start: int, end: int) -> dict[int, int]:
    at: ColumnElement[int] = func.coalesce(reports.c.resolved_at, -1)
    return _by_day(tx, at, start, end)


def _written(start: int, end: int) -> list[ColumnElement[bool]]:
    return [posts.c.local, posts.c.id >= first_at(start), posts.c.id < first_at(end), posts.c.deleted_at.is_(None)]


def _active_users(tx: Tx, start: int, end: int) -> dict[int, int]:
    day = posts.c.published_at - posts.c.published_at % DAY
    query = select(day, func.count(posts.c.author_id.distinct())).where(*_written(start, end)).group_by(day)
    return {int(one): number for one, number in tx.execute(query)}


def _interactions(tx: Tx, start: int, end: int) -> dict[int, int]:
    replies = select(posts.c.published_at.label("at")).where(*_written(start, end), posts.c.reply_to_iri.isnot(None))
    reactions = [
        select(table.c.created_at.label("at"))
        .join(actors, actors.c.id == table.c.actor_id)
        .where(actors.c.local, actors.c.kind != "Group", table.c.created_at >= start, table.c.created_at < end)
        for table in (likes, boosts)
    ]
    everything = union_all(replies, *reactions).subquery()
    day = everything.c.at - everything.c.at % DAY
    return {int(one): number for one, number in tx.execute(select(day, func.count()).group_by(day))}


MEASURES: dict[str, Callable[[Tx, int, int], dict[int, int]]] = {
    "active_users": _active_users,  # people who wrote something that day
    "new_users": _new_users,
    "interactions": _interactions,  # answers, likes and boosts by people here
    "opened_reports": _opened_reports,
    "resolved_reports": _resolved_reports,
}
"""Mastodon's name -> {day (ms): number} from a time to before another, both at the beginning of a day."""


def languages(tx: Tx, start: int, end: int, limit: int) -> list[tuple[str, int]]:
    """(language, posts written here in it), most first."""
    query = select(posts.c.language, func.count()).where(*_written(start, end), posts.c.language.isnot(None))
    grouped = query.group_by(posts.c.language).order_by(func.count().desc(), posts.c.language).limit(limit)
    return [(str(name), number) for name, number in tx.execute(grouped)]


def servers(tx: Tx, start: int, end: int, limit: int) -> list[tuple[str, int]]:
    """(domain, posts known here that were written there), most first."""
    query = (
        select(actors.c.domain, func.count())
        .select_from(posts)
        .join(actors, actors.c.id == posts.c.author_id)
        .where(posts.c.id >= first_at(start), posts.c.id < first_at(end), posts.c.deleted_at.is_(None))
    )
    grouped = query.group_by(actors.c.domain).order_by(func.count().desc(), actors.c.domain).limit(limit)
    return [(str(name), number) for name, number in tx.execute(grouped)]
