"""What the institution of a peer says about an agreement, held against what is known here, and made so.

Everything in it may be false: who says it, what was signed, which version it is about, its order. What is refused is noted with
its reason, with the agreement where there is one, and told to who offered something that can't be taken.
"""

from collections.abc import Callable, Mapping
from typing import Any

from federation import fields as wire
from federation.activity import Activity
from federation.errors import BadSignature, FederationError, Malformed, WrongOrigin
from federation.fields import Json
from federation.hosts import same_origin
from federation.peering.agreement import Agreement, fingerprint, is_agreement, read
from federation.peering.institution import SPEAKING
from federation.peering.machine import Move, Refusal
from federation.signatures.integrity import check_in_set
from federation.signatures.keys import encode_multikey
from fedi.actions import directories, peer_messages, peer_states
from fedi.actions.peer_states import Act
from fedi.context import Site
from fedi.text import to_text
from storage import agreements, audit, jobs, keys, peers
from storage.actors import Actor
from storage.agreements import AgreementRow
from storage.metadata import Tx

OFFERS = 20
"""Offers that one host makes within a day at most ..."""
OF_HOST = 200
"""... and in all, as each is kept for good ..."""
OPEN = 500
"""... and offers of all hosts that may wait for an answer."""
MAX_REASON = 2_000

_DAY = 86_400_000
_STATUSES = (1, 30)
"""Suspensions and resumptions of one host: so many a minute, so many at once."""
_REFUSALS, _OF_ALL = (1 / 6, 30), (2, 200)
"""What is noted of refused messages, of one host and of all: so many a minute, so many at once. The log keeps it for good."""


def heard(tx: Tx, site: Site, activity: Activity, by: Actor) -> Refusal | None:
    """Make so what the actor `by` says. Why it is passed by comes back, where nothing of it was kept.

    Raises the errors of `federation.errors` for what can't be read.
    """
    peer = peers.by_host(tx, by.host)
    if by.kind not in SPEAKING:
        return Refusal("not-an-institution", f"{by.iri} is no actor that speaks for an institution")
    if peer is not None and peer.instance_actor not in (None, by.iri):
        return Refusal("wrong-party", f"for {by.host} speaks {peer.instance_actor}, not {by.iri}")
    reason = to_text(wire.text_of(activity.document, "summary") or "").strip()[:MAX_REASON] or None
    return _HEARD[activity.type](tx, site, activity, by, reason)


def offered_key(tx: Tx, site: Site, activity: Activity) -> bool:
    """Whether the proof of what is signed in a message holds by the key that is known here; else it must be read anew."""
    signed = activity.object if activity.type == "Offer" else activity.document.get("result")
    if activity.type not in ("Offer", "Accept") or not isinstance(signed, dict):
        return True
    try:
        _proof(tx, site, read(signed), activity.actor)
    except Malformed:
        return True
    except FederationError:
        return False
    return True


def _offer(tx: Tx, site: Site, activity: Activity, by: Actor, reason: str | None) -> Refusal | None:
    known = agreements.by_offer(tx, activity.id)
    if known is None and (full := _too_many(tx, site, by)) is not None:
        return full
    try:
        document = _document(activity.object)
        made = _offered(site, activity.id, document, by)
        key = _proof(tx, site, made, by.iri)
        _as_pinned(tx, by.host, key)
    except FederationError as problem:
        return _cant_be_taken(tx, site, activity, by, problem)
    pause = "private" if activity.document.get("peer:pause") == "private" else None
    row = peer_states.row_of(site, by.host, activity.id, made, ours=False, pause=pause)
    move = Move(kind="offer", by="theirs", offer=row.offer, iri=row.iri, version=peer_states.version_of(site, row))
    act = Act(by.iri, move, "offered", reason, new=row, body=activity.raw[:_BODY], audited="peer.offered")
    refusal = peer_states.make(tx, site, by.host, act)
    if refusal is None:
        jobs.add(tx, site.new_id(), "institution", by.host, {"host": by.host}, site.clock())
        return None
    if known is not None:
        return _noted(tx, site, by, known, refusal)
    return _cant_be_taken(tx, site, activity, by, Malformed(refusal.text, code=refusal.code))


