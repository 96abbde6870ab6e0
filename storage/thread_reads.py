"""What a person has read: how far in each thread, how far in each group, and of which threads they want to hear.

A thread is read up to an id of a post, since ids tell the order in which posts came here. What is new in a group is counted
over its newest posts only, so that a count costs the same in a group of ten and of ten thousand threads.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, ForeignKey, Index, Table, bindparam, delete, exists, func, select, update

from storage.actors import actors
from storage.metadata import Id, Time, Tx, insert_later, insert_new, metadata
from storage.mutes import thread_mutes
from storage.posts import posts
from storage.prepared import rows

thread_reads = Table(
    "thread_reads",
    metadata,
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("root_id", Id, primary_key=True, autoincrement=False),  # the first post of the thread
    Column("last_id", Id, nullable=False),  # all posts of it up to this id were read
    Index("ix_thread_reads_root_id", "root_id"),
)

group_reads = Table(
    "group_reads",
    metadata,
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("group_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("last_id", Id, nullable=False),  # all posts in it up to this id count as read
    Index("ix_group_reads_group_id", "group_id"),
)

thread_follows = Table(
    "thread_follows",
    metadata,
    Column("root_id", Id, primary_key=True, autoincrement=False),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("created_at", Time, nullable=False),
    Index("ix_thread_follows_person_id", "person_id"),
)

NEWEST = 400
"""Posts of a group that are looked at for what is new in it."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A thread with posts that a person has not read: how many, the first and the last of them, and how many wrote them."""

    group_id: int
    root_id: int
    posts: int
    first_id: int
    last_id: int
    authors: int


_PERSON = bindparam("person", type_=Id())
_ROOTS = bindparam("roots", type_=Id(), expanding=True)
_GROUPS = bindparam("groups", type_=Id(), expanding=True)
_LAST = select(thread_reads.c.root_id, thread_reads.c.last_id).where(
    thread_reads.c.person_id == _PERSON, thread_reads.c.root_id.in_(_ROOTS)
)
_SINCE = select(group_reads.c.group_id, group_reads.c.last_id).where(
    group_reads.c.person_id == _PERSON, group_reads.c.group_id.in_(_GROUPS)
)
_FOLLOWED = select(thread_follows.c.root_id).where(
    thread_follows.c.person_id == _PERSON, thread_follows.c.root_id.in_(_ROOTS)
)
_FOLLOWERS = (
    select(thread_follows.c.person_id)
    .where(thread_follows.c.root_id == bindparam("root", type_=Id()))
    .order_by(thread_follows.c.created_at.desc(), thread_follows.c.person_id)
    .limit(bindparam("limit"))
)
_OTHERS = (
    select(thread_follows.c.person_id)
    .where(thread_follows.c.root_id == bindparam("root", type_=Id()), thread_follows.c.person_id != _PERSON)
    .limit(1)
)


_NEWEST_OF = select(
    actors.c.id, select(func.max(posts.c.id)).where(posts.c.group_id == actors.c.id).correlate(actors).scalar_subquery()
).where(actors.c.id.in_(_GROUPS))


def last(tx: Tx, person_id: int, roots: Sequence[int]) -> dict[int, int]:
    """Up to which post a person has read each of these threads; without those that they never opened."""
    return dict(_pairs(tx, _LAST, person_id, "roots", roots))


def since(tx: Tx, person_id: int, group_ids: Sequence[int]) -> dict[int, int]:
    """Up to which post everything in each of these groups counts as read; without those of which that was never said."""
    return dict(_pairs(tx, _SINCE, person_id, "groups", group_ids))


def _pairs(tx: Tx, query: object, person_id: int, name: str, ids: Sequence[int]) -> list[tuple[int, int]]:
    if not ids:
        return []
    found = rows(tx, query, {"person": person_id, name: list(ids)})  # type: ignore[arg-type]  # a query of this file
    return [(row[0], row[1]) for row in found]


def read(tx: Tx, person_id: int, root_id: int, up_to: int) -> None:
    """A thread was read up to this post; never back."""
    values = {"person_id": person_id, "root_id": root_id, "last_id": up_to}
    if insert_new(tx, thread_reads, values):
        return
    mine = (thread_reads.c.person_id == person_id, thread_reads.c.root_id == root_id, thread_reads.c.last_id < up_to)
    tx.execute(update(thread_reads).where(*mine).values(last_id=up_to))


def read_group(tx: Tx, person_id: int, group_id: int, up_to: int) -> None:
    """Everything in a group up to this post counts as read; never back."""
    values = {"person_id": person_id, "group_id": group_id, "last_id": up_to}
    if insert_new(tx, group_reads, values):
        return
    mine = (group_reads.c.person_id == person_id, group_reads.c.group_id == group_id, group_reads.c.last_id < up_to)
    tx.execute(update(group_reads).where(*mine).values(last_id=up_to))


