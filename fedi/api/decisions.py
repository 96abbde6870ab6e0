"""What was decided, who changed what, what waits for a second person, and what is on its way, for admins."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from fedi.actions import held as held_acts
from fedi.actions import pending as acts
from fedi.api.operations import Call, Operation
from fedi.api.shapes import Id, Moment, Page, Paged
from fedi.mastodon.answers import moment
from storage import audiences, audit, decisions, links, pending_actions, troubles
from storage.decisions import DecisionRow
from storage.metadata import Tx
from storage.pending_actions import PendingAction
from storage.received import Received

Verdict = Literal["accept", "limit", "hold", "reject"]


class Decision(msgspec.Struct, kw_only=True):
    """What was decided, other than plainly to accept: by which rule of which version, and why."""

    id: Id
    at: Moment
    direction: str
    host: str
    actor: str | None
    activity_id: str | None
    type: str | None
    verdict: Verdict
    code: str
    reason: str
    rule: str | None
    effects: list[str]
    policy: int


class Wanted(Paged, kw_only=True):
    """Which decisions."""

    host: Annotated[str, Meta(max_length=255)] | None = None
    verdict: Verdict | None = None


class About(Paged, kw_only=True):
    """About what: a host, a version of the policy, a group."""

    about: Annotated[str, Meta(max_length=300)] | None = None


class Entry(msgspec.Struct, kw_only=True):
    """An entry of the audit log. `hash` is SHA-256 over `before`, the hash of the entry before it, and what it says (RFC 8785)."""

    id: Id
    at: Moment
    who: str
    action: str
    about: str
    body: dict[str, Any]
    before: str
    hash: str


class Pending(msgspec.Struct, kw_only=True):
    """An act that can't be taken back, and waits for a second admin and for its time. `digest` is of what is done."""

    id: Id
    kind: str
    says: str
    payload: dict[str, Any]
    digest: str
    reason: str
    proposer: str
    approver: str | None
    state: Literal["proposed", "approved", "done", "dropped", "expired"]
    not_before: Moment
    expires_at: Moment
    created_at: Moment