def _too_many(tx: Tx, site: Site, by: Actor) -> Refusal | None:
    """Why no further offer of a host is kept, if so."""
    day_ago = site.clock() - _DAY
    theirs = [row.created_at for row in agreements.of_host(tx, by.host) if not row.ours]
    if len(theirs) >= OF_HOST or len([at for at in theirs if at > day_ago]) >= OFFERS:
        return Refusal("too-many", f"{by.host} offered {OFFERS} agreements within a day, or {OF_HOST} in all")
    if agreements.count(tx, "offered", "review") >= OPEN:
        return Refusal("too-many", f"{OPEN} offers wait for an answer here already")
    return None


_BODY = 192 * 1024  # an agreement has 128 KiB at most; each is kept for good


def _document(value: object) -> Json:
    found = next(iter(wire.as_objects(value)), None)
    if found is None or not is_agreement(found):
        raise Malformed("object: an offer embeds its agreement", code="bad-agreement")
    return found


def _offered(site: Site, offer: str, document: Json, by: Actor) -> Agreement:
    """An agreement that somebody offers us. Raises Malformed, WrongOrigin or TooLarge."""
    made = read(document)
    if made.parties != (by.iri, site.instance_iri):
        raise WrongOrigin("peer:parties: they are not who offers it and this institution", code="wrong-party")
    if not same_origin(offer, by.iri):
        raise WrongOrigin("the offer has an id of another origin than who makes it")
    if len(document.get("proof", [])) > 1 and isinstance(document["proof"], list):
        raise Malformed("proof: what is offered is signed by one side alone", code="bad-agreement")
    return made


def _proof(tx: Tx, site: Site, made: Agreement, signer: str) -> str:
    """The Multikey by which `signer` signed an agreement. Raises BadSignature or MissingSignature."""
    named = [str(one.get("verificationMethod", "")) for one in made.proofs]
    key_id = next((one for one in named if one.partition("#")[0] == signer), None)
    key = site.public_key(tx, key_id) if key_id is not None else None
    row = keys.by_id(tx, key_id) if key_id is not None else None
    if key_id is None or key is None or row is None or key.owner != signer:
        raise BadSignature("proof: it is signed by no key that its institution lists", code="no-key")
    try:
        check_in_set(made.signed, key, site.clock())
    except BadSignature as problem:
        if "future" in problem.text:
            raise BadSignature("proof: it is from the future; compare the clocks", code="clock") from problem
        raise
    return row.public if row.public.startswith("z") else encode_multikey(row.public)


def _as_pinned(tx: Tx, host: str, key: str) -> None:
    """Raises BadSignature for another key than the one that an admin confirmed."""
    peer = peers.by_host(tx, host)
    if peer is not None and peer.pinned_key not in (None, key):
        raise BadSignature(
            f"proof: it is by another key than the one that was confirmed for {host}; ask their admin for the fingerprint "
            f"(the new key has {fingerprint(key)}), and confirm it by «fedi peer pin»",
            code="key-changed",
        )


def _cant_be_taken(tx: Tx, site: Site, activity: Activity, by: Actor, problem: FederationError) -> Refusal | None:
    """Tell who offered what is wrong with it, and keep that they did; within bounds."""
    if not _allowed(site, by.host):
        return Refusal(problem.code, problem.text)
    document = next(iter(wire.as_objects(activity.object)), {})
    iri = wire.id_of(document)
    made = peer_messages.refusal(site, activity.id, iri, by.iri, problem.code, problem.text)
    peer_messages.send(tx, site, by.host, made, inbox=by.inbox)
    body = {"offer": activity.id, "code": problem.code, "text": problem.text[:1000]}
    audit.add(tx, site.new_id(), site.clock(), by.iri, "peer.refused-offer", by.host, body)
    return None


