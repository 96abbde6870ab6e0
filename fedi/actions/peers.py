"""What admins do about peering: offer terms to an institution, review, sign, refuse or withdraw, change them, suspend, resume, give
notice and end. Each act writes the agreement and its events, the audit log, how we stand to the peer, and what it is told.

`who` is the name of an admin, `command line`, or `fedi` for what its time has come for. What the other side says is
`fedi.actions.peer_heard`.
"""

from dataclasses import replace

from federation.peering.agreement import Terms, fingerprint, read
from federation.peering.institution import Found
from federation.peering.machine import Move
from federation.peering.terms_compared import Row, compare, widens
from fedi.actions import peer_alone, peer_keys, peer_states, pending
from fedi.actions.own_terms import our_terms
from fedi.actions.peer_alone import agree_alone, set_stance, set_tier
from fedi.actions.peer_checked import agreement_row, make, not_blocked, not_held, noted, peer_row, reason_given, written
from fedi.actions.peer_keys import confirm, our_fingerprint
from fedi.actions.peer_requests import answer_request, requests
from fedi.actions.peer_states import Act
from fedi.context import Site
from fedi.errors import Invalid
from storage import agreements, peers
from storage.agreements import AgreementRow
from storage.metadata import Tx
from storage.peers import Peer

__all__ = [
    "agree_alone",
    "answer_request",
    "change",
    "compared",
    "confirm",
    "draft",
    "end",
    "invite",
    "is_confirmed",
    "notice",
    "offer",
    "our_fingerprint",
    "our_terms",
    "refuse",
    "requests",
    "resume",
    "review",
    "set_stance",
    "set_tier",
    "shown_keys",
    "sign",
    "suspend",
    "withdraw",
]  # fmt: skip

COMMAND_LINE = "command line"


def compared(tx: Tx, site: Site, agreement_id: int) -> tuple[Row, ...]:
    """An agreement's terms beside those in force with that peer, or else our own. Raises NotFound."""
    row = agreement_row(tx, agreement_id)
    current = agreements.in_force(tx, row.host)
    ours = read(current.document).terms if current is not None and current.id != row.id else our_terms(site)
    return compare(ours, read(row.document).terms)


def shown_keys(tx: Tx, host: str) -> list[str]:
    """The fingerprints of the keys that a peer shows now."""
    return [fingerprint(one) for one in peer_keys.shown(tx, host)]


def is_confirmed(tx: Tx, host: str) -> bool:
    """Whether the key of a peer is confirmed as its institution's."""
    peer = peers.by_host(tx, host)
    return peer is not None and peer.pinned_key is not None


def draft(tx: Tx, site: Site, who: str, found: Found, terms: Terms) -> AgreementRow:
    """Write terms for an institution down without telling it. Raises Invalid or Malformed."""
    row = written(tx, site, found, terms, replaces=None)
    agreements.insert(tx, replace(row, state="draft"))
    noted(tx, site, who, "peer.draft", found.host, {"version": row.version, "digest": row.digest})
    return replace(row, state="draft")


def invite(tx: Tx, site: Site, who: str, found: Found, terms: Terms, *, fingerprint: str | None = None) -> AgreementRow:
    """Offer terms to an institution that was looked up, signed by ours; the row comes back.

    `fingerprint` is that of its key as its admin gave it. Without it, and without a directory that confirms the key, what they
    sign waits here until `sign` confirms the key. Raises Invalid (also when it speaks of no agreements) or Malformed.
    """
    if not found.speaks:
        raise Invalid(
            f"{found.host} does not say that it understands agreements"
            f"{f' ({found.software})' if found.software else ''}; agree alone instead: fedi peer agree-alone {found.host}",
            code="not-spoken",
        )
    peer = peer_row(tx, site, found.host)
    not_blocked(peer)
    not_held(tx, peer)
    _speaker(tx, peer, found)
    if found.key is None:
        raise Invalid(f"{found.host} lists no key for agreements.", code="no-key")
    peer_keys.pin(tx, site, who, peer, found.key, fingerprint, needed=False)
    current = agreements.in_force(tx, found.host)
    replaces = current.iri if current is not None and not peer.one_sided else None
    return _offer(tx, site, who, written(tx, site, found, terms, replaces=replaces), "peer.invite", "offered", None)