class Why(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    reason: Annotated[str, Meta(max_length=1_000)] = ""


class Delivery(msgspec.Struct, kw_only=True):
    """How it goes with what is sent to a host. `state` `suspended` is given up; `waiting` is how much is to be sent."""

    host: str
    state: Literal["open", "suspended", "blocked"]
    waiting: int
    failures: int
    last_success_at: Moment | None
    next_attempt_at: Moment | None
    problem: str | None


class Trouble(msgspec.Struct, kw_only=True):
    """A delivery that ended without having been taken."""

    id: Id
    at: Moment
    host: str
    activity_id: str
    kind: str
    reason: str


class Deliveries(msgspec.Struct, kw_only=True):
    """The hosts to which something waits or fails, and what was not taken, newest first."""

    hosts: list[Delivery]
    troubles: list[Trouble]


def index(tx: Tx, call: Call, query: Wanted) -> Page[Decision]:
    """What was decided other than plainly to accept, newest first."""
    found = decisions.found(tx, query.limit + 1, host=query.host, verdict=query.verdict, before=query.at)
    page = found[: query.limit]
    return Page(items=[_decision(row) for row in page], next=str(page[-1].id) if len(found) > query.limit else None)


def _decision(row: DecisionRow) -> Decision:
    return Decision(
        id=str(row.id),
        at=moment(row.created_at),
        direction=row.direction,
        host=row.host,
        actor=row.actor,
        activity_id=row.activity_id,
        type=row.type,
        verdict=row.verdict,  # type: ignore[arg-type]  # Verdict, as the table says
        code=row.code,
        reason=row.reason,
        rule=row.rule,
        effects=row.effects or [],
        policy=row.policy,
    )


def log(tx: Tx, call: Call, query: About) -> Page[Entry]:
    """Who changed what about federation and policy, newest first."""
    found = audit.newest(tx, query.limit + 1, about=query.about, before=query.at)
    page = found[: query.limit]
    items = [
        Entry(
            id=str(row.id),
            at=moment(row.at),
            who=row.who,
            action=row.action,
            about=row.about,
            body=row.body,
            before=row.before,
            hash=row.hash,
        )
        for row in page
    ]
    return Page(items=items, next=str(page[-1].id) if len(found) > query.limit else None)


def pending(tx: Tx, call: Call) -> list[Pending]:
    """What was proposed and is not done yet, oldest first."""
    return [said(row) for row in pending_actions.in_state(tx, "proposed", "approved")]


def said(row: PendingAction) -> Pending:
    """An act that waits, as it is told."""
    return Pending(
        id=str(row.id),
        kind=row.kind,
        says=acts.said(row),
        payload=row.payload,
        digest=row.digest,
        reason=row.reason,
        proposer=row.proposer,
        approver=row.approver,
        state=row.state,  # type: ignore[arg-type]  # as the table says
        not_before=moment(row.not_before),
        expires_at=moment(row.expires_at),
        created_at=moment(row.created_at),
    )


class Proposal(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What to propose: `host` for what is about one."""

    kind: Literal["peer.end", "peer.purge", "export.all"]
    reason: Annotated[str, Meta(min_length=1, max_length=1_000)]
    host: Annotated[str, Meta(max_length=253)] | None = None


def propose(tx: Tx, call: Call, body: Proposal) -> Pending:
    """Ask for an act that can't be taken back: another admin has to approve it, and it waits for its time."""
    payload = {} if body.host is None else {"host": body.host}
    return said(acts.propose(tx, call.site, call.me.username, body.kind, payload, body.reason))


def approve(tx: Tx, call: Call) -> Pending:
    """Approve what another admin proposed; it is done when its time has come."""
    return said(acts.approve(tx, call.site, call.me.username, call.ids["id"]))


def drop(tx: Tx, call: Call, body: Why) -> Pending:
    """Say no to what was proposed, or take it back, as long as it is not done."""
    return said(acts.drop(tx, call.site, call.me.username, call.ids["id"], body.reason))


class Held(msgspec.Struct, kw_only=True):
    """An activity that came and waits until a person lets it in or turns it down."""

    id: Id
    at: Moment
    activity_id: str
    type: str
    host: str
    actor: str
    reason: str | None


def held(tx: Tx, call: Call, query: Paged) -> Page[Held]:
    """What the policy wants a person to decide, newest first."""
    found = held_acts.waiting(tx, query.limit + 1, before=query.at)
    page = found[: query.limit]
    return Page(items=[_held(row) for row in page], next=str(page[-1].id) if len(found) > query.limit else None)


def _held(row: Received) -> Held:
    return Held(
        id=str(row.id),
        at=moment(row.received_at),
        activity_id=row.activity_id,
        type=row.type,
        host=row.host,
        actor=row.actor,
        reason=row.problem,
    )


def release(tx: Tx, call: Call) -> Held:
    """Let an activity in: it is worked out soon."""
    return _held(held_acts.release(tx, call.site, call.me.username, call.ids["id"]))


def turn_down(tx: Tx, call: Call, body: Why) -> Held:
    """Turn an activity down for good; an agreed peer is told, with the reason."""
    return _held(held_acts.refuse(tx, call.site, call.me.username, call.ids["id"], body.reason))


def deliveries(tx: Tx, call: Call) -> Deliveries:
    """What is on its way to peers, where it is stuck, and why."""
    care = [one for one in links.everyone(tx) if one.wanted > one.cursor or one.failures or one.state != "open"]
    return Deliveries(
        hosts=[
            Delivery(
                host=one.host,
                state=one.state,  # type: ignore[arg-type]  # as the table says
                waiting=audiences.backlog(tx, one.host),
                failures=one.failures,
                last_success_at=moment(one.last_success_at) if one.last_success_at else None,
                next_attempt_at=moment(one.next_attempt_at) if one.failures else None,
                problem=one.problem,
            )
            for one in care[:500]
        ],
        troubles=[
            Trouble(
                id=str(one.id),
                at=moment(one.created_at),
                host=one.host,
                activity_id=one.activity_id,
                kind=one.kind,
                reason=one.reason,
            )
            for one in troubles.newest(tx, 100)
        ],
    )


def _operation(method: str, path: str, unit: Any, tag: str, **more: Any) -> Operation:
    wanted = ("admin:read",) if method == "GET" else ("admin:write",)
    return Operation(method=method, path=path, unit=unit, tag=tag, scopes=wanted, admin=True, **more)


OPERATIONS = [
    _operation("GET", "/decisions", index, "decisions"),
    _operation("GET", "/audit", log, "decisions"),
    _operation("GET", "/deliveries", deliveries, "decisions"),
    _operation("GET", "/held", held, "decisions"),
    _operation("POST", "/held/{id}/release", release, "decisions"),
    _operation("POST", "/held/{id}/refuse", turn_down, "decisions"),
    _operation("GET", "/pending", pending, "pending"),
    _operation("POST", "/pending", propose, "pending", refuses=(404,)),
    _operation("POST", "/pending/{id}/approve", approve, "pending"),
    _operation("POST", "/pending/{id}/drop", drop, "pending"),
]
