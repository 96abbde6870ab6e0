"""What happened in threads, as digests tell of it: who answers whom, from how many universities, and what a month brought."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, bindparam, or_, select

from storage.ids import time_of
from storage.metadata import Id, Tx
from storage.mutes import thread_mutes
from storage.posts import posts

MONTHLY = 1000
"""Posts of one group that are looked at for what a month brought."""
AUTHORS = 2000


@dataclass(frozen=True, slots=True)
class News:
    """A post of somebody else in a group: in which thread, and whether it answers the person."""

    id: int
    group_id: int
    root_id: int
    answers_me: bool

    @property
    def at(self) -> int:
        """When it came here, in ms."""
        return time_of(self.id)


def answered(
    tx: Tx, person_id: int, threads: Sequence[tuple[int, int]], visible: ColumnElement[bool], without: frozenset[int]
) -> dict[int, int]:
    """Who last answered the person in these threads (id of the first post, and from which post on), by thread; nobody `without`."""
    found: dict[int, int] = {}
    for part in _parts(threads):
        query = (
            select(posts.c.root_id, posts.c.author_id)
            .where(posts.c.reply_to_actor_id == person_id, posts.c.author_id.not_in({person_id, *without}))
            .where(_among(part), visible)
            .order_by(posts.c.id)
        )
        found |= {row[0]: row[1] for row in tx.execute(query)}
    return found


def authors(tx: Tx, threads: Sequence[tuple[int, int]], visible: ColumnElement[bool]) -> dict[int, list[int]]:
    """The authors of the posts of these threads, from the given post on, by thread."""
    found: dict[int, list[int]] = {}
    for part in _parts(threads):
        query = select(posts.c.root_id, posts.c.author_id).where(_among(part), visible).distinct().limit(AUTHORS)
        for root, author in tx.execute(query):
            found.setdefault(root, []).append(author)
    return found


def _parts(threads: Sequence[tuple[int, int]]) -> list[Sequence[tuple[int, int]]]:
    return [threads[at : at + 50] for at in range(0, len(threads), 50)]


def _among(threads: Sequence[tuple[int, int]]) -> ColumnElement[bool]:
    return or_(*(and_(posts.c.root_id == root, posts.c.id >= first) for root, first in threads))


def since(tx: Tx, person_id: int, since_of: Mapping[int, int], visible: ColumnElement[bool]) -> list[News]:
    """What others wrote in these groups after the given posts, and the person may see; without threads that they muted."""
    newest = (
        select(posts.c.id)
        .where(posts.c.group_id == bindparam("group", type_=Id()), posts.c.id > bindparam("since", type_=Id()))
        .order_by(posts.c.id.desc())
        .limit(MONTHLY)
        .subquery()
    )
    muted = select(thread_mutes.c.root_id).where(thread_mutes.c.person_id == person_id)
    query = select(posts.c.id, posts.c.group_id, posts.c.root_id, posts.c.reply_to_actor_id).where(
        posts.c.id.in_(select(newest.c.id)),
        posts.c.root_id.isnot(None),
        posts.c.author_id != person_id,
        posts.c.root_id.not_in(muted),
        visible,
    )
    return [
        News(post_id, group, root, to == person_id)
        for group_id, after in since_of.items()
        for post_id, group, root, to in tx.execute(query, {"group": group_id, "since": after})
    ]


def newest(tx: Tx, group_id: int, visible: ColumnElement[bool], limit: int) -> list[int]:
    """The newest posts of a group, openers and answers, newest first."""
    query = select(posts.c.id).where(posts.c.group_id == group_id, posts.c.root_id.isnot(None), visible)
    return list(tx.scalars(query.order_by(posts.c.id.desc()).limit(limit)))


def newest_in(tx: Tx, root_id: int, visible: ColumnElement[bool], limit: int) -> list[int]:
    """The newest posts of a thread, newest first."""
    query = select(posts.c.id).where(posts.c.root_id == root_id, visible)
    return list(tx.scalars(query.order_by(posts.c.id.desc()).limit(limit)))