def offer(tx: Tx, site: Site, who: str, agreement_id: int, *, fingerprint: str | None = None) -> AgreementRow:
    """Offer what was drafted, as `invite`. Raises NotFound, or Invalid, also when another version was offered since."""
    row = agreement_row(tx, agreement_id)
    if row.state != "draft":
        raise Invalid(f"Number {row.id} is no draft: it is {row.state}.", code="not-a-draft")
    peer = peer_row(tx, site, row.host)
    not_blocked(peer)
    not_held(tx, peer)
    keys = peer_keys.shown(tx, row.host)
    if peer.instance_actor != peer_states.other_party(site, row) or not keys:
        raise Invalid(f"{row.host} speaks through another actor or key by now; invite it again.", code="wrong-party")
    peer_keys.pin(tx, site, who, peer, keys[0], fingerprint, needed=False)
    return _offer(tx, site, who, replace(row, state="offered"), "peer.invite", "offered", None)


def change(
    tx: Tx, site: Site, who: str, host: str, terms: Terms, *, pause: bool | None = None, reason: str | None = None
) -> AgreementRow:
    """Offer new terms in place of those in force, which stay until both have signed.

    `pause`: what is not public waits for the peer until then; by default where the new terms let less flow. Raises Invalid when
    there is nothing in force, or Malformed.
    """
    current = agreements.in_force(tx, host)
    peer = peers.by_host(tx, host)
    if current is None or peer is None:
        raise Invalid(
            f"There is no agreement with {host} in force; «fedi peer invite» begins one.", code="no-agreement"
        )
    if peer.one_sided:
        raise Invalid(
            f"{host} has signed nothing; «fedi peer agree-alone» changes what we alone agreed to.", code="one-sided"
        )
    before = read(current.document).terms
    tighter = any(row.relation == "narrower" and row.field in _OPENING for row in compare(before, terms))
    found = Found(
        host, peer_states.other_party(site, current), None, None, None, peer.software, peer.version, speaks=True
    )
    row = written(tx, site, found, terms, replaces=current.iri)
    row = replace(row, pause="private" if (tighter if pause is None else pause) else None)
    wider = ", ".join(widens(before, terms))
    text = f"offered new terms{f', wider in: {wider}' if wider else ''}"
    return _offer(tx, site, who, row, "peer.change", text, reason)


_OPENING = ("visibility", "groups", "personal_data", "media", "erasure_within")
"""The fields that say what flows and what becomes of it: where they are tightened, nothing private flows under the old ones."""


def review(tx: Tx, site: Site, who: str, agreement_id: int) -> AgreementRow:
    """Tell the other side that its offer is being looked at. Raises NotFound or Invalid."""
    row = agreement_row(tx, agreement_id)
    make(
        tx,
        site,
        row.host,
        Act(who, Move(kind="review", by="ours", offer=row.offer), "is being looked at", audited="peer.review"),
    )
    return agreement_row(tx, agreement_id)


def sign(tx: Tx, site: Site, who: str, agreement_id: int, *, fingerprint: str | None = None) -> AgreementRow:
    """Sign what they offered; or, of what we offered and they signed, confirm their key. Then it is in force.

    The first time `fingerprint` must be that of their key as their admin gave it, by another way than this one, unless a
    followed directory confirms it. Raises NotFound or Invalid, which says what to do.
    """
    row = agreement_row(tx, agreement_id)
    peer = peer_row(tx, site, row.host)
    not_blocked(peer)
    not_held(tx, peer)
    there = peer_states.other_party(site, row)
    if peer.instance_actor is None:
        raise Invalid(f"Who speaks for {row.host} is being looked up; try again in a minute.", code="not-looked-up")
    if peer.instance_actor != there:
        raise Invalid(
            f"The offer is by {there}, but for {row.host} speaks {peer.instance_actor}: refuse it.", code="wrong-party"
        )
    multikey = peer_keys.their_key(tx, site, row, there)
    if row.ours:
        if multikey is None:
            raise Invalid(f"You offered this; {row.host} signs it.", code="own-offer")
        peer_keys.pin(tx, site, who, peer, multikey, fingerprint, needed=True)
        act = Act(
            who, Move(kind="confirm", by="ours", offer=row.offer), "their key is confirmed", audited="peer.confirm"
        )
    else:
        if multikey is None:
            raise Invalid(f"{row.host} has not signed its own offer; refuse it.", code="no-proof")
        if row.state in ("offered", "review"):
            peer_keys.pin(tx, site, who, peer, multikey, fingerprint, needed=True)
        move = Move(kind="sign", by="ours", offer=row.offer, digest=row.digest, trusted=True)
        act = Act(who, move, "signed", proofs=peer_keys.signed(tx, site, row), audited="peer.sign")
    make(tx, site, row.host, act)
    return agreement_row(tx, agreement_id)


