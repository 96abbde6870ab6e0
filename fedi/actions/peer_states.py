"""The machine of a peering (`federation.peering.machine`) as rows: read into a state, and what a move came to written back, with all
that follows for the peer: its stance, its tier, its groups, what waits for it, and what it is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from federation.fields import Json
from federation.peering import agreement as documents
from federation.peering.agreement import Agreement
from federation.peering.machine import BOTH, Move, Refusal, Side, State, Step, Version, step
from fedi.actions import peer_messages, probes, scopes, suspensions
from fedi.context import Site
from storage import actors, agreement_events, agreements, audit, peers
from storage.agreements import AgreementRow
from storage.events import note
from storage.metadata import Tx

_ACTIVE = ("active", "suspended", "notice")
_SIDES: dict[str | None, frozenset[Side]] = {
    None: frozenset(),
    "ours": frozenset({"ours"}),
    "theirs": frozenset({"theirs"}),
    "both": BOTH,
}


@dataclass(frozen=True, slots=True)
class Act:
    """Who does what: for the events, the audit log, and what the other side is told. `new` is a row that the move adds;
    `proofs` are the document's proofs after it; `until` is when a suspension ends by itself (ms)."""

    who: str
    move: Move
    text: str
    reason: str | None = None
    new: AgreementRow | None = None
    proofs: Sequence[Json] | None = None
    until: int | None = None
    body: bytes | None = None
    audited: str | None = None


def load(tx: Tx, site: Site, host: str) -> tuple[State, dict[str, AgreementRow]]:
    """The state with a peer, and its rows by IRI; drafts are none of it."""
    rows = {row.iri: row for row in reversed(agreements.of_host(tx, host)) if row.state != "draft"}
    peer = peers.by_host(tx, host)
    by = peer.suspended_by if peer is not None else None
    heard = peer.heard_at if peer is not None else None
    state = State(tuple(version_of(site, row) for row in rows.values()), _SIDES[by], heard or 0)
    return state, rows


def version_of(site: Site, row: AgreementRow) -> Version:
    """A row as the machine knows it."""
    signed: set[Side] = set()
    for proof in row.proofs:
        named = str(proof.get("verificationMethod", ""))
        signed.add("ours" if named.partition("#")[0] == site.instance_iri else "theirs")
    return Version(
        offer=row.offer,
        iri=row.iri,
        digest=row.digest,
        number=row.version,
        by="ours" if row.ours else "theirs",
        replaces=row.replaces,
        starts=row.starts_at,
        ends=row.ends_at,
        pause=row.pause is not None,
        state="active" if row.state in _ACTIVE else row.state,
        signed=frozenset(signed),
        trusted=row.trusted,
        notice_at=row.notice_at,
    )


def row_of(site: Site, host: str, offer: str, read: Agreement, *, ours: bool, pause: str | None) -> AgreementRow:
    """A new row for an agreement that was read."""
    now = site.clock()
    return AgreementRow(
        id=site.new_id(),
        iri=read.iri,
        offer=offer,
        host=host,
        ours=ours,
        version=read.version,
        replaces=read.replaces,
        pause=pause,
        document=read.bytes,
        digest=read.digest,
        proofs=list(read.proofs),
        trusted=False,
        state="offered",
        starts_at=read.terms.starts,
        ends_at=read.terms.ends,
        notice_at=None,
        reason=None,
        created_at=now,
        changed_at=now,
    )


def make(tx: Tx, site: Site, host: str, act: Act) -> Refusal | None:
    """Make a move with a peer, write what it came to, and tell the other side. Why it could not be made comes back, if so; then
    only what must be said again was said."""
    state, rows = load(tx, site, host)
    made = step(state, act.move, site.clock())
    rows = _write_versions(tx, site, act, made, rows)
    _write_peer(tx, site, host, act, state, made.state, rows)
    for kind, about in made.answers:
        _say(tx, site, host, act, rows, kind, about)
    if act.audited is not None and made.refusal is None and made.state != state:
        body: dict[str, Any] = {"reason": act.reason or "", "text": act.text}
        body |= {"versions": [f"{one.iri} {one.state}" for one in made.changed]}
        audit.add(tx, site.new_id(), site.clock(), act.who, act.audited, host, body)
    return made.refusal


def _write_versions(tx: Tx, site: Site, act: Act, made: Step, rows: dict[str, AgreementRow]) -> dict[str, AgreementRow]:
    now = site.clock()
    named = {act.move.offer, act.move.iri, act.new.offer if act.new is not None else ""}
    rows = dict(rows)
    told = False
    for version in made.changed:
        row = rows.get(version.iri)
        if row is None:
            if act.new is None:
                raise LookupError(f"no row for {version.iri}")
            row = replace(act.new, state=version.state, trusted=version.trusted, notice_at=version.notice_at)
            agreements.insert(tx, row)
        about = version.offer in named or version.iri in named
        values: dict[str, Any] = {"state": version.state, "notice_at": version.notice_at, "trusted": version.trusted}
        if about and act.proofs is not None:
            values["proofs"] = list(act.proofs)
        if about and act.reason is not None:
            values["reason"] = act.reason[:2000]
        text = act.text if about else f"{act.text} (this version: {version.state})"
        if act.move.kind == "offer" and version.state == "withdrawn":
            text = values["reason"] = _passed_over(act.move.by, version.by, new=about)
        agreements.change(tx, row.id, **values, changed_at=now)
        rows[version.iri] = replace(row, **values)
        event(
            tx,
            site,
            rows[version.iri],
            act.who,
            _KINDS.get(act.move.kind, act.move.kind),
            text,
            act.body if about else None,
        )
        told = told or about
    if not told and act.move.kind in ("suspend", "resume") and made.refusal is None:
        current = made.state.in_force
        if current is not None:
            event(tx, site, rows[current.iri], act.who, act.move.kind, act.text, act.body)
    return rows


