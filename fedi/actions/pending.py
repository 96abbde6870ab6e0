"""Acts that can't be taken back wait for a second person and for their time: ending a peering, purging what a peer sent, exporting
all that is kept here.

One admin proposes, another approves, and not before the time lock is over a job does what was approved, and nothing else: the
payload is kept with its digest. Whoever has an emergency suspends (`fedi.actions.peers.suspend`): that is done at once, can be
taken back, and is looked at by somebody else afterwards. What is done in the end is `fedi.worker.pending`.
"""

import hashlib
from typing import Any

import rfc8785

from federation.fields import timestamp
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, NotFound
from storage import actors, agreements, audit, jobs, peers, pending_actions, people
from storage.audit import AuditRow
from storage.metadata import Tx
from storage.peers import Peer
from storage.pending_actions import PendingAction

COMMAND_LINE = "command line"
"""Who acts by `fedi …`: one person, whoever has the shell."""

KINDS = {
    "peer.end": "end the peering with",
    "peer.purge": "delete everything that came from",
    "export.all": "export everything that is kept here",
}
"""What can be proposed, in words that come before the host, where one is named."""

ALONE = 3
"""How many times as long the lock is where there are not two admins, so that nobody could look twice."""
KEPT = 7 * 24
"""Hours after its time for which a proposal can still be approved or done."""

SUSPENDED, REVIEWED = "peer.suspend", "peer.review-suspension"
"""What the audit log calls a suspension, and that somebody else looked at it: whoever breaks the glass does so alone."""

_LATELY = 50
_HOUR = 3600 * 1000
_MINUTE = 60_000
_REASON = 1000


def admins(tx: Tx) -> list[str]:
    """The names of the admins who can log in."""
    found = actors.by_ids(tx, people.by_role(tx, "admin"))
    return sorted(one.username for one in found.values() if one.state == "active")


def time_lock(tx: Tx, site: Site) -> int:
    """How long (ms) what can't be taken back waits at least."""
    return _HOUR * site.config.federation.time_lock * (1 if len(admins(tx)) > 1 else ALONE)


def not_too_soon(tx: Tx, site: Site, at: int) -> None:
    """Raises Invalid for a peering that would end by itself, at `at` (ms), sooner than the time lock is over: what one admin does
    alone must leave the others the time to see it."""
    soonest = site.clock() + time_lock(tx, site)
    if at < soonest - _MINUTE:
        raise Invalid(
            f"It can't end by itself before {timestamp(soonest)}, so that others can see it coming. To end it sooner, propose "
            "that: «fedi peer end».",
            code="too-soon",
        )


def propose(tx: Tx, site: Site, who: str, kind: str, payload: dict[str, Any], reason: str) -> PendingAction:
    """Ask for an act of `KINDS`. Raises Invalid for one that there isn't, without a reason, or that waits already, and NotFound
    for a peer that is not known."""
    if kind not in KINDS:
        raise Invalid(f"«{kind}» is nothing that can be proposed; there are: {', '.join(KINDS)}", code="kind")
    if not reason.strip():
        raise Invalid("Say why: whoever approves it, and the audit log, are told.", code="reason")
    check(tx, kind, payload)
    digest = digest_of(kind, payload)
    for other in pending_actions.in_state(tx, "proposed", "approved"):
        if other.digest == digest:
            raise Invalid(f"This waits already, proposed by {other.proposer}: it is number {other.id}.", code="waits")
    now, lock = site.clock(), time_lock(tx, site)
    row = PendingAction(
        id=site.new_id(),
        kind=kind,
        payload=payload,
        digest=digest,
        reason=reason.strip()[:_REASON],
        proposer=who,
        approver=None,
        state="proposed",
        not_before=now + lock,
        expires_at=now + lock + KEPT * _HOUR,
        created_at=now,
        changed_at=now,
    )
    pending_actions.insert(tx, row)
    jobs.add(tx, site.new_id(), "pending", f"{row.id} lapses", {"action": str(row.id)}, now, due_at=row.expires_at)
    _note(tx, site, who, "pending.propose", row)
    return row


def approve(tx: Tx, site: Site, who: str, action_id: int) -> PendingAction:
    """Approve what somebody else proposed; a job does it when its time has come.

    Where there are not two admins, who proposed it may approve it, and the longer lock begins anew. Raises NotFound, Invalid
    where it waits no more, Forbidden for who proposed it.
    """
    row = _waiting(tx, action_id, "proposed")
    now = site.clock()
    if row.expires_at <= now:
        raise Invalid("This proposal is too old; propose it again.", code="expired")
    there = admins(tx)
    others = [name for name in there if name != who]
    if who == row.proposer and others:
        raise Forbidden(f"Another admin must approve this: {', '.join(others)}.", code="second-person")
    not_before = row.not_before
    if len(there) < 2:
        not_before = max(not_before, now + _HOUR * site.config.federation.time_lock * ALONE)
    expires = max(row.expires_at, not_before + KEPT * _HOUR)
    changed = {"approver": who, "state": "approved", "not_before": not_before, "expires_at": expires, "changed_at": now}
    pending_actions.change(tx, row.id, **changed)
    jobs.add(tx, site.new_id(), "pending", f"{row.id} is done", {"action": str(row.id)}, now, due_at=not_before)
    _note(tx, site, who, "pending.approve", row)
    return by_id(tx, row.id)


