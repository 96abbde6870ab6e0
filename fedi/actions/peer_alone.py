"""What we decide about a peer by ourselves: what we agree to with a server that knows no agreements, how far we trust it, whether it
is blocked; and the suspension and end of what only we agreed to. Nobody there is told, as nobody there would read it.
"""

from dataclasses import replace

from federation.peering.agreement import Terms
from federation.peering.institution import Found
from fedi.actions import peer_states, pending, scopes, suspensions
from fedi.actions.peer_checked import MAX_REASON, not_blocked, noted, peer_row, reason_given, written
from fedi.actions.peer_requests import answer_request, requests
from fedi.context import Site
from fedi.errors import Invalid
from storage import agreements, peers
from storage.agreements import IN_FORCE, AgreementRow
from storage.events import note
from storage.metadata import Tx
from storage.peers import Peer


def agree_alone(tx: Tx, site: Site, who: str, host: str, terms: Terms) -> AgreementRow:
    """Agree to terms for a peer whose software knows no agreements (Mastodon, Lemmy): what it would sign we keep by ourselves,
    and say everywhere that it is one-sided. Raises Invalid when the other side has signed one, or Malformed."""
    peer = peer_row(tx, site, host)
    not_blocked(peer)
    current = agreements.in_force(tx, host)
    if current is not None and not peer.one_sided:
        raise Invalid(f"{host} has signed an agreement; «fedi peer change» offers other terms.", code="agreed")
    if peer.stance == "suspended":
        raise Invalid(f"{host} is suspended; resume it first.", code="suspended")
    if current is not None and terms.ends is not None:
        pending.not_too_soon(tx, site, terms.ends)
    there = peer.instance_actor or f"https://{host}/"
    found = Found(host, there, None, None, None, peer.software, peer.version, speaks=False)
    row = written(tx, site, found, terms, replaces=current.iri if current is not None else None)
    now = site.clock()
    if current is not None:
        agreements.change(tx, current.id, state="replaced", changed_at=now)
    row = replace(row, state="active")
    agreements.insert(tx, row)
    peer_states.event(tx, site, row, who, "sign", "agreed by us alone: the other side speaks of no agreements")
    peers.change(
        tx, host, stance="agreed", one_sided=True, reason=None, tier="agreed" if peer.tier == "public" else peer.tier
    )
    suspensions.restored(tx, site, host)
    if any(one.host == host for one in requests(tx, site)):
        answer_request(tx, site, who, host, accept=True)
    noted(tx, site, who, "peer.agree-alone", host, {"version": row.version, "digest": row.digest})
    scopes.agreement_changed(tx, site, host)
    note(tx, "policy")
    return row


def suspend(tx: Tx, site: Site, who: str, peer: Peer, reason: str, until: int | None) -> None:
    """Suspend a peer that has signed nothing. Raises Invalid when it is suspended."""
    if peer.stance == "suspended":
        raise Invalid(f"{peer.host} is suspended already.", code="suspended")
    peers.change(tx, peer.host, reason=reason, suspended_by="ours")
    suspensions.began(tx, site, peer.host, until)
    _row_shows(tx, site, who, peer.host, "suspended", "suspend", reason)
    noted(tx, site, who, "peer.suspend", peer.host, {"reason": reason})
    scopes.agreement_changed(tx, site, peer.host)
    note(tx, "policy")


def resume(tx: Tx, site: Site, who: str, peer: Peer) -> None:
    """End that. Raises Invalid when it is not suspended."""
    if peer.stance != "suspended":
        raise Invalid(f"{peer.host} is not suspended.", code="not-suspended")
    peers.change(tx, peer.host, suspended_by=None, reason=None)
    suspensions.over(tx, site, peer.host)
    _row_shows(tx, site, who, peer.host, "active", "resume", None)
    noted(tx, site, who, "peer.resume", peer.host, {})
    scopes.agreement_changed(tx, site, peer.host)
    note(tx, "policy")


def end(tx: Tx, site: Site, who: str, peer: Peer, reason: str) -> None:
    """End what only we agreed to. Raises Invalid when there is nothing."""
    if peer.stance not in ("agreed", "suspended"):
        raise Invalid(f"There is nothing agreed with {peer.host}.", code="no-agreement")
    _row_shows(tx, site, who, peer.host, "ended", "end", reason)
    peers.change(tx, peer.host, tier="public", one_sided=False, suspended_by=None)
    suspensions.ended(tx, site, peer.host, "ended")
    noted(tx, site, who, "peer.end", peer.host, {"reason": reason})
    scopes.agreement_changed(tx, site, peer.host)
    note(tx, "policy")


def set_tier(tx: Tx, site: Site, host: str, tier: str, reason: str) -> None:
    """How far a peer is trusted, as its probes show: `public`, `agreed` or `members`. Raises Invalid for more than is agreed."""
    peer = peers.by_host(tx, host)
    if peer is None or tier not in peers.TIERS:
        raise Invalid(f"There is no peer {host}, or no tier {tier}.", code="tier")
    if tier != "public" and "agreed" not in (peer.stance, peer.stance_before):
        raise Invalid(f"There is no agreement with {host} in force.", code="no-agreement")
    if peer.tier == tier:
        return
    peers.change(tx, host, tier=tier)
    row = agreements.in_force(tx, host)
    if row is not None:
        peer_states.event(tx, site, row, "fedi", "tier", f"tier {peer.tier} -> {tier}: {reason}")
    noted(tx, site, "fedi", "peer.tier", host, {"before": peer.tier, "tier": tier, "reason": reason[:MAX_REASON]})
    scopes.agreement_changed(tx, site, host)
    if tier == "members":
        suspensions.trusted(tx, site, host)


def set_stance(tx: Tx, site: Site, who: str, host: str, stance: str, reason: str) -> None:
    """Block or limit a host that nothing is agreed with, or take that back (`none`). One with an agreement can be blocked, too;
    when that is taken back, it stands as the agreement says. Raises Invalid."""
    if stance not in ("none", "limited", "blocked"):
        raise Invalid("A host is none, limited or blocked; what is agreed comes by agreements.", code="stance")
    peer = peer_row(tx, site, host)
    current, before = agreements.in_force(tx, host), None
    if current is not None and stance == "none" and peer.stance == "blocked":
        stance, before = ("suspended", "agreed") if current.state == "suspended" else ("agreed", None)
    elif current is not None and stance != "blocked":
        raise Invalid(f"There is an agreement with {host}; suspend or end it.", code="agreed")
    given = reason_given(reason) if stance in ("limited", "blocked") else None
    peers.change(tx, host, stance=stance, stance_before=before, reason=given)
    noted(tx, site, who, "peer.stance", host, {"before": peer.stance, "stance": stance, "reason": reason[:MAX_REASON]})
    if current is not None:
        scopes.agreement_changed(tx, site, host)
    note(tx, "policy")


def _row_shows(tx: Tx, site: Site, who: str, host: str, state: str, kind: str, reason: str | None) -> None:
    """The state of what we agreed to alone, if there is such a row."""
    row = agreements.in_force(tx, host)
    if row is not None and row.state in IN_FORCE:
        agreements.change(tx, row.id, state=state, reason=reason, changed_at=site.clock())
        peer_states.event(tx, site, row, who, kind, reason or kind)
