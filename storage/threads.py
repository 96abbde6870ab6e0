"""Threads as pages read them: a group's threads by last activity, age or votes, and the shape of one thread.

Who may see what is decided elsewhere: `visible` is the gate's condition on rows of `posts`, and it counts here for
order and numbers too, so that neither tells of a post that is not shown.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select

from storage.metadata import Tx
from storage.posts import posts
from storage.reactions import likes
from storage.timelines import WITH_FILES, Page, bounded

_AGE = (posts.c.published_at, posts.c.id)
_STEP = 200
_STEPS = 50
"""Posts looked at in one query, and queries for one page of threads at most."""


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread by its first post; `last_id` is its newest post, `posts` their number, as one viewer sees them."""

    root_id: int
    last_id: int
    posts: int


def active(tx: Tx, group_id: int, visible: ColumnElement[bool], limit: int, before: int | None = None) -> list[Thread]:
    """A group's threads, last active first; those whose newest post is older than the post `before`, if given."""
    found: list[Thread] = []
    looked_at: list[int] = []
    for _ in range(_STEPS):
        # Without the threads seen already, so that one of thousands of posts is passed over in one step.
        query = select(posts.c.root_id).where(
            posts.c.group_id == group_id, posts.c.root_id.isnot(None), posts.c.root_id.not_in(looked_at), visible
        )
        if before is not None:
            query = query.where(posts.c.id < before)
        newest = list(tx.scalars(query.order_by(posts.c.id.desc()).limit(_STEP)))
        roots = list(dict.fromkeys(newest))
        looked_at += roots
        known = summed(tx, roots, visible)
        found += [thread for thread in map(known.get, roots) if thread and (before is None or thread.last_id < before)]
        if len(found) >= limit or len(newest) < _STEP:
            break
    return found[:limit]


def of_group(tx: Tx, group_id: int, visible: ColumnElement[bool], page: Page) -> list[Thread]:
    """A page of a group's threads, last active first; the bounds are ids of their newest posts."""
    if page.min_id is None:
        last = active(tx, group_id, visible, page.limit, page.max_id)
        return [thread for thread in last if page.since_id is None or thread.last_id > page.since_id]
    # Each post after the bound that is the last of its thread puts that on the page, in the order in which they come.
    found: list[Thread] = []
    known: dict[int, Thread] = {}
    after = max(page.min_id, page.since_id or 0)
    for _ in range(_STEPS):
        query = select(posts.c.id, posts.c.root_id).where(
            posts.c.group_id == group_id, posts.c.root_id.isnot(None), posts.c.id > after, visible
        )
        if page.max_id is not None:
            query = query.where(posts.c.id < page.max_id)
        step = [(post_id, root) for post_id, root in tx.execute(query.order_by(posts.c.id).limit(_STEP))]
        known |= summed(tx, [root for root in dict.fromkeys(root for _, root in step) if root not in known], visible)
        found += [known[root] for post_id, root in step if root in known and known[root].last_id == post_id]
        if len(found) >= page.limit or len(step) < _STEP:
            break
        after = step[-1][0]
    return found[: page.limit][::-1]


def begun(tx: Tx, group_id: int, visible: ColumnElement[bool], page: Page, *, media: bool = False) -> list[int]:
    """A page of the posts that begin a group's threads, newest first; only those with attachments (`media`)."""
    query = select(posts.c.id).where(
        posts.c.group_id == group_id, posts.c.root_id == posts.c.id, posts.c.reply_to_iri.is_(None), visible
    )
    if media:
        query = query.where(WITH_FILES)
    found = list(tx.scalars(bounded(query, posts.c.id, page)))
    return found[::-1] if page.min_id is not None else found


def newest(
    tx: Tx,
    group_id: int,
    visible: ColumnElement[bool],
    limit: int,
    before: int | None = None,
    *conditions: ColumnElement[bool],
) -> list[Thread]:
    """A group's threads, last begun first; those whose first post is older than the post `before`, if given, and meets these
    `conditions`."""
    query = select(posts.c.id).where(posts.c.group_id == group_id, posts.c.root_id == posts.c.id, visible, *conditions)
    if before is not None:
        query = query.where(posts.c.id < before)
    return _in_order(tx, list(tx.scalars(query.order_by(posts.c.id.desc()).limit(limit))), visible)


def unanswered(
    tx: Tx, group_id: int, visible: ColumnElement[bool], limit: int, before: int | None = None
) -> list[Thread]:
    """A group's threads in which nobody answered, as far as one may see, last begun first. Threads that are answered are
    passed over, up to some thousands of them."""
    found: list[Thread] = []
    for _ in range(_STEPS // 5):
        step = newest(tx, group_id, visible, _STEP, before)
        found += [thread for thread in step if thread.posts == 1]
        if len(found) >= limit or len(step) < _STEP:
            break
        before = step[-1].root_id
    return found[:limit]


def top(
    tx: Tx, group_id: int, visible: ColumnElement[bool], limit: int, offset: int = 0, since: int | None = None
) -> list[Thread]:
    """A group's threads by the votes for their first post less those against it; those begun after `since` ms, if given."""
    against = (
        select(func.count())
        .where(likes.c.post_id == posts.c.id, likes.c.kind == "dislike")
        .correlate(posts)
        .scalar_subquery()
    )
    query = select(posts.c.id).where(posts.c.group_id == group_id, posts.c.root_id == posts.c.id, visible)
    if since is not None:
        query = query.where(posts.c.published_at >= since)
    query = query.order_by((posts.c.likes_count - against).desc(), posts.c.id.desc())
    return _in_order(tx, list(tx.scalars(query.limit(limit).offset(offset))), visible)


def _in_order(tx: Tx, roots: list[int], visible: ColumnElement[bool]) -> list[Thread]:
    known = summed(tx, roots, visible)
    return [known[root] for root in roots if root in known]


def summed(tx: Tx, roots: list[int], visible: ColumnElement[bool]) -> dict[int, Thread]:
    """The threads that these posts began, by their id: with what is `visible` of them."""
    if not roots:
        return {}
    query = (
        select(posts.c.root_id, func.max(posts.c.id), func.count())
        .where(posts.c.root_id.in_(roots), visible)
        .group_by(posts.c.root_id)
    )
    return {root: Thread(root, last, number) for root, last, number in tx.execute(query)}


def listed(
    tx: Tx, root_id: int, group_id: int | None, visible: ColumnElement[bool], limit: int = 4096
) -> list[tuple[int, int]]:
    """(id, author's id) of the posts of a thread: its first post first, then the others oldest first, by the time that
    their authors say and not by when they came here, so that every server has the same order.

    `group_id`: only those that are in this group, which may leave out what others wrote below its posts.
    """
    query = select(posts.c.id, posts.c.author_id).where(posts.c.root_id == root_id, visible)
    if group_id is not None:
        query = query.where(posts.c.group_id == group_id)
    found = [(row.id, row.author_id) for row in tx.execute(query.order_by(*_AGE).limit(limit))]
    return sorted(found, key=lambda one: one[0] != root_id)


def shape(tx: Tx, root_id: int, visible: ColumnElement[bool], limit: int = 4096) -> list[tuple[int, int | None]]:
    """(post id, id of the post it answers) of a thread, oldest first."""
    query = select(posts.c.id, posts.c.reply_to_id).where(posts.c.root_id == root_id, visible)
    return [(row.id, row.reply_to_id) for row in tx.execute(query.order_by(*_AGE).limit(limit))]
