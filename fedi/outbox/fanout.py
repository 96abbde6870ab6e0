"""What each host gets next, worked out at the moment of sending: audience, form, gate and policy are asked now.

`plan` does it for many links in a fixed number of queries, since most of a fan-out is one post to many hosts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from federation.delivery import expired
from federation.groups import wants
from federation.policy import Decision, Verdict, decide_delivery
from federation.signatures.keys import PrivateKey
from fedi import policy
from fedi.context import Site
from fedi.visibility import NOBODY, Viewer, seen
from storage import actors, audiences, outbox, peers, posts
from storage.links import Link
from storage.metadata import Tx
from storage.outbox import Sent
from storage.peers import Peer
from storage.posts import Post

ROWS = 32
"""Rows of one host in one turn; then other hosts have theirs."""

_DAY = 24 * 3600 * 1000
NODEINFO_KNOWN = 7 * _DAY
NODEINFO_UNKNOWN = _DAY


@dataclass(frozen=True, slots=True)
class Parcel:
    """One row of the log for one host: the inboxes that get it (none: nobody there gets it) and the key that signs it.

    `over` says why it is not sent at all, where that must stay visible: (kind of trouble, reason). `headers` go with it
    (`fedi.outbox.synchronising`).
    """

    row: Sent
    inboxes: tuple[str, ...] = ()
    key: PrivateKey | None = None
    over: tuple[str, str] | None = None
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What one host gets now. When all parcels are settled, its cursor stands at `looked`."""

    link: Link
    looked: int
    agreed: bool = False
    parcels: tuple[Parcel, ...] = ()
    refused: Decision | None = None
    ask_software: bool = False


@dataclass(slots=True)
class _Known:
    """What was read for all hosts at once."""

    rows: dict[int, Sent]
    inboxes: dict[tuple[str, int], dict[str, bool]]
    posts: dict[int, Post]
    public: set[int]
    keys: dict[int, PrivateKey | None]
    by_host: dict[str, set[int]] = field(default_factory=dict)


def plan(tx: Tx, site: Site, links: list[Link]) -> list[Turn]:
    """The next turn of each of these links."""
    hosts = [link.host for link in links]
    met = peers.by_hosts(tx, hosts)
    decisions = {
        host: decide_delivery(policy.current(site), host, met[host].stance if host in met else "none") for host in hosts
    }
    due = audiences.due(tx, hosts, ROWS)
    wanted = sorted({position for one in due.values() for position in one.positions})
    known = _read(tx, site, wanted, hosts)
    turns = []
    for link in links:
        peer = met.get(link.host)
        agreed = peer is not None and peer.stance == "agreed"
        if decisions[link.host].verdict is Verdict.REJECT:
            turns.append(Turn(link, link.wanted, agreed, refused=decisions[link.host]))
            continue
        here = due[link.host]
        software = peer.software if peer is not None else None
        parcels = tuple(
            _parcel(tx, site, known, known.rows[position], link.host, software, agreed=agreed)
            for position in here.positions
        )
        turns.append(Turn(link, here.looked, agreed, parcels, ask_software=_must_ask(peer, site.clock())))
    return turns


def _read(tx: Tx, site: Site, positions: list[int], hosts: list[str]) -> _Known:
    rows = outbox.by_positions(tx, positions)
    about = [row.post_id for row in rows.values() if row.post_id is not None]
    signers = actors.by_ids(tx, list({row.actor_id for row in rows.values()}))
    keys: dict[int, PrivateKey | None] = {}
    for number, actor in signers.items():
        try:
            keys[number] = site.private_key(tx, actor.iri)
        except LookupError:
            keys[number] = None
    return _Known(
        rows=rows,
        inboxes=audiences.recipients(tx, positions, hosts),
        posts=posts.by_ids(tx, about),
        public=set(seen(tx, NOBODY, about)),
        keys=keys,
    )


def _parcel(tx: Tx, site: Site, known: _Known, row: Sent, host: str, software: str | None, *, agreed: bool) -> Parcel:
    if not wants(row.form, software):
        return Parcel(row)
    inboxes = tuple(
        inbox
        for inbox, named in known.inboxes.get((host, row.position), {}).items()
        if row.post_id is None or _may_have(tx, known, row.post_id, host, named=named)
    )
    if not inboxes:
        return Parcel(row)
    if expired(row.created_at, site.clock(), agreed):
        return Parcel(row, over=("expired", "it could not be delivered within the time for it"))
    key = known.keys.get(row.actor_id)
    if key is None:
        return Parcel(row, over=("dropped", "its actor has no key any more"))
    return Parcel(row, inboxes, key)


def _may_have(tx: Tx, known: _Known, post_id: int, host: str, *, named: bool) -> bool:
    """The gate, at the moment of sending. Whom the author named gets it whatever it is, as long as it exists."""
    if post_id in known.public:
        return True
    if post_id not in known.posts:
        return False
    if named:
        return True
    if host not in known.by_host:
        known.by_host[host] = set(seen(tx, Viewer(host=host), list(known.posts)))
    return post_id in known.by_host[host]


def _must_ask(peer: Peer | None, now: int) -> bool:
    """Whether it is time to ask what software the host runs: what forms it gets depends on it."""
    if peer is None or peer.nodeinfo_at is None:
        return True
    return now - peer.nodeinfo_at > (NODEINFO_UNKNOWN if peer.software is None else NODEINFO_KNOWN)
