"""How peerings go, asked of the peers themselves: the jobs `peerings` (every hour) and `status` (one peer).

A peer tells what arrived of what we sent; what it sent and did not arrive here is asked for by its numbers, and taken as if it
had come. A suspension that ran out ends the peering.
"""

import logging
from functools import partial
from typing import Any

from federation import fields as wire
from federation.activity import Authentic
from federation.errors import FederationError, Malformed
from federation.fields import Json
from federation.hosts import same_origin
from federation.peering.sequence import closed, missing
from federation.signatures.verify import authentic_within
from federation.synchronisation import digest_of
from fedi import fetching, health
from fedi.actions import peers as peer_actions
from fedi.actions import suspensions
from fedi.context import Site
from fedi.errors import Problem
from fedi.health import OVERTAKEN, arrived
from storage import actors, agreements, follows, jobs, links, peers, received, sequences, severed
from storage.links import Link
from storage.metadata import Tx
from storage.peers import Peer
from storage.received import Received
from storage.sequences import Heard

log = logging.getLogger(__name__)

QUESTIONS = 5
"""Ranges of missing numbers that are asked for in one job."""
ITEMS = 500
GROUPS = 100
AHEAD = 64
"""A peer that says that it heard so many numbers more than were given, which is more than can be under way, heard them before
we were restored from a backup."""
_MINUTE = 60_000
_DAY = 24 * 60 * _MINUTE
_TEXT = 2_000


async def peerings(site: Site, payload: dict[str, Any]) -> None:
    """End suspensions whose time is over, and ask every peer that speaks of peering how it goes."""
    over, asked = await site.db.read(lambda tx: (_run_out(tx, site), _speaking(tx)))
    for host in over:
        try:
            await site.db.write(partial(_end, site=site, host=host))
        except Problem as problem:  # the others end all the same
            log.warning("the suspension of %s is over, and can't be ended: %s", host, problem.text)
    await site.db.write(lambda tx: _let_go(tx, site))
    now = site.clock()

    def ask(tx: Tx) -> None:
        severed.forget_put_out(tx, now - _DAY)
        for host in _begun(tx, now):
            suspensions.restored(tx, site, host)
        for place, host in enumerate(asked):
            jobs.add(tx, site.new_id(), "status", host, {"host": host}, now, now + 1000 * place)

    await site.db.write(ask)


def _begun(tx: Tx, now: int) -> list[str]:
    """The peers with which an agreement came into force within a day: what could not be brought back at once is tried again."""
    return [row.host for row in agreements.in_state(tx, "active") if row.changed_at > now - _DAY]


def _run_out(tx: Tx, site: Site) -> list[str]:
    now = site.surely()
    return [
        peer.host
        for peer in peers.with_stance(tx, ["suspended"])
        if peer.suspended_until is not None and peer.suspended_until <= now
    ]


def _speaking(tx: Tx) -> list[str]:
    return [
        peer.host
        for peer in peers.with_stance(tx, ["agreed"])
        if not peer.one_sided and peer.instance_actor is not None
    ]


def _end(tx: Tx, site: Site, host: str) -> None:
    peer = peers.by_host(tx, host)
    if peer is None or peer.stance != "suspended":
        return  # it was resumed meanwhile
    if agreements.in_force(tx, host) is not None:
        peer_actions.end(tx, site, "fedi", host, "it was suspended and not resumed in time")
    peer = peers.by_host(tx, host)
    if peer is not None and peer.stance == "suspended":
        suspensions.ended(tx, site, host, "expired")


def _let_go(tx: Tx, site: Site) -> None:
    """What waits for a host that it need not wait for any more, as an admin changed how we stand to it, is sent or given up."""
    hosts = links.keeping(tx)
    for host, peer in peers.by_hosts(tx, hosts).items():
        if peer.stance == "blocked":
            links.forget_kept(tx, host)
        elif peer.stance != "suspended" and not peer.paused:
            links.release(tx, host, site.clock())


async def status(site: Site, payload: dict[str, Any]) -> None:
    """Ask one peer what it sees of us, keep it, and ask for what is missing. Who can't be asked is asked in an hour again, and its
    health says since when it told nothing."""
    host = str(payload["host"])
    peer, link = await site.db.read(lambda tx: (peers.by_host(tx, host), links.by_host(tx, host)))
    if peer is None or peer.stance != "agreed" or peer.one_sided or peer.instance_actor is None:
        return
    origin = peer.instance_actor[: peer.instance_actor.index("/", 8)]
    try:
        found = (await fetching.document(site, f"{origin}/peering/status")).document
    except FederationError as problem:
        log.info("%s does not tell how the peering goes: %s", host, problem)
        return
    await site.db.write(lambda tx: _keep(tx, site, peer, link, found))
    await _missed(site, host, origin)
    for group, told in _groups(found, origin):
        await site.db.write(partial(_compare, site=site, group_iri=group, told=told))
    well = await site.db.read(lambda tx: health.of_peer(tx, site, host))
    if well is not None and well.colour == "red":
        log.warning("the peering with %s: %s", host, "; ".join(well.words))


