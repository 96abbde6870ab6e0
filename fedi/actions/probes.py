"""Probes: who is to be tried, and what follows from what was found: rows, the tier of the peer, and a signed report.

Trying itself is `fedi.worker.probing`, the canaries are `fedi.actions.canaries`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import rfc8785

from federation import fields as wire
from federation.fields import Json, timestamp
from federation.peering.agreement import read
from federation.peering.probing import CHECKS, Finding, verdict_of
from federation.signatures.integrity import add_proof
from federation.vocabulary.context import PEERING
from fedi.actions import canaries, sending
from fedi.context import PROOF_KEY, Site
from storage import actors, agreements, audit, jobs, outbox, peers, probes, trials
from storage.actors import Actor
from storage.metadata import Tx
from storage.peers import Peer
from storage.probes import Probe

WEEK = 7 * 24 * 3600 * 1000
PATIENCE = 21 * 24 * 3600 * 1000
"""Ms for which a peer keeps what it passed for when it can't be tried any more."""
REPORT = "peer:ProbeReport"
WHO = "fedi"
"""Who changes a tier by itself, in the audit log."""


@dataclass(frozen=True, slots=True)
class State:
    """How trying a peer stands: whether one is under way, the newest row of each check, what they come to (`passed`, `failed`,
    `unknown`, `none`), and when it is tried next (ms; None: only when somebody asks)."""

    running: bool
    rows: list[Probe]
    verdict: str
    due_at: int | None


def state(tx: Tx, host: str) -> State:
    """How trying this peer stands."""
    rows = probes.latest(tx, host)
    peer = peers.by_host(tx, host)
    due = None
    if peer is not None and _regular(tx, peer):
        due = max((row.at for row in rows), default=0) + WEEK
    return State(trials.by_host(tx, host) is not None, rows, verdict_of([row.verdict for row in rows]), due)


def wanted(tx: Tx, site: Site, host: str, why: str) -> bool:
    """Ask for a trial of this peer, soon; False when one is asked for already. `why` is shown with what comes of it."""
    now = site.clock()
    jobs.forget_failed(tx, "probe", host)
    if jobs.add(tx, site.new_id(), "probe", host, {"host": host, "why": why[:200]}, now):
        return True
    jobs.hasten(tx, "probe", host, now)
    return False


def due(tx: Tx, now: int) -> list[tuple[str, str]]:
    """(host, why) of the peers that are to be tried now: agreed ones whose agreement consents, every week, and when they run
    another version than they were tried with."""
    found = []
    for peer in peers.with_stance(tx, ("agreed",)):
        if not _regular(tx, peer):
            continue
        rows = probes.latest(tx, peer.host)
        if len(rows) < len(CHECKS) or now - max(row.at for row in rows) >= WEEK:
            found.append((peer.host, "weekly"))
        elif peer.version is not None and any(row.version not in (None, peer.version) for row in rows):
            found.append((peer.host, f"it runs {peer.software} {peer.version} now"))
    return found


def _regular(tx: Tx, peer: Peer) -> bool:
    """Whether this peer is tried by itself."""
    return peer.stance == "agreed" and canaries.consented(tx, peer.host, agreements.IN_FORCE)


def changed(tx: Tx, site: Site, peer: Peer, software: str, version: str | None) -> None:
    """A peer runs another version than before: what it passed for was the old one."""
    if peer.version is not None and (peer.software, peer.version) != (software, version) and _regular(tx, peer):
        wanted(tx, site, peer.host, f"it runs {software} {version} now")


def finish(tx: Tx, site: Site, host: str, findings: Sequence[Finding], why: str) -> None:
    """Keep what a trial found, let the tier follow from it, and tell the peer."""
    peer = peers.by_host(tx, host)
    now = site.clock()
    for one in findings:
        digest = hashlib.sha256(rfc8785.dumps(one.evidence)).hexdigest()
        software, version = (None, None) if peer is None else (peer.software, peer.version)
        row = Probe(site.new_id(), host, one.check, one.verdict, one.text, one.evidence, digest, software, version, now)
        probes.insert(tx, row)
    trials.end(tx, host)
    verdict = verdict_of([one.verdict for one in findings])
    body = {"why": why, "verdict": verdict} | {one.check: f"{one.verdict}: {one.text}" for one in findings}
    audit.add(tx, site.new_id(), now, WHO, "peer.probe", host, body)
    if peer is not None:
        _settle(tx, site, peer, verdict, findings, now)
        _tell(tx, site, host)


