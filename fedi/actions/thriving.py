"""How a group does: who is in it by university, how soon threads are answered, how deliveries to each university go.

Numbers of people are told from five on; of fewer one would know who they are.
"""

from dataclasses import dataclass
from statistics import median

from sqlalchemy import func, select

from fedi import visibility
from fedi.context import Site
from storage import links, memberships, peers
from storage import threads as thread_rows
from storage.actors import Actor
from storage.links import Link
from storage.metadata import Tx
from storage.peers import Peer
from storage.posts import posts

FEW = 5
"""How many people of a university there must be for their number to be told."""
_THREADS = 200
_SPAN = 90 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class University:
    """The members of a group at one host: `number` is None where there are few."""

    host: str
    number: int | None


@dataclass(frozen=True, slots=True)
class Reached:
    """How deliveries to a university go: `state` is ok, waits (rows wait), failing (since `since` ms) or suspended."""

    host: str
    state: str
    since: int | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """`reply`: the median time from the first post of a thread to the first answer by somebody else, in ms, None where nobody
    answered; `threads` begun in the last 90 days (200 at most are looked at), `answered` of them."""

    universities: list[University]
    threads: int
    answered: int
    reply: int | None
    reached: list[Reached]


def members_by_host(tx: Tx, group_id: int) -> list[University]:
    """The members of a group by university, most first; the few last."""
    found = memberships.hosts(tx, group_id)
    told = [University(host, number if number >= FEW else None) for host, number in found.items()]
    return sorted(told, key=lambda one: (-(one.number or 0), one.host))


def of(tx: Tx, site: Site, me: Actor, group: Actor) -> Health:
    """How a group does, as somebody may know it who moderates it."""
    universities = members_by_host(tx, group.id)
    waits = _first_answers(tx, me, group, site.clock() - _SPAN)
    answered = [one for one in waits if one is not None]
    hosts = [one.host for one in universities if one.host != site.config.host]
    known, met = links.by_hosts(tx, hosts), peers.by_hosts(tx, hosts)
    return Health(
        universities,
        len(waits),
        len(answered),
        int(median(answered)) if answered else None,
        [_reached(host, known.get(host), met.get(host)) for host in hosts],
    )


def _reached(host: str, link: Link | None, peer: Peer | None) -> Reached:
    if peer is not None and peer.stance in ("suspended", "blocked"):
        return Reached(host, "suspended", peer.suspended_at)
    if link is not None and link.failures:
        return Reached(host, "failing", link.failing_since)
    if link is not None and link.wanted > link.cursor:
        return Reached(host, "waits")
    return Reached(host, "ok")


def _first_answers(tx: Tx, me: Actor, group: Actor, since: int) -> list[int | None]:
    """Of each of the newest threads, how long its first post waited for an answer (ms); None where it still waits."""
    visible = visibility.visible_to(visibility.person(me.id))
    roots = [
        one.root_id for one in thread_rows.newest(tx, group.id, visible, _THREADS, None, posts.c.published_at >= since)
    ]
    if not roots:
        return []
    first = {
        row.id: (row.author_id, row.published_at)
        for row in tx.execute(select(posts.c.id, posts.c.author_id, posts.c.published_at).where(posts.c.id.in_(roots)))
    }
    query = (
        select(posts.c.root_id, posts.c.author_id, func.min(posts.c.published_at))
        .where(posts.c.root_id.in_(roots), posts.c.id != posts.c.root_id, visible)
        .group_by(posts.c.root_id, posts.c.author_id)
    )
    answers: dict[int, int] = {}
    for root_id, author_id, at in tx.execute(query):
        if root_id in first and author_id != first[root_id][0]:
            answers[root_id] = min(at, answers.get(root_id, at))
    return [max(0, answers[root] - at) if root in answers else None for root, (_author, at) in first.items()]
