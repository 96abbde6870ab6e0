"""What is new to a person: threads they have not read to the end, in the groups that they are in.

A thread is the unit: it is read up to its newest post that was on the page. What came before one joined a group is not new.
Nothing here tells of a post that the person may not see, of people whom they block or mute, or of threads that they muted.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, select

from fedi import visibility
from fedi.context import Site
from fedi.hiding import hidden
from storage import follows, posts, thread_reads
from storage.actors import Actor
from storage.ids import first_at
from storage.metadata import Tx
from storage.thread_reads import Unread
from storage.timelines import Page

_GROUPS = 200
"""Groups of one person that are looked at, last joined first."""
_KEPT = 60 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Shape:
    """How far a person has read one thread: `last_id` is the last post read, None where they never opened it."""

    last_id: int | None
    follows: bool


def read(tx: Tx, person_id: int, root_id: int, up_to: int) -> None:
    """A person has read a thread up to this post; never back."""
    thread_reads.read(tx, person_id, root_id, up_to)


def of_thread(tx: Tx, person_id: int, root_id: int) -> Shape:
    """How far a person has read a thread, and whether they hear of answers in it."""
    last = thread_reads.last(tx, person_id, [root_id]).get(root_id)
    return Shape(last, root_id in thread_reads.followed(tx, person_id, [root_id]))


def since(tx: Tx, person_id: int, group_ids: Collection[int]) -> dict[int, int]:
    """After which post everything is new to a person, of those of these groups that they are in."""
    edges, _ = follows.between(tx, person_id, list(group_ids))
    inside = {one: edge for one, edge in edges.items() if edge.state == "accepted"}
    said = thread_reads.since(tx, person_id, list(inside))
    return {one: max(first_at(edge.created_at), said.get(one, 0)) for one, edge in inside.items()}


def threads(tx: Tx, person_id: int, since_of: dict[int, int], now: int | None = None) -> dict[int, list[Unread]]:
    """The threads with something new of each of these groups, last active first. `now` (ms): without what is written by people
    whom the person blocks or mutes at that moment."""
    without: frozenset[int] = frozenset()
    if now is not None:
        shuns = hidden(tx, person_id, now)
        without = shuns.blocked | shuns.muted
    visible = visibility.visible_to(visibility.person(person_id))
    return thread_reads.unread(tx, person_id, since_of, visible, without=without)


def unread(tx: Tx, person: Actor, group_ids: Collection[int], now: int | None = None) -> dict[int, int]:
    """How many threads with something new each of these groups has for a person; groups without any are left out."""
    found = threads(tx, person.id, since(tx, person.id, group_ids), now)
    return {group_id: len(several) for group_id, several in found.items()}


def mine(tx: Tx, person_id: int) -> list[int]:
    """The groups that a person is in, last joined first."""
    return [edge.target_id for edge in follows.joined(tx, person_id, Page(limit=_GROUPS))]


def read_groups(tx: Tx, site: Site, person_id: int, group_ids: Collection[int], up_to: int | None = None) -> None:
    """Everything in these groups up to the post `up_to` (else: up to now) counts as read."""
    inside = since(tx, person_id, group_ids)
    at = first_at(site.clock() + 1) if up_to is None else up_to
    for group_id in inside:
        thread_reads.read_group(tx, person_id, group_id, at)
    if inside:
        thread_reads.lapse(tx, person_id, first_at(site.clock() - _KEPT))


def newest(tx: Tx, person_id: int, root_id: int) -> int | None:
    """The newest post of a thread that a person may see; None where they may see nothing of it."""
    visible = visibility.visible_to(visibility.person(person_id))
    found: int | None = tx.scalar(select(func.max(posts.posts.c.id)).where(posts.posts.c.root_id == root_id, visible))
    return found