def _keep(tx: Tx, site: Site, peer: Peer, link: Link | None, found: Json) -> None:
    """What it says of us, beside what we knew when it was asked."""
    said = {name: found.get(name) for name in _NAMES if len(wire.encode({"": found.get(name)})) <= _TEXT}
    now = site.clock()
    sent, epoch = (link.sequence, link.epoch) if link is not None else (0, 0)
    said["asked"] = {"sent": sent, "epoch": epoch, "skewMs": site.client.dates.of(peer.host, now)}
    last = found.get("lastReceived")
    if isinstance(last, dict) and isinstance(last.get("seq"), int) and last.get("epoch") == epoch and epoch:
        after = links.by_host(tx, peer.host)
        if after is not None and last["seq"] > after.sequence + AHEAD:
            log.warning("%s heard %d numbers of %d: they begin anew", peer.host, last["seq"], after.sequence)
            links.new_epoch(tx, peer.host, max(now // _MINUTE, epoch + 1))
    peers.change(tx, peer.host, status=said, status_at=now)


_NAMES = (
    "published", "lastReceived", "gaps", "lastSent", "rejected24h", "clockSkewMs", "agreement", "policy",
)  # fmt: skip


async def _missed(site: Site, host: str, origin: str) -> None:
    """Ask for what is missing of a peer, and take it."""
    heard = await site.db.read(lambda tx: sequences.heard(tx, host))
    if heard is None:
        return
    for first, last in missing(arrived(heard), site.clock() - OVERTAKEN)[:QUESTIONS]:
        iri = f"{origin}/peering/log?epoch={heard.epoch}&from={first}&to={last}"
        try:
            found = await fetching.document(site, iri)
        except FederationError as problem:
            log.info("what is missing of %s can't be had: %s", host, problem)
            return
        settled: list[int] = []
        for item in wire.as_objects(found.document.get("items"))[:ITEMS]:
            number = item.get("seq")
            if isinstance(number, int) and first <= number <= last and await _settled(site, host, found.url, item):
                settled.append(number)
        await site.db.write(partial(_close, host=host, epoch=heard.epoch, numbers=settled))


async def _settled(site: Site, host: str, url: str, item: Json) -> bool:
    """Whether what has this number is here, is taken now, or is nothing that we should have."""
    iri, document = item.get("id"), item.get("activity")
    if not isinstance(iri, str) or len(iri) > _TEXT or not same_origin(iri, url):
        return False
    if item.get("over") is True:
        return True
    try:
        if isinstance(document, dict):
            proven = authentic_within(document, url)
            if proven.activity.id != iri:
                raise Malformed("the log of a peer has another activity than it says")
        else:
            proven = await fetching.activity(site, iri)
    except FederationError as problem:
        log.info("%s of the log of %s can't be taken: %s", iri, host, problem)
        return False
    await site.db.write(lambda tx: received.insert(tx, _row(site, host, proven)))  # which is nothing where it is known
    return True


def _row(site: Site, host: str, proven: Authentic) -> Received:
    now, activity = site.clock(), proven.activity
    return Received(
        id=site.new_id(),
        activity_id=activity.id,
        type=activity.type[:60],
        host=host,
        actor=activity.actor,
        key_id=proven.key_id,
        via=proven.via,
        body=activity.raw,
        headers=None,
        state="new",
        attempts=0,
        due_at=now,
        received_at=now,
        settled_at=None,
        code=None,
        problem=None,
    )


def _close(tx: Tx, host: str, epoch: int, numbers: list[int]) -> None:
    heard = sequences.heard(tx, host)
    if heard is None or heard.epoch != epoch or not numbers:
        return
    after = closed(arrived(heard), numbers)
    sequences.save_heard(tx, Heard(host, epoch, after.last, heard.last_at, [list(gap) for gap in after.gaps]))


def _groups(found: Json, origin: str) -> list[tuple[str, str]]:
    """(group there, digest of which people of ours are in it) of what a peer says."""
    told = found.get("groups")
    if not isinstance(told, dict):
        return []
    digests = (
        (iri, one.get("digest"))
        for iri, one in list(told.items())[:GROUPS]
        if isinstance(one, dict) and len(iri) <= _TEXT and same_origin(iri, origin)
    )
    return [(iri, digest) for iri, digest in digests if isinstance(digest, str) and len(digest) <= 80]


def _compare(tx: Tx, site: Site, group_iri: str, told: str) -> None:
    """Where the peer believes that other people of ours are in its group than we do, that is put right (FEP-8fcf)."""
    group = actors.by_iri(tx, group_iri)
    if group is None or group.local or not group.is_group or group.followers is None:
        return
    ours = follows.at_host(tx, group.id, site.config.host, 100_000)
    if told != f"sha256-xor:{digest_of(ours)}":
        payload = {"actor": group.iri, "url": f"{group.followers}?domain={site.config.host}"}
        jobs.add(tx, site.new_id(), "followers", group.iri, payload, site.clock())
