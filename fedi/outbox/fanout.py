"""What each host gets next, worked out at the moment of sending: audience, form, gate and policy are asked now.

`plan` does it for many links in a fixed number of queries, since most of a fan-out is one post to many hosts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from federation.delivery import expired
from federation.errors import FederationError
from federation.groups import MICROBLOGS, inner_type, keeps_private, picky, wants
from federation.parse import parse_document
from federation.peering.machine import TYPES, is_peering
from federation.peering.pausing import Pause, waits
from federation.policy.decide import Decision, Policy, Verdict
from federation.policy.facts import Facts
from federation.signatures.digest import digest
from federation.signatures.keys import PrivateKey
from fedi import policy
from fedi.context import PROOF_KEY, Site
from fedi.facts import Known
from fedi.policy import Judged
from fedi.visibility import NOBODY, Viewer, seen
from storage import actors, audiences, due, groups, memberships, outbox, peers, posts, twins
from storage.actors import Actor
from storage.audiences import Recipient
from storage.links import Link
from storage.metadata import Tx
from storage.outbox import Sent
from storage.peers import Peer
from storage.posts import Post

ROWS = 32
"""Rows of one host in one turn; then other hosts have theirs."""

_DAY = 24 * 3600 * 1000
_SUSPENDED, _CLOSED = "host-suspended", "federation-closed"
NODEINFO_KNOWN = 7 * _DAY
NODEINFO_UNKNOWN = _DAY


@dataclass(frozen=True, slots=True)
class Parcel:
    """One row of the log for one host: the inboxes that get it (none: nobody there gets it) and the key that signs it.

    `over` says why it is not sent at all, where that must stay visible: (kind of trouble, reason). `headers` go with it
    (`fedi.outbox.synchronising`). `digest` is the Digest header of the row's body. `waits` says why it must wait though the
    cursor passes it (`storage.links.keep`). `number` is its number at a peer that counts (`fedi.outbox.numbering`).
    """

    row: Sent
    inboxes: tuple[str, ...] = ()
    key: PrivateKey | None = None
    quick_key: PrivateKey | None = None
    over: tuple[str, str] | None = None
    headers: Mapping[str, str] | None = None
    digest: str | None = None
    waits: Pause | None = None
    number: int | None = None
    judged: Judged | None = None
    """What the policy said of it."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one host gets now. When all parcels are settled, its cursor stands at `looked`.

    `ask_first`: what it gets depends on what it runs, which it was never asked. `counts`: it counts what it gets.
    """

    link: Link
    looked: int
    agreed: bool = False
    parcels: tuple[Parcel, ...] = ()
    refused: Decision | None = None
    ask_software: bool = False
    ask_first: bool = False
    counts: bool = False


@dataclass(slots=True)
class _Private:
    """What is known of rows that only members of a group may have: `groups` position -> the group, `people` who gets
    them, `members` (group, actor) who is in."""

    groups: dict[int, int]
    people: dict[tuple[str, int], list[Recipient]]
    members: set[tuple[int, int]]


@dataclass(slots=True)
class _Known:
    """What was read for all hosts at once."""

    rows: dict[int, Sent]
    inboxes: dict[tuple[str, int], dict[str, bool]]
    posts: dict[int, Post]
    public: set[int]
    keys: dict[int, PrivateKey | None]
    quick_keys: dict[int, PrivateKey]
    private: _Private
    twins: dict[tuple[int, str], list[str]]
    messages: set[int]
    actors: dict[int, Actor]
    asking: Known
    rules: Policy
    facts: dict[int, Facts] = field(default_factory=dict)
    inner: dict[int, str | None] = field(default_factory=dict)
    digests: dict[int, str] = field(default_factory=dict)
    by_host: dict[str, set[int]] = field(default_factory=dict)


def plan(tx: Tx, site: Site, links: list[Link]) -> list[Turn]:
    """The next turn of each of these links."""
    hosts = [link.host for link in links]
    met = peers.by_hosts(tx, hosts)
    asking = Known(tx, site)
    asking.meet(hosts)
    decisions = {host: policy.speaking(tx, site, asking.host("out", host)) for host in hosts}
    next_rows = due.by_hosts(tx, hosts, ROWS)
    inboxes = {(host, position): found for host, one in next_rows.items() for position, found in one.inboxes.items()}
    known = _read(tx, site, sorted({position for _, position in inboxes}), hosts, met, inboxes, asking)
    turns = []
    for link in links:
        peer = met.get(link.host)
        agreed = peer is not None and peer.stance == "agreed"
        here = next_rows[link.host]
        rows = [known.rows[position] for position in here.positions]
        refused = decisions[link.host] if _refuses(decisions[link.host]) else None
        if refused is not None:
            # What the two institutions have to say about their peering is sent all the same.
            if refused.code == _CLOSED or known.messages.isdisjoint(here.positions):
                turns.append(Turn(link, link.wanted, agreed, refused=refused))
                continue
            rows = [row for row in rows if row.position in known.messages]
        parcels = tuple(_waiting(tx, site, known, row, link, peer, agreed=agreed) for row in rows)
        never = peer is None or peer.nodeinfo_at is None
        first = never and any(p.inboxes and (p.row.form != "any" or _is_private(known, p.row)) for p in parcels)
        asks = _must_ask(peer, site.clock())
        counts = agreed and peer is not None and not peer.one_sided and peer.instance_actor is not None
        turns.append(Turn(link, here.looked, agreed, parcels, ask_software=asks, ask_first=first, counts=counts))
    return turns


def _is_message(row: Sent) -> bool:
    """Whether a row is a message about an agreement."""
    if row.type not in TYPES:
        return False
    try:
        return is_peering(row.type, parse_document(row.body))
    except FederationError:
        return False


def _refuses(decision: Decision) -> bool:
    """Whether what is for a host is dropped. For one that is suspended it waits instead."""
    return decision.verdict is Verdict.REJECT and decision.code != _SUSPENDED


def _waiting(tx: Tx, site: Site, known: _Known, row: Sent, link: Link, peer: Peer | None, *, agreed: bool) -> Parcel:
    """A row for a host, unless it must wait, or went out while others waited."""
    message, private = row.position in known.messages, _is_private(known, row) or _is_inner(known, row)
    if row.position <= (link.kept_to or 0) and (message or (link.kept == "private" and not private)):
        return Parcel(row)
    pause: Pause | None = None
    if peer is not None and peer.stance == "suspended":
        pause = "all"
    elif peer is not None and peer.paused:
        pause = "private"
    if waits(pause, message=message, private=private):
        return Parcel(row, waits=pause)
    # What waited by our own wish was not to be lost by it: it has the time of agreed peers.
    return _parcel(tx, site, known, row, link.host, peer, agreed=agreed or row.position <= (link.kept_to or 0))


def _is_inner(known: _Known, row: Sent) -> bool:
    """Whether a row is about a post that is not for everyone."""
    post = known.posts.get(row.post_id) if row.post_id is not None else None
    return post is not None and post.visibility not in ("public", "unlisted")


def again(tx: Tx, site: Site, host: str, position: int) -> Parcel | None:
    """One row for one host by itself, as it is to be sent now; None when the row is not there any more."""
    met = peers.by_hosts(tx, [host])
    peer = met.get(host)
    asking = Known(tx, site)
    known = _read(tx, site, [position], [host], met, audiences.recipients(tx, [position], [host]), asking)
    row = known.rows.get(position)
    if row is None:
        return None
    decision = policy.speaking(tx, site, asking.host("out", host))
    if _refuses(decision):
        return Parcel(row, over=("dropped", decision.text))
    if decision.verdict is Verdict.REJECT or (peer is not None and peer.paused and _is_inner(known, row)):
        return Parcel(row, waits="all")
    return _parcel(tx, site, known, row, host, peer, agreed=peer is not None and peer.stance == "agreed")


def _read(
    tx: Tx,
    site: Site,
    positions: list[int],
    hosts: list[str],
    met: dict[str, Peer],
    inboxes: dict[tuple[str, int], dict[str, bool]],
    asking: Known,
) -> _Known:
    rows = outbox.by_positions(tx, positions)
    about = [row.post_id for row in rows.values() if row.post_id is not None]
    found = posts.by_ids(tx, about)
    signing = {row.actor_id for row in rows.values()}
    concerned = actors.by_ids(tx, list(signing | {one.group_id for one in found.values() if one.group_id is not None}))
    signers = {number: actor for number, actor in concerned.items() if number in signing}
    keys: dict[int, PrivateKey | None] = {}
    quick_keys: dict[int, PrivateKey] = {}
    quick = any(peer.ed25519 for peer in met.values())
    for number, actor in signers.items():
        try:
            keys[number] = site.private_key(tx, actor.iri)
            if quick:
                quick_keys[number] = site.private_key(tx, actor.iri, PROOF_KEY)
        except LookupError:
            keys.setdefault(number, None)
    passed_on = list({row.actor_id for row in rows.values() if row.form == "forum"})
    microblogs = [host for host, peer in met.items() if peer.software in MICROBLOGS] if passed_on else []
    return _Known(
        rows=rows,
        inboxes=inboxes,
        posts=found,
        public=set(seen(tx, NOBODY, about)),
        keys=keys,
        quick_keys=quick_keys,
        private=_read_private(tx, rows, found, hosts),
        twins=twins.inboxes(tx, passed_on, microblogs) if microblogs else {},
        actors=concerned,
        asking=asking,
        rules=policy.current(tx, site),
        messages={
            row.position
            for row in rows.values()
            if row.post_id is None and signers[row.actor_id].iri == site.instance_iri and _is_message(row)
        },
    )


def _read_private(tx: Tx, rows: dict[int, Sent], found: dict[int, Post], hosts: list[str]) -> _Private:
    """What only members may have: what is about a post that only they may see, and what a group that not everyone may read
    passes on otherwise (a ban, a deletion)."""
    # Whom else a group tells something (that it does not take their post), it tells alone.
    untold = [row for row in rows.values() if row.type == "Announce" and row.form == "forum" and row.post_id is None]
    closed = {
        one for one, row in groups.by_ids(tx, list({row.actor_id for row in untold})).items() if row.see != "public"
    }
    of_group = {row.position: row.actor_id for row in untold if row.actor_id in closed}
    for row in rows.values():
        post = found.get(row.post_id) if row.post_id is not None else None
        if post is not None and post.visibility in ("peers", "members") and post.group_id is not None:
            of_group[row.position] = post.group_id
    if not of_group:
        return _Private({}, {}, set())
    people = audiences.people(tx, list(of_group), hosts)
    who = list({one.actor_id for several in people.values() for one in several})
    return _Private(of_group, people, memberships.accepted_among(tx, list(set(of_group.values())), who))


def _parcel(tx: Tx, site: Site, known: _Known, row: Sent, host: str, peer: Peer | None, *, agreed: bool) -> Parcel:
    software = peer.software if peer is not None else None
    inboxes: tuple[str, ...]
    if not wants(row.form, software, _inner(known, row) if row.form == "forum" and picky(software) else None):
        # What runs there shows boosts only, but a twin there (FEP-d36d) works by activities.
        inboxes = tuple(known.twins.get((row.actor_id, host), ())) if row.form == "forum" else ()
        inboxes = inboxes if row.post_id is None or row.post_id in known.public else ()
    elif _is_private(known, row):
        inboxes = _members_inboxes(tx, known, row, host, peer)
    else:
        inboxes = tuple(
            inbox
            for inbox, named in known.inboxes.get((host, row.position), {}).items()
            if row.post_id is None or _may_have(tx, known, row.post_id, host, named=named)
        )
    if not inboxes:
        return Parcel(row)
    if expired(row.created_at, site.surely(), agreed):
        return Parcel(row, over=("expired", "it could not be delivered within the time for it"))
    key = known.keys.get(row.actor_id)
    if key is None:
        return Parcel(row, over=("dropped", "its actor has no key any more"))
    judged = _judged(tx, site, known, row, host)
    if policy.refuses(judged.decision) and row.position not in known.messages:
        return Parcel(row, over=("refused", f"policy: {judged.decision.text}"), judged=judged)
    quick = known.quick_keys.get(row.actor_id) if peer is not None and peer.ed25519 else None
    if row.position not in known.digests:
        known.digests[row.position] = digest(row.body)
    return Parcel(row, inboxes, key, quick, digest=known.digests[row.position], judged=judged)


def _judged(tx: Tx, site: Site, known: _Known, row: Sent, host: str) -> Judged:
    """What the policy says of sending a row to a host. What is the same for all hosts is read once."""
    facts = known.facts.get(row.position)
    if facts is None:
        signer = known.actors.get(row.actor_id)
        post = known.posts.get(row.post_id) if row.post_id is not None else None
        group = known.actors.get(post.group_id) if post is not None and post.group_id is not None else None
        if group is None and signer is not None and signer.is_group:
            group = signer
        facts = known.asking.sent(row, signer, post, group.iri if group is not None else None)
        known.facts[row.position] = facts
    return policy.judge(tx, site, known.rules, known.asking.delivered(facts, host))


def _inner(known: _Known, row: Sent) -> str | None:
    """The type of what a row passes on, read once for all hosts."""
    if row.position not in known.inner:
        known.inner[row.position] = inner_type(row.body)
    return known.inner[row.position]


def _is_private(known: _Known, row: Sent) -> bool:
    return row.position in known.private.groups


def _members_inboxes(tx: Tx, known: _Known, row: Sent, host: str, peer: Peer | None) -> tuple[str, ...]:
    """The inboxes of those at a host who are members of the group at this moment, and of the group itself, if it is there.

    Being named in a post opens no private group: who was put out of it gets nothing more, whoever answers them.
    """
    group_id = known.private.groups[row.position]
    shared = peer is not None and keeps_private(peer.software, peer.version)
    found: dict[str, None] = {}
    for one in known.private.people.get((host, row.position), ()):
        is_group = one.named and one.actor_id == group_id
        if not is_group and (group_id, one.actor_id) not in known.private.members:
            continue
        if row.post_id is not None and not _may_have(tx, known, row.post_id, host, named=is_group):
            continue
        found[one.shared_inbox if shared and one.shared_inbox is not None else one.inbox] = None
    return tuple(found)


def _may_have(tx: Tx, known: _Known, post_id: int, host: str, *, named: bool) -> bool:
    """The gate, at the moment of sending. Whom the author named gets it whatever it is, as long as it exists, and no
    moderator took it out."""
    if post_id in known.public:
        return True
    if post_id not in known.posts or known.posts[post_id].removed_at is not None:
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