def _settle(tx: Tx, site: Site, peer: Peer, verdict: str, findings: Sequence[Finding], now: int) -> None:
    """Raise the tier of a peer that passed and may see what is for members; lower it by itself when it failed, or could not
    be tried for too long."""
    from fedi.actions.peers import set_tier  # which asks for trials

    if peer.stance != "agreed":
        return
    if verdict == "failed":
        if peer.tier != "public":
            failed = "; ".join(f"{one.check}: {one.text}" for one in findings if one.verdict == "failed")
            set_tier(tx, site, peer.host, "public", f"it failed when it was tried: {failed}"[:500])
        return
    agreement = agreements.in_force(tx, peer.host)
    signed = agreement is not None and agreement.state in ("active", "notice") and not peer.one_sided
    if verdict == "passed" and signed and agreement is not None:
        tier = "members" if read(agreement.document).terms.opens("members") else "agreed"
        if peer.tier != tier:
            set_tier(tx, site, peer.host, tier, "it passed all checks")
    elif verdict == "unknown" and signed and peer.tier == "members":
        passed = [row.at for row in probes.of_host(tx, peer.host, 200) if row.verdict == "passed"]
        if now - max(passed, default=0) > PATIENCE:
            set_tier(tx, site, peer.host, "agreed", "it could not be tried for three weeks")


def report(tx: Tx, site: Site, host: str) -> Json | None:
    """What we found when we tried a peer, as a document with our proof, so that others can rely on it; None when we never did.

    The evidence stays here; its digest is told, so that it can't be changed later.
    """
    rows = probes.latest(tx, host)
    if not rows:
        return None
    peer = peers.by_host(tx, host)
    made: Json = {
        "@context": PEERING,
        "id": site.iri(f"/peering/probes/{host}"),
        "type": ["Document", REPORT],
        "attributedTo": site.instance_iri,
        "peer:about": host,
        "peer:tier": peer.tier if peer is not None else "public",
        "peer:checks": [
            {
                "check": row.check,
                "verdict": row.verdict,
                "text": row.text,
                "digest": f"sha256:{row.digest}",
                "software": " ".join(one for one in (row.software, row.version) if one),
                "at": timestamp(row.at),
            }
            for row in rows
        ],
        "published": timestamp(max(row.at for row in rows)),
    }
    try:
        return add_proof(made, site.private_key(tx, site.instance_iri, PROOF_KEY), site.clock())
    except LookupError:
        return made


def _tell(tx: Tx, site: Site, host: str) -> None:
    """Send a peer what we found, when it was asked into an agreement, so that both sides know what follows from it."""
    peer, found = peers.by_host(tx, host), report(tx, site, host)
    instance = actors.by_iri(tx, site.instance_iri)
    there = actors.by_iri(tx, peer.instance_actor) if peer is not None and peer.instance_actor is not None else None
    if found is None or instance is None or there is None or peer is None or peer.one_sided:
        return
    if canaries.consented(tx, host):
        sending.send(
            tx, site, instance, "Update", found, to=[there.iri], cc=[], audience=outbox.Audience(actors=(there.id,))
        )


def is_report(document: Json) -> bool:
    """Whether an object is a report of probes."""
    return REPORT in wire.types(document)


def told(tx: Tx, site: Site, by: Actor, document: Json) -> bool:
    """An agreed peer tells what it found when it tried somebody, us mostly; kept in the audit log. False when it is not
    believed: only the instance itself, which must be agreed, may say that."""
    peer = peers.by_host(tx, by.host)
    about = wire.string(document.get("peer:about"))
    if peer is None or peer.instance_actor != by.iri or not canaries.consented(tx, by.host) or about is None:
        return False
    checks = [_short(one) for one in wire.as_objects(document.get("peer:checks"))[:20]]
    body: dict[str, Any] = {"about": about[:300], "tier": str(document.get("peer:tier"))[:20], "checks": checks}
    audit.add(tx, site.new_id(), site.clock(), by.iri, "peer.probed", by.host, body)
    return True


def _short(check: Json) -> dict[str, str]:
    names = ("check", "verdict", "text", "digest", "software", "at")
    return {name: str(check.get(name))[:500] for name in names if check.get(name) is not None}