def refuse(tx: Tx, site: Site, who: str, agreement_id: int, reason: str) -> AgreementRow:
    """Refuse what they offered, with the reason, which they are told. Raises NotFound or Invalid."""
    row = agreement_row(tx, agreement_id)
    move = Move(kind="refuse", by="ours", offer=row.offer)
    make(tx, site, row.host, Act(who, move, "refused", reason=reason_given(reason), audited="peer.refuse"))
    return agreement_row(tx, agreement_id)


def withdraw(tx: Tx, site: Site, who: str, agreement_id: int) -> AgreementRow:
    """Take back what we offered. Raises NotFound or Invalid."""
    row = agreement_row(tx, agreement_id)
    if row.state == "draft":
        agreements.change(tx, row.id, state="withdrawn", changed_at=site.clock())
        noted(tx, site, who, "peer.withdraw", row.host, {"version": row.version})
    else:
        move = Move(kind="withdraw", by="ours", offer=row.offer)
        make(tx, site, row.host, Act(who, move, "withdrawn", audited="peer.withdraw"))
    return agreement_row(tx, agreement_id)


def suspend(tx: Tx, site: Site, who: str, host: str, reason: str, until: int | None = None) -> None:
    """Stop all that is between us and a peer, at once; nothing is lost, and `resume` brings it back. At `until` (ms; 30 days from
    now at most and by default, and not before the time lock of `fedi.actions.pending`) it ends for good. Also for a peer that nothing is agreed with. Raises Invalid."""
    reason = reason_given(reason)
    peer = peer_row(tx, site, host)
    not_blocked(peer)
    if until is not None:
        pending.not_too_soon(tx, site, until)
    if agreements.in_force(tx, host) is None or peer.one_sided:
        peer_alone.suspend(tx, site, who, peer, reason, until)
        return
    act = Act(who, Move(kind="suspend", by="ours"), "suspended", reason=reason, until=until, audited="peer.suspend")
    make(tx, site, host, act)


def resume(tx: Tx, site: Site, who: str, host: str) -> None:
    """End our suspension of a peer: follows are as they were, and what was missed is caught up with. If they suspended us as
    well, it goes on when they resume, too. Raises Invalid."""
    peer = peer_row(tx, site, host)
    if agreements.in_force(tx, host) is None or peer.one_sided:
        peer_alone.resume(tx, site, who, peer)
        return
    make(tx, site, host, Act(who, Move(kind="resume", by="ours"), "resumed", audited="peer.resume"))


def notice(tx: Tx, site: Site, who: str, host: str, at: int, reason: str) -> None:
    """Tell a peer that the agreement ends at `at` (ms); until then it is in force. Raises Invalid, also
    for an end sooner than the time lock of `fedi.actions.pending`."""
    if at <= site.clock():
        raise Invalid("The time of the end is past; «fedi peer end» ends it now.", code="past")
    pending.not_too_soon(tx, site, at)
    move = Move(kind="notice", by="ours", at=at)
    make(tx, site, host, Act(who, move, "ends by notice", reason=reason_given(reason), audited="peer.notice"))


def end(tx: Tx, site: Site, who: str, host: str, reason: str) -> None:
    """End what is agreed with a peer, now and for good; a new agreement can be signed later. Raises Invalid.

    Whoever is no program asks by `fedi.actions.pending`, so that a second admin agrees.
    """
    reason = reason_given(reason)
    peer = peer_row(tx, site, host)
    if agreements.in_force(tx, host) is None or peer.one_sided:
        peer_alone.end(tx, site, who, peer, reason)
        return
    make(tx, site, host, Act(who, Move(kind="end", by="ours"), "ended", reason=reason, audited="peer.end"))


def _offer(
    tx: Tx, site: Site, who: str, row: AgreementRow, audited: str, text: str, reason: str | None
) -> AgreementRow:
    row = replace(row, proofs=peer_keys.signed(tx, site, row))
    move = Move(kind="offer", by="ours", offer=row.offer, iri=row.iri, version=peer_states.version_of(site, row))
    make(tx, site, row.host, Act(who, move, text, reason=reason, new=row, proofs=row.proofs, audited=audited))
    return agreement_row(tx, row.id)


def _speaker(tx: Tx, peer: Peer, found: Found) -> None:
    """Note who speaks for a host, which an admin has just looked up."""
    if peer.instance_actor not in (None, found.instance_actor):
        current = agreements.in_force(tx, peer.host)
        if current is not None:
            raise Invalid(
                f"For {peer.host} speaks {found.instance_actor} now, but the agreement is with {peer.instance_actor}.",
                code="wrong-party",
            )
    peers.change(tx, peer.host, instance_actor=found.instance_actor)