def _review(tx: Tx, site: Site, activity: Activity, by: Actor, reason: str | None) -> Refusal | None:
    row = _of_offer(tx, activity, by)
    if row is None:
        return _unknown(activity)
    act = Act(by.iri, Move(kind="review", by="theirs", offer=row.offer), "they look at it", body=activity.raw[:_BODY])
    return _make(tx, site, by, act, row)


def _accept(tx: Tx, site: Site, activity: Activity, by: Actor, reason: str | None) -> Refusal | None:
    row = _of_offer(tx, activity, by)
    if row is None:
        return _unknown(activity)
    try:
        made = read(_document(activity.document.get("result")))
        if made.digest != row.digest:
            return _noted(tx, site, by, row, Refusal("altered", "what they signed is not what was offered here"))
        key = _proof(tx, site, made, by.iri)
        _as_pinned(tx, by.host, key)
    except FederationError as problem:
        return _noted(tx, site, by, row, Refusal(problem.code, problem.text))
    peer = peers.by_host(tx, by.host)
    trusted = peer is not None and peer.pinned_key == key
    if not trusted and directories.confirms(tx, site, by.host, fingerprint(key)) is not None:
        peers.change(tx, by.host, pinned_key=key)
        trusted = True
    proofs = [one for one in row.proofs if str(one.get("verificationMethod")).partition("#")[0] == site.instance_iri]
    proofs += [one for one in made.proofs if str(one.get("verificationMethod")).partition("#")[0] == by.iri][:1]
    move = Move(kind="sign", by="theirs", offer=row.offer, digest=made.digest, trusted=trusted)
    text = "they signed" if trusted else "they signed, by a key that nobody confirmed yet: compare its fingerprint"
    act = Act(by.iri, move, text, proofs=proofs, body=activity.raw[:_BODY], audited="peer.signed")
    return _make(tx, site, by, act, row)


def _reject(tx: Tx, site: Site, activity: Activity, by: Actor, reason: str | None) -> Refusal | None:
    row = _of_offer(tx, activity, by)
    if row is None:
        return _unknown(activity)
    problem = activity.document.get("peer:problem")
    said = wire.string(problem.get("detail")) if isinstance(problem, dict) else None
    why = reason or (said or "").strip()[:MAX_REASON] or None
    move = Move(kind="refuse", by="theirs", offer=row.offer)
    act = Act(by.iri, move, "they refused", why, body=activity.raw[:_BODY], audited="peer.refused")
    return _make(tx, site, by, act, row)


def _update(tx: Tx, site: Site, activity: Activity, by: Actor, reason: str | None) -> Refusal | None:
    status = next(iter(wire.as_objects(activity.object)), {})
    kind = {"suspended": "suspend", "active": "resume"}.get(str(status.get("peer:status")))
    serial = str(status.get("peer:serial", ""))
    row = _of_iri(tx, status, by)
    if kind is None or not (serial.isascii() and serial.isdigit() and 0 < int(serial[:20]) < 2**63):
        return Refusal(
            "unknown-status", "it says neither that the agreement is suspended nor that it is active, and when"
        )
    if row is None:
        return _unknown(activity)
    if not site.refusals.allow(f"peering status {by.host}", *_STATUSES, site.clock()):
        return Refusal(
            "too-often", f"{by.host} suspends and resumes too often; the next word is heard again in a minute"
        )
    said = to_text(wire.text_of(status, "summary") or "").strip()[:MAX_REASON] or reason
    move = Move(kind=kind, by="theirs", iri=row.iri, stamp=int(serial))
    text = "they suspended it" if kind == "suspend" else "they resumed it"
    until = wire.milliseconds(status.get("peer:until")) if kind == "suspend" else None
    audited = f"peer.{'suspended' if kind == 'suspend' else 'resumed'}"
    act = Act(by.iri, move, text, said, until=until, body=activity.raw[:_BODY], audited=audited)
    return _make(tx, site, by, act, row)


