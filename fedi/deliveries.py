"""What became of a post at each other server, for its author: who has it, where it waits, and who did not take it and why."""

from dataclasses import dataclass
from typing import Literal

from fedi.context import Site
from fedi.visibility import Viewer, seen
from storage import audiences, links, outbox, peers, troubles
from storage.links import Link
from storage.metadata import Tx
from storage.peers import Peer
from storage.posts import Post
from storage.troubles import Trouble

State = Literal["delivered", "pending", "refused", "expired"]
"""Taken; on its way, or waiting; not taken, for the reason that is given; given up, as it could not be reached for too long."""

HOSTS = 2_000
"""Servers that are told of."""
_ENDED: dict[str, State] = {"refused": "refused", "gone": "refused", "dropped": "refused", "expired": "expired"}
_ORDER = {"refused": 0, "expired": 1, "pending": 2, "delivered": 3}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a post at one host; `why` is in words where it is not there, `at` (ms) when that was found."""

    host: str
    state: State
    why: str | None = None
    at: int | None = None


def of_post(tx: Tx, site: Site, post: Post) -> list[Delivery]:
    """What became of a post of somebody here (or of what a group here passed on) at each server whose people get it, those that
    did not take it first."""
    create = outbox.by_activity(tx, f"{post.iri}/activity") if post.local else None
    rows = [create] if create is not None else []
    if post.group_id is not None:
        rows += outbox.passed_on(tx, post.group_id, [post.id], 50)
    positions = [row.position for row in rows]
    if not positions:
        return []
    wanted: dict[str, list[int]] = {}
    for position, hosts in audiences.hosts_of(tx, positions, HOSTS).items():
        for host in hosts:
            wanted.setdefault(host, []).append(position)
    ended: dict[str, Trouble] = {one.host: one for one in troubles.of_rows(tx, positions)}
    known, met = links.by_hosts(tx, list(wanted)), peers.by_hosts(tx, list(wanted))
    public = post.visibility in ("public", "unlisted")
    found = []
    for host in {*wanted, *ended}:
        if (
            not public
            and host not in ended
            and post.id not in seen(tx, Viewer(host=host), [post.id])
            and not _waits(met.get(host))
        ):
            continue  # nobody there may have it
        found.append(_of(host, wanted.get(host, []), known.get(host), met.get(host), ended.get(host), public=public))
    return sorted(found, key=lambda one: (_ORDER[one.state], one.host))


def _waits(peer: Peer | None) -> bool:
    return peer is not None and (peer.stance == "suspended" or peer.paused)


def _of(
    host: str, positions: list[int], link: Link | None, peer: Peer | None, trouble: Trouble | None, *, public: bool
) -> Delivery:
    if trouble is not None and trouble.kind in _ENDED:
        return Delivery(host, _ENDED[trouble.kind], _words(trouble), trouble.created_at)
    if trouble is not None:
        return Delivery(host, "pending", trouble.reason, trouble.created_at)
    if peer is not None and peer.stance == "blocked":
        return Delivery(host, "refused", "it is blocked here, so nothing goes there any more")
    last = max(positions)
    waits = link is not None and link.kept_from is not None and last > link.kept_from
    if link is None or last > link.cursor or waits:
        if peer is not None and peer.stance == "suspended":
            return Delivery(host, "pending", "the peering is suspended; it is sent when that is over")
        if peer is not None and peer.paused and not public:
            return Delivery(host, "pending", "it waits until both institutions have signed the new terms")
    if link is None or last > link.cursor:
        problem = link.problem if link is not None and link.failures else None
        return Delivery(host, "pending", f"it could not be reached: {problem}" if problem else None)
    return Delivery(host, "delivered")


def _words(trouble: Trouble) -> str:
    """Why it is not there, in words for who wrote it."""
    if trouble.reason.startswith("policy: "):
        return trouble.reason.removeprefix("policy: ")
    if trouble.kind == "gone":
        return "who was to have it is not there any more"
    return trouble.reason