def drop(tx: Tx, site: Site, who: str, action_id: int, reason: str = "") -> PendingAction:
    """Say no to what was proposed, or take it back, as long as it is not done. Any admin may. Raises NotFound, Invalid."""
    row = _waiting(tx, action_id, "proposed", "approved")
    pending_actions.change(tx, row.id, state="dropped", changed_at=site.clock())
    _note(tx, site, who, "pending.drop", row, reason=reason.strip()[:_REASON])
    return by_id(tx, row.id)


def due(tx: Tx, site: Site, action_id: int) -> PendingAction | None:
    """The approved act, when it is to be done now; else None. What nobody approved in time ends here, and so does what is
    not any more what was approved."""
    row = pending_actions.by_id(tx, action_id)
    if row is None or row.state not in ("proposed", "approved"):
        return None
    if row.expires_at <= site.surely():
        pending_actions.change(tx, row.id, state="expired", changed_at=site.clock())
        _note(tx, site, "fedi", "pending.expire", row)
        return None
    if row.state != "approved" or row.not_before > site.surely():
        return None
    if row.digest != digest_of(row.kind, row.payload):
        done(tx, site, row, "its payload is not the one that was approved")
        return None
    return row


def done(tx: Tx, site: Site, row: PendingAction, problem: str = "", *, told: str = "") -> None:
    """Note that an act was done (`told`: what came of it), or why it can't be (`problem`)."""
    pending_actions.change(tx, row.id, state="dropped" if problem else "done", changed_at=site.clock())
    _note(tx, site, "fedi", "pending.fail" if problem else "pending.done", row, reason=problem or told)


def to_review(tx: Tx) -> list[tuple[Peer, AuditRow]]:
    """Peers that somebody suspended by themselves, and nobody else has looked at since, with what the log says of it."""
    found = []
    for peer in peers.with_stance(tx, ("suspended",)):
        last = next(
            (row for row in audit.newest(tx, _LATELY, about=peer.host) if row.action in (SUSPENDED, REVIEWED)), None
        )
        if last is not None and last.action == SUSPENDED:
            found.append((peer, last))
    return found


def review(tx: Tx, site: Site, who: str, host: str) -> None:
    """Say that it was right to suspend a peer: for another admin than who did it, where there is one. Raises NotFound, Forbidden."""
    row = next((row for peer, row in to_review(tx) if peer.host == host), None)
    if row is None:
        raise NotFound(f"There is no suspension of {host} that nobody looked at.")
    others = [name for name in admins(tx) if name != who]
    if row.who == who and others:
        raise Forbidden(f"Another admin must look at this: {', '.join(others)}.", code="second-person")
    audit.add(
        tx, site.new_id(), site.clock(), who, REVIEWED, host, {"suspended_by": row.who, "suspension": str(row.id)}
    )


def by_id(tx: Tx, action_id: int) -> PendingAction:
    """The one with this id. Raises NotFound."""
    row = pending_actions.by_id(tx, action_id)
    if row is None:
        raise NotFound(f"Nothing with the number {action_id} waits.")
    return row


def check(tx: Tx, kind: str, payload: dict[str, Any]) -> None:
    """Raises NotFound for a peer that is not known, Invalid for one of which this can't be done."""
    host = payload.get("host")
    if kind == "export.all":
        if payload:
            raise Invalid("An export is of everything; it takes no host.", code="payload")
        return
    peer = peers.by_host(tx, host) if isinstance(host, str) else None
    if peer is None:
        raise NotFound(f"No peer {host!r} is known here.")
    agreed = peer.stance in ("agreed", "suspended") or agreements.in_force(tx, peer.host) is not None
    if kind == "peer.end" and not agreed:
        raise Invalid(f"There is no peering with {peer.host} that could be ended.", code="not-peered")
    if kind == "peer.purge" and peer.stance in ("agreed", "limited"):
        raise Invalid(
            f"{peer.host} still sends: end the peering or suspend it first, else what is deleted comes again.",
            code="peered",
        )


def digest_of(kind: str, payload: dict[str, Any]) -> str:
    """SHA-256 (hexadecimal) of the kind and payload in canonical form (RFC 8785)."""
    return hashlib.sha256(rfc8785.dumps({"kind": kind, "payload": payload})).hexdigest()


def said(row: PendingAction) -> str:
    """What it is, in words: «end the peering with b.example»."""
    return f"{KINDS.get(row.kind, row.kind)} {row.payload.get('host', '')}".strip()


def _waiting(tx: Tx, action_id: int, *states: str) -> PendingAction:
    row = by_id(tx, action_id)
    if row.state not in states:
        raise Invalid(f"This is {row.state}, so nothing can be changed any more.", code="not-waiting")
    return row


def _note(tx: Tx, site: Site, who: str, action: str, row: PendingAction, *, reason: str = "") -> None:
    body = {"number": str(row.id), "kind": row.kind, "digest": row.digest, "reason": reason or row.reason}
    audit.add(tx, site.new_id(), site.clock(), who, action, str(row.payload.get("host", row.kind)), body)
