"""Peering over our own API: institutions and how each is doing, agreements and their terms, suspending, resuming, ending."""

from typing import Any

from federation.errors import FederationError
from federation.peering import agreement as documents
from federation.peering.institution import Found
from federation.peering.terms_compared import Row
from fedi import health
from fedi.actions import peers as acts
from fedi.actions import pending, suspensions
from fedi.actions import probes as probe_acts
from fedi.api.decisions import Pending, said
from fedi.api.operations import Call, Operation
from fedi.api.peer_shapes import (
    Agreement,
    Compared,
    Event,
    Given,
    Impact,
    Invitation,
    Listed,
    Notice,
    Peer,
    Peers,
    Probe,
    Signing,
    StanceChange,
    Suspension,
    TermsGiven,
    Whole,
)
from fedi.callers import Caller
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from fedi.fetching import institutions
from fedi.mastodon.answers import moment
from storage import agreement_events, agreements, peers, probes
from storage.agreements import AgreementRow
from storage.metadata import Tx
from storage.peers import Peer as PeerRow

_DAY = 24 * 3600 * 1000


def _peer(row: PeerRow) -> Peer:
    key = documents.fingerprint(row.pinned_key) if row.pinned_key is not None else None
    return Peer(
        host=row.host,
        stance=row.stance,  # type: ignore[arg-type]  # Stance, as the table says
        tier=row.tier,  # type: ignore[arg-type]  # as the table says
        one_sided=row.one_sided,
        software=row.software,
        version=row.version,
        instance_actor=row.instance_actor,
        fingerprint=key,
        ror=row.ror,
        reason=row.reason,
        suspended_until=moment(row.suspended_until) if row.suspended_until else None,
        first_seen_at=moment(row.first_seen_at),
        last_seen_at=moment(row.last_seen_at) if row.last_seen_at else None,
    )


def _known(tx: Tx, host: str) -> PeerRow:
    row = peers.by_host(tx, host)
    if row is None:
        raise NotFound(f"No host {host} was met.")
    return row


def index(tx: Tx, call: Call, query: Listed) -> Peers:
    """Hosts that were met, by name."""
    if query.stance is not None and query.stance != "none":
        every = [row for row in peers.with_stance(tx, (query.stance,)) if row.host > query.after]
        found = [row for row in every if row.host.startswith(query.beginning)][: query.limit + 1]
    else:
        found = peers.listed(tx, query.limit + 1, after=query.after, beginning=query.beginning)
    page = found[: query.limit]
    return Peers(items=[_peer(row) for row in page], next=page[-1].host if len(found) > query.limit else None)


def show(tx: Tx, call: Call) -> Whole:
    """One peer: how the peering is doing, and what checks found."""
    row, found = _known(tx, call.host), health.of_peer(tx, call.site, call.host)
    return Whole(
        peer=_peer(row),
        health={} if found is None else health.as_fields(found),
        probes=[
            Probe(check=one.check, verdict=one.verdict, text=one.text, at=moment(one.at))  # type: ignore[arg-type]  # as the table says
            for one in probes.latest(tx, call.host)
        ],
    )


def impact(tx: Tx, call: Call) -> Impact:
    """What a suspension of a peer would pause, and an end would cost."""
    found = suspensions.impact(tx, _known(tx, call.host).host)
    return Impact(people=found.people, following=found.following, followers=found.followers, groups=list(found.groups))


def of_peer(tx: Tx, call: Call) -> list[Agreement]:
    """The agreements with a peer, newest first."""
    return [_agreement(row) for row in agreements.of_host(tx, _known(tx, call.host).host)]


def waiting(tx: Tx, call: Call) -> list[Agreement]:
    """Offers that are open, ours and theirs, oldest first."""
    return [_agreement(row) for row in agreements.in_state(tx, "offered", "review")]


def agreement(tx: Tx, call: Call) -> Agreement:
    """One version of an agreement, with the document and what happened."""
    return _whole(tx, call.ids["id"])


def compare(tx: Tx, call: Call) -> list[Compared]:
    """An agreement's terms beside those in force with that peer, or else beside our own."""
    return [_compared(row) for row in acts.compared(tx, call.site, call.ids["id"])]


def _compared(row: Row) -> Compared:
    return Compared(field=row.field, ours=row.ours, theirs=row.theirs, relation=row.relation)  # type: ignore[arg-type]  # as it says


async def _looked_up(site: Site, caller: Caller | None, body: Invitation) -> Found:
    try:
        return await institutions.look_up(site, body.institution)
    except (
        FederationError
    ) as problem:  # what was named is at fault, or the net between: this instance is not out of service
        raise Invalid(f"{body.institution[:100]} can't be looked up: {problem.text}", code=problem.code) from problem


def invite(tx: Tx, call: Call, body: Invitation) -> Agreement:
    """Offer an institution an agreement, signed by ours; or agree alone with a server that speaks of none."""
    found: Found = call.found
    who, terms = call.me.username, body.terms.over(acts.our_terms(call.site))
    if body.alone:
        return _agreement(acts.agree_alone(tx, call.site, who, found.host, terms))
    return _agreement(acts.invite(tx, call.site, who, found, terms, fingerprint=body.fingerprint))


def change(tx: Tx, call: Call, body: TermsGiven) -> Agreement:
    """Offer new terms in place of those in force, which stay until both have signed."""
    current = agreements.in_force(tx, call.host)
    if current is None:
        raise Invalid(f"There is no agreement with {call.host} in force.", code="no-agreement")
    terms = body.over(documents.read(current.document).terms)
    return _agreement(acts.change(tx, call.site, call.me.username, call.host, terms))