def forget(tx: Tx, person_id: int) -> None:
    """Forget everything that a person read, and of what they want to hear."""
    for table in (thread_reads, group_reads, thread_follows):
        tx.execute(delete(table).where(table.c.person_id == person_id))


def lapse(tx: Tx, person_id: int, before: int) -> None:
    """Forget of a person how far they read threads that ended before this post: their groups say that as well."""
    tx.execute(delete(thread_reads).where(thread_reads.c.person_id == person_id, thread_reads.c.last_id < before))


def unread(
    tx: Tx, person_id: int, since_of: dict[int, int], visible: ColumnElement[bool], *, without: Collection[int] = ()
) -> dict[int, list[Unread]]:
    """The threads with something new of each of these groups, last active first; `since_of` says of each group after which
    post what comes is new. What the person wrote is not, nor what authors `without` did, nor muted threads."""
    if not since_of:
        return {}
    newest = (
        select(posts.c.id)
        .where(posts.c.group_id == bindparam("group", type_=Id()), posts.c.id > bindparam("since", type_=Id()))
        .order_by(posts.c.id.desc())
        .limit(NEWEST)
        .subquery()
    )
    was_read = exists().where(
        thread_reads.c.person_id == person_id,
        thread_reads.c.root_id == posts.c.root_id,
        thread_reads.c.last_id >= posts.c.id,
    )
    muted = exists().where(thread_mutes.c.person_id == person_id, thread_mutes.c.root_id == posts.c.root_id)
    query = (
        select(
            posts.c.root_id,
            func.count(),
            func.min(posts.c.id),
            func.max(posts.c.id),
            func.count(posts.c.author_id.distinct()),
        )
        .where(
            posts.c.id.in_(select(newest.c.id)),
            posts.c.root_id.isnot(None),
            posts.c.author_id.notin_({person_id, *without}),
            ~was_read,
            ~muted,
            visible,
        )
        .group_by(posts.c.root_id)
    )
    # Most groups of a person have nothing new at all, which one look into an index for each tells.
    newest_of = {row[0]: row[1] for row in rows(tx, _NEWEST_OF, {"groups": list(since_of)})}
    found: dict[int, list[Unread]] = {}
    for group_id, after in since_of.items():
        if (newest_of.get(group_id) or 0) <= after:
            continue
        several = [Unread(group_id, *row) for row in tx.execute(query, {"group": group_id, "since": after})]
        if several:
            found[group_id] = sorted(several, key=lambda one: -one.last_id)
    return found


def follow(tx: Tx, person_id: int, root_id: int, now: int) -> None:
    """A person wants to hear of answers in this thread; again is nothing."""
    insert_later(tx, thread_follows, {"root_id": root_id, "person_id": person_id, "created_at": now})


def unfollow(tx: Tx, person_id: int, root_id: int) -> None:
    """A person wants to hear of answers in this thread no more, as far as they are not meant for them."""
    tx.execute(
        delete(thread_follows).where(thread_follows.c.root_id == root_id, thread_follows.c.person_id == person_id)
    )


def followed(tx: Tx, person_id: int, roots: Sequence[int]) -> frozenset[int]:
    """Of which of these threads a person wants to hear: those that they wrote in, and others that they chose."""
    if not roots:
        return frozenset()
    return frozenset(row[0] for row in rows(tx, _FOLLOWED, {"person": person_id, "roots": list(roots)}))


def followers(tx: Tx, root_id: int, limit: int) -> list[int]:
    """Who wants to hear of answers in this thread, the last who said so first."""
    return [row[0] for row in rows(tx, _FOLLOWERS, {"root": root_id, "limit": limit})]


def has_followers(tx: Tx, root_id: int, but: int) -> bool:
    """Whether anybody `but` this actor wants to hear of answers in this thread."""
    return bool(rows(tx, _OTHERS, {"root": root_id, "person": but}))


def move_thread(tx: Tx, old_root: int, new_root: int) -> None:
    """The posts of a thread hang below another's first post now. How far the other was read holds for both: what was read
    of the old one may come as new once, never the other way round."""
    tx.execute(delete(thread_reads).where(thread_reads.c.root_id == old_root))
    there = select(thread_follows.c.person_id).where(thread_follows.c.root_id == new_root)
    tx.execute(
        delete(thread_follows).where(thread_follows.c.root_id == old_root, thread_follows.c.person_id.in_(there))
    )
    tx.execute(update(thread_follows).where(thread_follows.c.root_id == old_root).values(root_id=new_root))
