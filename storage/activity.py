"""How much goes on here, week by week: what an instance tells of itself, and moderators see. Only counts, no names."""

from dataclasses import dataclass

from sqlalchemy import func, select, union

from storage.apps import tokens
from storage.ids import first_at
from storage.metadata import Tx
from storage.people import people
from storage.posts import posts
from storage.sessions import sessions

WEEK = 7 * 86_400_000
_MONDAY = 4 * 86_400_000
"""1 January 1970 was a Thursday; the first Monday came four days later."""


@dataclass(frozen=True, slots=True)
class Span:
    """What happened in a time: posts written here, people who logged in, people who signed up."""

    start: int  # ms
    posts: int
    logins: int
    registrations: int


def week_of(now: int) -> int:
    """When the week of this moment began: Monday, 0:00 UTC; in ms."""
    return now - (now - _MONDAY) % WEEK


def within(tx: Tx, start: int, end: int) -> Span:
    """What happened from `start` to before `end` (ms). Logins of people who logged out since are counted no more."""
    # A post that was written here has its time in its id, so the primary key finds those of a week.
    written = (
        select(func.count())
        .select_from(posts)
        .where(posts.c.id >= first_at(start), posts.c.id < first_at(end), posts.c.local, posts.c.deleted_at.is_(None))
    )
    logged_in = union(
        select(tokens.c.person_id).where(
            tokens.c.created_at >= start, tokens.c.created_at < end, tokens.c.person_id.isnot(None)
        ),
        select(sessions.c.person_id).where(sessions.c.created_at >= start, sessions.c.created_at < end),
    ).subquery()
    joined = select(func.count()).select_from(people).where(people.c.created_at >= start, people.c.created_at < end)
    return Span(
        start,
        tx.scalar(written) or 0,
        tx.scalar(select(func.count()).select_from(logged_in)) or 0,
        tx.scalar(joined) or 0,
    )


def weeks(tx: Tx, now: int, number: int = 12) -> list[Span]:
    """The last weeks, this one first."""
    this = week_of(now)
    return [within(tx, this - back * WEEK, this - (back - 1) * WEEK) for back in range(number)]