def review(tx: Tx, call: Call) -> Agreement:
    """Tell the other side that its offer is being looked at."""
    return _agreement(acts.review(tx, call.site, call.me.username, call.ids["id"]))


def sign(tx: Tx, call: Call, body: Signing) -> Agreement:
    """Sign what they offered; or, of what we offered and they signed, confirm their key. Then it is in force."""
    row = acts.sign(tx, call.site, call.me.username, call.ids["id"], fingerprint=body.fingerprint)
    return _agreement(row)


def refuse(tx: Tx, call: Call, body: Given) -> Agreement:
    """Refuse what they offered, with the reason, which they are told."""
    return _agreement(acts.refuse(tx, call.site, call.me.username, call.ids["id"], body.reason))


def withdraw(tx: Tx, call: Call) -> Agreement:
    """Take back what we offered."""
    return _agreement(acts.withdraw(tx, call.site, call.me.username, call.ids["id"]))


def suspend(tx: Tx, call: Call, body: Suspension) -> Peer:
    """Stop all that is between us and a peer, at once; nothing is lost, and it can be resumed."""
    until = call.site.clock() + body.days * _DAY
    acts.suspend(tx, call.site, call.me.username, _known(tx, call.host).host, body.reason, until)
    return _peer(_known(tx, call.host))


def resume(tx: Tx, call: Call) -> Peer:
    """End a suspension: follows are as they were, and what was missed is caught up with."""
    acts.resume(tx, call.site, call.me.username, _known(tx, call.host).host)
    return _peer(_known(tx, call.host))


def notice(tx: Tx, call: Call, body: Notice) -> Peer:
    """Tell a peer that the agreement ends in some days; until then it is in force."""
    at = call.site.clock() + body.days * _DAY
    acts.notice(tx, call.site, call.me.username, _known(tx, call.host).host, at, body.reason)
    return _peer(_known(tx, call.host))


def end(tx: Tx, call: Call, body: Given) -> Pending:
    """Propose to end a peering: a second admin has to approve it, and it waits for its time."""
    row = pending.propose(tx, call.site, call.me.username, "peer.end", {"host": call.host}, body.reason)
    return said(row)


def purge(tx: Tx, call: Call, body: Given) -> Pending:
    """Propose to delete everything that came from a host: a second admin has to approve it, and it waits for its time."""
    row = pending.propose(tx, call.site, call.me.username, "peer.purge", {"host": call.host}, body.reason)
    return said(row)


def set_stance(tx: Tx, call: Call, body: StanceChange) -> Peer:
    """Limit or block a host that nothing is agreed with, or take that back."""
    acts.set_stance(tx, call.site, call.me.username, call.host, body.stance, body.reason)
    return _peer(_known(tx, call.host))


def probe(tx: Tx, call: Call) -> Whole:
    """Ask for the checks of a peer; what they find is there some minutes later."""
    probe_acts.wanted(tx, call.site, _known(tx, call.host).host, f"asked for by {call.me.username}")
    return show(tx, call)


def _whole(tx: Tx, agreement_id: int) -> Agreement:
    row = agreements.by_id(tx, agreement_id)
    if row is None:
        raise NotFound("There is no such agreement.")
    made = _agreement(row)
    made.document = documents.read(row.document).document | {"proof": row.proofs}
    made.events = [
        Event(at=moment(one.at), who=one.who, kind=one.kind, text=one.text, hash=one.hash)
        for one in agreement_events.of_agreement(tx, row.id)
    ]
    return made


def _agreement(row: AgreementRow) -> Agreement:
    return Agreement(
        id=str(row.id),
        host=row.host,
        iri=row.iri,
        version=row.version,
        state=row.state,
        ours=row.ours,
        replaces=row.replaces,
        digest=row.digest,
        starts_at=moment(row.starts_at) if row.starts_at else None,
        ends_at=moment(row.ends_at) if row.ends_at else None,
        notice_at=moment(row.notice_at) if row.notice_at else None,
        reason=row.reason,
        created_at=moment(row.created_at),
    )


def _operation(method: str, path: str, unit: Any, **more: Any) -> Operation:
    wanted = ("admin:read",) if method == "GET" else ("admin:write",)
    return Operation(method=method, path=path, unit=unit, tag="peers", scopes=wanted, admin=True, **more)


OPERATIONS = [
    _operation("GET", "/peers", index),
    _operation("GET", "/peers/{host}", show),
    _operation("GET", "/peers/{host}/impact", impact),
    _operation("GET", "/peers/{host}/agreements", of_peer),
    _operation("POST", "/peers/{host}/agreements", change),
    _operation("PUT", "/peers/{host}/suspension", suspend),
    _operation("DELETE", "/peers/{host}/suspension", resume),
    _operation("PUT", "/peers/{host}/notice", notice),
    _operation("PUT", "/peers/{host}/stance", set_stance),
    _operation("POST", "/peers/{host}/end", end, status=202),
    _operation("POST", "/peers/{host}/purge", purge, status=202),
    _operation("POST", "/peers/{host}/probes", probe, status=202),
    _operation("GET", "/agreements", waiting),
    _operation("POST", "/agreements", invite, before=_looked_up),
    _operation("GET", "/agreements/{id}", agreement),
    _operation("GET", "/agreements/{id}/comparison", compare),
    _operation("POST", "/agreements/{id}/review", review),
    _operation("POST", "/agreements/{id}/sign", sign),
    _operation("POST", "/agreements/{id}/refuse", refuse),
    _operation("POST", "/agreements/{id}/withdraw", withdraw),
]