def _undo(tx: Tx, site: Site, activity: Activity, by: Actor, reason: str | None) -> Refusal | None:
    undone = next(iter(wire.as_objects(activity.object)), {})
    if "Offer" in wire.types(undone):
        return _withdraw(tx, site, activity, undone, by, reason)
    status = next(iter(wire.as_objects(undone.get("object"))), {})
    row = _of_iri(tx, status, by)
    if row is None:
        return _unknown(activity)
    at = wire.milliseconds(activity.document.get("endTime"))
    if at is not None and at > site.clock() and status.get("peer:status") == "notice":
        move = Move(kind="notice", by="theirs", iri=row.iri, at=at)
        act = Act(by.iri, move, "they gave notice", reason, body=activity.raw[:_BODY], audited="peer.noticed")
    else:
        move = Move(kind="end", by="theirs", iri=row.iri)
        act = Act(by.iri, move, "they ended it", reason, body=activity.raw[:_BODY], audited="peer.ended")
    return _make(tx, site, by, act, row)


def _withdraw(tx: Tx, site: Site, activity: Activity, undone: Json, by: Actor, reason: str | None) -> Refusal | None:
    offer = wire.id_of(undone)
    if offer is None:
        return _unknown(activity)
    row = agreements.by_offer(tx, offer)
    new = None
    if row is None:
        # It overtook its offer: what is withdrawn is kept, so that it is not open when it comes.
        full = _too_many(tx, site, by)
        if full is not None:
            return full
        made = _offered(site, offer, _document(undone.get("object")), by)
        _proof(tx, site, made, by.iri)
        new = peer_states.row_of(site, by.host, offer, made, ours=False, pause=None)
    elif row.host != by.host:
        return _unknown(activity)
    version = peer_states.version_of(site, new) if new is not None else None
    move = Move(kind="withdraw", by="theirs", offer=offer, version=version)
    act = Act(by.iri, move, "they withdrew it", reason, new=new, body=activity.raw[:_BODY], audited="peer.withdrawn")
    return _make(tx, site, by, act, row)


def _of_offer(tx: Tx, activity: Activity, by: Actor) -> AgreementRow | None:
    """The agreement whose offer a message answers; None when it is none with who answers."""
    named = wire.first_id(activity.object)
    row = agreements.by_offer(tx, named) if named is not None else None
    return row if row is not None and row.host == by.host and row.state != "draft" else None


def _of_iri(tx: Tx, status: Mapping[str, Any], by: Actor) -> AgreementRow | None:
    named = wire.id_of(dict(status))
    row = agreements.by_iri(tx, named) if named is not None else None
    return row if row is not None and row.host == by.host and row.state != "draft" else None


def _unknown(activity: Activity) -> Refusal:
    return Refusal("unknown-agreement", f"this {activity.type} is about no agreement with its sender")


def _make(tx: Tx, site: Site, by: Actor, act: Act, row: AgreementRow | None) -> Refusal | None:
    refusal = peer_states.make(tx, site, by.host, act)
    return None if refusal is None else _noted(tx, site, by, row, refusal)


def _noted(tx: Tx, site: Site, by: Actor, row: AgreementRow | None, refusal: Refusal) -> Refusal | None:
    """Note a refusal with the agreement that it is about, so many an hour; what is not noted there comes back."""
    if row is None or row.host != by.host or not _allowed(site, by.host):
        return refusal
    peer_states.event(tx, site, row, by.iri, "ignore", f"not taken ({refusal.code}): {refusal.text}")
    return None


def _allowed(site: Site, host: str) -> bool:
    now = site.clock()
    return site.refusals.allow(f"peering {host}", *_REFUSALS, now) and site.refusals.allow("peering", *_OF_ALL, now)


_HEARD: Mapping[str, Callable[[Tx, Site, Activity, Actor, str | None], Refusal | None]] = {
    "Offer": _offer,
    "TentativeAccept": _review,
    "Accept": _accept,
    "Reject": _reject,
    "Update": _update,
    "Undo": _undo,
}
