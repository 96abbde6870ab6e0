"""Refusals in words: what a peer is told of what our policy does not take, and what we hear of what theirs does not take.

At the door the answer is a problem document (RFC 9457, with a type of FEP-c180). What was refused after it had been taken in
is told to agreed peers only, by a `Reject` of the instance actor, some a minute: to others it would say what gets through.
"""

from typing import Any

from federation import fields as wire
from federation.activity import Authentic
from federation.policy.decide import Decision, Verdict
from federation.policy.facts import Facts
from federation.vocabulary.context import PEERING
from fedi import policy
from fedi.actions import sending
from fedi.context import Site
from fedi.policy import Judged
from storage import actors, outbox, peers, troubles
from storage.actors import Actor
from storage.metadata import Tx
from storage.troubles import Trouble

NOT_AUTHORIZED = "https://w3id.org/fep/c180#actor-not-authorized"
"""The type of FEP-c180 for «who acts may not»."""
OFTEN = (20, 60)
"""Rejects that one peer is sent: so many a minute, so many at once."""
FOLLOWS = ("Follow", "Join")
_TEXT = 500


def problem(site: Site, decision: Decision, status: int = 403) -> dict[str, Any]:
    """The problem document about a decision: what is wrong in words, by which rule of which policy, that it is final, and where
    to ask. `code` is for programs."""
    return {
        "type": NOT_AUTHORIZED,
        "title": decision.code.replace("-", " "),
        "status": status,
        "detail": decision.text,
        "code": decision.code,
        "peer:rule": decision.rule or decision.code,
        "peer:policy": policy.name(site, decision.policy),
        "peer:retry": False,
        "peer:appeal": site.iri("/about"),
    }


def tell(tx: Tx, site: Site, judged: Judged) -> None:
    """Tell an agreed peer that something of it, which was taken in, was refused, and why; nothing to others, and nothing about
    what says no itself."""
    facts, decision = judged
    if facts.stance != "agreed" or facts.activity in ("Reject", "Undo", "Delete") or facts.activity_id is None:
        return
    if not site.refusals.allow(f"told {facts.host}", *OFTEN, facts.at):
        return
    ours, theirs = actors.by_iri(tx, site.instance_iri), _addressee(tx, facts)
    refused: dict[str, Any] = {"id": facts.activity_id, "type": facts.activity, "actor": facts.actor}
    if facts.activity in FOLLOWS:
        # It is answered as any Follow is, or whoever asked would wait for ever.
        ours = actors.by_iri(tx, facts.object_id or "")
        theirs = actors.by_iri(tx, facts.actor or "")
        refused["object"] = facts.object_id
    if ours is None or not ours.local or theirs is None or theirs.local:
        return
    said: dict[str, Any] = {"summary": decision.text[:_TEXT], "peer:problem": problem(site, decision)}
    sending.send(
        tx,
        site,
        ours,
        "Reject",
        refused,
        to=[theirs.iri],
        cc=[],
        audience=outbox.Audience(actors=(theirs.id,)),
        context=PEERING,
        **said,
    )


def _addressee(tx: Tx, facts: Facts) -> Actor | None:
    """The instance actor of a peer, or else who sent it."""
    peer = peers.by_host(tx, facts.host)
    named = (peer.instance_actor if peer is not None else None, facts.announcer, facts.actor)
    for iri in named:
        found = actors.by_iri(tx, iri) if iri is not None else None
        if found is not None and not found.local and found.host == facts.host:
            return found
    return None


def heard(tx: Tx, site: Site, received: Authentic, by: Actor) -> bool:
    """A peer says that its policy does not take something that we sent there: keep that, with its words, for the author to see.
    False when the Reject is about nothing that was sent."""
    named = wire.first_id(received.activity.object)
    row = outbox.by_activity(tx, named) if named is not None and site.is_local(named) else None
    if row is None or row.type in (*FOLLOWS, "QuoteRequest", "Offer"):
        return False
    peer = peers.by_host(tx, by.host)
    # Only an institution speaks for its policy, and only to whom it is agreed with: a person there who rejects something speaks
    # for themselves, and what strangers say of what they may never have got is not kept.
    if peer is None or peer.stance != "agreed" or (by.kind != "Application" and peer.instance_actor != by.iri):
        return False
    document = received.activity.document
    said = document.get("peer:problem")
    found = said if isinstance(said, dict) else {}
    text = wire.string(found.get("detail")) or wire.text_of(document, "summary") or "it does not say why"
    code = wire.string(found.get("code")) or "refused"
    if troubles.is_known(tx, by.host, row.position):
        return True
    reason = f"policy: {text}"[:_TEXT]
    troubles.add(
        tx, Trouble(site.new_id(), by.host, "", row.position, row.activity_id, "refused", reason, site.clock())
    )
    decision = Decision(Verdict.REJECT, code[:60], text[:_TEXT], rule=wire.string(found.get("peer:rule")))
    policy.keep(tx, site, decision, "out", by.host, actor=by.iri, activity_id=row.activity_id, type=row.type)
    return True
