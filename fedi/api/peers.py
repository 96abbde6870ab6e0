"""Peering over our own API: institutions and how each is doing, agreements and their terms, suspending, resuming, ending."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from federation import agreement as documents
from federation.institution import Found
from federation.terms import Terms, from_table
from federation.terms_compared import Row
from fedi import health
from fedi.actions import peers as acts
from fedi.actions import pending, suspensions
from fedi.actions import probes as probe_acts
from fedi.api.decisions import Pending, said
from fedi.api.operations import Call, Operation
from fedi.api.shapes import Id, Moment
from fedi.callers import Caller
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from fedi.fetching import institutions
from fedi.mastodon.answers import moment
from storage import agreement_events, agreements, peers, probes
from storage.agreements import AgreementRow
from storage.metadata import Tx
from storage.peers import Peer as PeerRow

Stance = Literal["none", "agreed", "limited", "suspended", "blocked"]
Reason = Annotated[str, Meta(min_length=1, max_length=1_000, description="The log keeps it; the other side is told")]
Duration = Annotated[
    str, Meta(max_length=40, description="ISO 8601 in days or less, as P30D; empty: nothing is agreed")
]
Day = Annotated[str, Meta(max_length=40, description="2027-09-30 or 2027-09-30T00:00:00Z")]


class Peer(msgspec.Struct, kw_only=True):
    """A host that was met. `tier` is how far what is not public goes there; `one_sided`: we agreed alone."""

    host: str
    stance: Stance
    tier: Literal["public", "agreed", "members"]
    one_sided: bool
    software: str | None
    version: str | None
    instance_actor: str | None
    fingerprint: str | None
    ror: str | None
    reason: str | None
    suspended_until: Moment | None
    first_seen_at: Moment
    last_seen_at: Moment | None


class Listed(msgspec.Struct, kw_only=True):
    """Which peers: with one stance, or by name."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 40
    stance: Stance | None = None
    beginning: Annotated[str, Meta(max_length=253)] = ""
    after: Annotated[str, Meta(max_length=253, description="`next` of the page before")] = ""


class Peers(msgspec.Struct, kw_only=True):
    """Peers by host; `next` is the `after` of the following page."""

    items: list[Peer]
    next: str | None = None


class Probe(msgspec.Struct, kw_only=True):
    """What a check of a peer found."""

    check: str
    verdict: Literal["passed", "failed", "unknown"]
    text: str
    at: Moment


class Whole(msgspec.Struct, kw_only=True):
    """A peer with how the peering is doing (as `fedi peer show --json` says it) and what checks found."""

    peer: Peer
    health: dict[str, Any]
    probes: list[Probe]


class TermsGiven(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Terms, of which what is left out is as our own (or as what is in force, where these are changed)."""

    visibility: list[Literal["public", "peers", "members"]] | None = None
    groups: Annotated[list[str], Meta(max_length=500, description="* for all, or IRIs")] | None = None
    personal_data: Literal["none", "pseudonymous", "named"] | None = None
    media: Duration | None = None
    moderation: list[Literal["report", "remove-request"]] | None = None
    moderation_within: Duration | None = None
    backfill: Duration | None = None
    erasure_within: Duration | None = None
    horizon: Duration | None = None
    probes: bool | None = None
    terms_href: Annotated[str, Meta(max_length=500)] | None = None
    terms_digest: Annotated[str, Meta(max_length=200)] | None = None
    security_contact: Annotated[str, Meta(max_length=500, description="mailto: or https:")] | None = None
    dpo: Annotated[str, Meta(max_length=500, description="mailto: or https:")] | None = None
    starts: Day | None = None
    ends: Day | None = None

    def over(self, base: Terms) -> Terms:
        """These terms over others. Raises Malformed, which names the field."""
        given = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}
        return from_table(given, base)


class Invitation(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Whom to offer what. `alone`: agree by ourselves with a server that speaks of no agreements."""

    institution: Annotated[str, Meta(min_length=1, max_length=300, description="Its host or address")]
    terms: TermsGiven = msgspec.field(default_factory=TermsGiven)
    fingerprint: Annotated[str, Meta(max_length=300)] | None = None
    alone: bool = False


class Compared(msgspec.Struct, kw_only=True):
    """One term, ours beside theirs: `relation` says what theirs is."""

    field: str
    ours: str
    theirs: str
    relation: Literal["equal", "narrower", "wider", "different"]


class Event(msgspec.Struct, kw_only=True):
    """What happened to an agreement, chained by hash."""

    at: Moment
    who: str
    kind: str
    text: str
    hash: str


class Agreement(msgspec.Struct, kw_only=True):
    """One version of an agreement. `document` is what both sign, with the proofs that there are."""

    id: Id
    host: str
    iri: str
    version: int
    state: str
    ours: bool
    replaces: str | None
    digest: str
    starts_at: Moment | None
    ends_at: Moment | None
    notice_at: Moment | None
    reason: str | None
    created_at: Moment
    document: dict[str, Any] | None = None
    events: list[Event] = msgspec.field(default_factory=list)


class Signing(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`fingerprint` of their key, as their admin told it in another way; needed once, unless a followed directory names it."""

    fingerprint: Annotated[str, Meta(max_length=300)] | None = None


class Given(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    reason: Reason


class Suspension(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why, and for how many days at most (30)."""

    reason: Reason
    days: Annotated[int, Meta(ge=1, le=30)] = 30


class Notice(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why, and in how many days it ends."""

    reason: Reason
    days: Annotated[int, Meta(ge=1, le=3_660)]


class Impact(msgspec.Struct, kw_only=True):
    """What a suspension would pause, and an end would cost."""

    people: int
    following: int
    followers: int
    groups: list[str]


class StanceChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How we stand to a host that nothing is agreed with."""

    stance: Literal["none", "limited", "blocked"]
    reason: Annotated[str, Meta(max_length=1_000)] = ""


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
    return await institutions.look_up(site, body.institution)


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
