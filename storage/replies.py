"""Replies: how posts hang in their thread. Threads as pages read them are in `threads`."""

from sqlalchemy import ColumnElement, select, update

from storage.metadata import Tx, all_of
from storage.posts import ROW, Post, posts


def answers(tx: Tx, post_id: int, visible: ColumnElement[bool], limit: int = 1000) -> list[tuple[int, str, bool]]:
    """(id, IRI, whether it was written here) of the answers to a post that meet the gate's condition, oldest first."""
    query = select(posts.c.id, posts.c.iri, posts.c.local).where(posts.c.reply_to_id == post_id, visible)
    return [(row.id, row.iri, row.local) for row in tx.execute(query.order_by(posts.c.id).limit(limit))]


def thread(tx: Tx, root_id: int, limit: int = 4096) -> list[Post]:
    """The posts of a thread, oldest first, deleted ones left out."""
    query = select(*ROW).where(posts.c.root_id == root_id, posts.c.deleted_at.is_(None)).order_by(posts.c.id)
    return all_of(tx, query.limit(limit), Post)


def is_closed(tx: Tx, post: Post) -> bool:
    """Whether this post, or one above it in its thread, is locked."""
    if post.locked:
        return True
    # Few threads have a locked post at all; only in those it matters what is above what.
    some = select(posts.c.id).where(posts.c.root_id == (post.root_id or post.id), posts.c.locked).limit(1)
    if tx.scalar(some) is None:
        return False
    above: set[int] = {post.id}
    parent = post.reply_to_id
    while parent is not None and parent not in above:
        above.add(parent)
        row = tx.execute(select(posts.c.reply_to_id, posts.c.locked).where(posts.c.id == parent)).one_or_none()
        if row is None:
            return False
        if row.locked:
            return True
        parent = row.reply_to_id
    return False


def move_thread(
    tx: Tx, old_root: int, new_root: int, group_id: int | None, *, authors: list[int] | None = None
) -> None:
    """Hang the posts of a thread below another root, in that thread's group; only those of `authors` (ids), if given, come
    into the group."""
    moved = update(posts).where(posts.c.root_id == old_root)
    if group_id is not None:
        inside = moved if authors is None else moved.where(posts.c.author_id.in_(authors))
        tx.execute(inside.values(group_id=group_id))
    tx.execute(moved.values(root_id=new_root))


def by_author(tx: Tx, root_id: int, author_id: int, limit: int = 4096) -> set[int]:
    """The ids of what somebody wrote in a thread."""
    query = select(posts.c.id).where(posts.c.root_id == root_id, posts.c.author_id == author_id)
    return set(tx.scalars(query.limit(limit)))


def authors_in(tx: Tx, root_id: int) -> list[int]:
    """The ids of those who wrote in a thread."""
    return list(tx.scalars(select(posts.c.author_id).where(posts.c.root_id == root_id).distinct()))


def around(tx: Tx, root_id: int, post_id: int, before: int, after: int) -> tuple[list[int], list[int]]:
    """(ids of what stands before a post in its thread, of what stands after it), each the nearest, oldest first."""
    inside = select(posts.c.id).where(posts.c.root_id == root_id, posts.c.deleted_at.is_(None))
    earlier = inside.where(posts.c.id < post_id).order_by(posts.c.id.desc()).limit(before)
    later = inside.where(posts.c.id > post_id).order_by(posts.c.id).limit(after)
    return list(tx.scalars(earlier))[::-1], list(tx.scalars(later))