def _passed_over(offered: Side, by: Side, *, new: bool) -> str:
    """Why an offer of `by` is off when somebody `offered` it (`new`), or another. Both sides read it."""
    if new or offered != by:
        return "both offered at once, and the other offer stands"
    return "a newer offer stands in its place"


_KINDS = {"tick": "expire", "confirm": "sign"}


def _write_peer(
    tx: Tx, site: Site, host: str, act: Act, before: State, after: State, rows: dict[str, AgreementRow]
) -> None:
    """Bring the peer in line with what is in force, suspended and paused now."""
    then, now = before.in_force, after.in_force
    by = None if not after.suspended else "both" if len(after.suspended) > 1 else next(iter(after.suspended))
    peers.meet(tx, host, site.clock())
    peers.change(tx, host, suspended_by=by, heard_at=after.heard or None)
    if now is not None and (then is None or then.iri != now.iri):
        _in_force(tx, site, host, rows[now.iri], rows[then.iri] if then is not None else None)
    if then is not None and now is None:
        peers.change(tx, host, tier="public", one_sided=False)
        suspensions.ended(tx, site, host, "expired" if act.move.kind == "tick" else "ended")
    if now is not None and after.suspended and not (before.suspended and then is not None):
        peers.change(tx, host, reason=act.reason)
        suspensions.began(tx, site, host, act.until)
    elif now is not None and not after.suspended and before.suspended:
        suspensions.over(tx, site, host)
        peers.change(tx, host, reason=None)
        _probe(tx, site, host, rows[now.iri], "resumed")
    if after.paused != before.paused:
        (suspensions.pause_private if after.paused else suspensions.unpause)(tx, site, host)
    _project(tx, site, after, rows)
    if then != now or after.suspended != before.suspended:
        scopes.agreement_changed(tx, site, host)
        note(tx, "policy")


def _in_force(tx: Tx, site: Site, host: str, row: AgreementRow, replaced: AgreementRow | None) -> None:
    """A version came into force: the first, or in place of another."""
    peer = peers.by_host(tx, host)
    if replaced is None:
        if peer is None or peer.stance != "suspended":
            peers.change(tx, host, stance="agreed", reason=None)
        peers.change(tx, host, tier="agreed", one_sided=False)
        suspensions.restored(tx, site, host)
    else:
        wider = _terms(row).opens("members") and not _terms(replaced).opens("members")
        values: dict[str, Any] = {"one_sided": False}
        if peer is not None and peer.tier == "members" and (wider or peer.one_sided):
            values["tier"] = "agreed"  # trust that was not probed is not trust
        peers.change(tx, host, **values)
    _probe(tx, site, host, row, "agreed")


def _probe(tx: Tx, site: Site, host: str, row: AgreementRow, why: str) -> None:
    if _terms(row).probes:
        probes.wanted(tx, site, host, why)


def _terms(row: AgreementRow) -> documents.Terms:
    return documents.read(row.document).terms


def _project(tx: Tx, site: Site, state: State, rows: dict[str, AgreementRow]) -> None:
    """What is in force shows in its row whether it is suspended or under notice."""
    now = state.in_force
    if now is None:
        return
    shown = "suspended" if state.suspended else "notice" if now.notice_at is not None else "active"
    if rows[now.iri].state != shown:
        agreements.change(tx, rows[now.iri].id, state=shown, changed_at=site.clock())


def _say(tx: Tx, site: Site, host: str, act: Act, rows: dict[str, AgreementRow], kind: str, about: str) -> None:
    row = rows.get(about) or next(one for one in rows.values() if one.offer == about)
    read = documents.read(row.document)
    target = next(one for one in read.parties if one != site.instance_iri)
    signed = {**read.document, "proof": list(row.proofs)}
    reason = act.reason or (row.reason if kind in ("refuse", "withdraw") else None)
    made = peer_messages.message(site, kind, row, target, signed, reason=reason, until=act.until, at=row.notice_at)
    there = actors.by_iri(tx, target)
    if there is None:
        return  # agreed to by us alone: nobody there reads it
    body = peer_messages.send(tx, site, host, made, inbox=there.inbox, agreement_id=row.id)
    if kind in ("offer", "accept"):
        event(tx, site, row, "fedi", "sent", f"sent: {made['type']}", body)


def event(tx: Tx, site: Site, row: AgreementRow, who: str, kind: str, text: str, body: bytes | None = None) -> None:
    """Note what happened to a version."""
    agreement_events.add(tx, site.new_id(), row.id, site.clock(), who, kind, text[:2000], body)


def other_party(site: Site, row: AgreementRow) -> str:
    """The IRI of the instance actor of the other side."""
    return next(one for one in documents.read(row.document).parties if one != site.instance_iri)
