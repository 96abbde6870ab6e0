"""What the institution says to another: messages about agreements, by the instance's own actor to that of the peer.

They don't go through the outbox log, whose cursor waits while a peering is suspended, but each as a job of its own
(`fedi.worker.peering`), tried for as long as anything is delivered. Whoever gets them in another order comes to the same
(`federation.peering.machine`). Each carries the instance's proof (FEP-8b32), so that it can be kept as evidence.
"""

from typing import Any

import msgspec

from federation.fields import Json, timestamp
from federation.peering.agreement import TYPE
from federation.signatures.integrity import add_proof
from federation.vocabulary.context import PEERING
from fedi.context import PROOF_KEY, Site
from fedi.errors import Invalid
from storage import actors, jobs, peers
from storage.agreements import AgreementRow
from storage.metadata import Tx

HORIZON = 30 * 24 * 3600 * 1000
"""Ms for which a message is tried."""
STATUS = ("suspended", "active", "notice", "ended")

_PROBLEM = "https://w3id.org/fep/c180#"


def send(
    tx: Tx, site: Site, host: str, document: Json, *, inbox: str | None = None, agreement_id: int | None = None
) -> bytes:
    """Queue a message by our instance actor to the instance actor of a peer, or to `inbox` if given; its JSON, with a proof,
    comes back. What became of it is noted with the agreement with this id.

    Raises Invalid when it is not known who speaks for the peer.
    """
    if inbox is None:
        peer = peers.by_host(tx, host)
        there = actors.by_iri(tx, peer.instance_actor) if peer is not None and peer.instance_actor else None
        if there is None:
            raise Invalid(f"Who speaks for {host} is not known yet; look it up first.", code="not-looked-up")
        inbox = there.inbox
    try:
        document = add_proof(document, site.private_key(tx, site.instance_iri, PROOF_KEY), site.clock())
    except LookupError as problem:
        raise Invalid(
            "This instance has no key to sign agreements with; start «fedi serve» once.", code="no-key"
        ) from problem
    body = msgspec.json.encode(document)
    payload = {
        "host": host,
        "inbox": inbox,
        "body": body.decode(),
        "until": site.clock() + HORIZON,
        "agreement": None if agreement_id is None else str(agreement_id),
    }
    jobs.add(tx, site.new_id(), "peer-message", str(document["id"])[:500], payload, site.clock())
    return body


def message(site: Site, kind: str, row: AgreementRow, target: str, signed: Json, **more: Any) -> Json:
    """The activity that says `kind` (an answer of `federation.peering.machine.step`) about a version of an agreement.

    `signed` is its document with the proofs that are there. `more`: the `reason`, the end (`until`, `at`, in ms).
    """
    reason: str | None = more.get("reason")
    made: Json = {"@context": PEERING, "id": site.iri(f"/peering/messages/{site.new_id()}"), "actor": site.instance_iri}
    made["to"] = [target]
    about = {"type": ["Document", TYPE], "id": row.iri}
    offerer, other = (site.instance_iri, target) if row.ours else (target, site.instance_iri)
    offer: Json = {"type": "Offer", "id": row.offer, "actor": offerer, "target": other}
    if kind == "offer":
        made |= {"type": "Offer", "id": row.offer, "target": target, "object": signed}
        made |= {"peer:pause": row.pause} if row.pause is not None else {}
    elif kind == "review":
        made |= {"type": "TentativeAccept", "object": offer | {"object": about}}
    elif kind == "accept":
        made |= {"type": "Accept", "object": offer | {"object": about}, "result": signed}
    elif kind == "refuse":
        problem = {"type": f"{_PROBLEM}agreement-refused", "title": "Agreement refused", "detail": reason or ""}
        made |= {"type": "Reject", "object": offer | {"object": about}, "peer:problem": problem}
    elif kind == "withdraw":
        # With all of it: who hears of it before the offer must know it when it comes.
        made |= {"type": "Undo", "object": offer | {"object": signed}}
    elif kind in ("suspend", "resume"):
        until: int | None = more.get("until")
        status = about | {"peer:status": "suspended" if kind == "suspend" else "active"}
        status |= {"peer:until": timestamp(until)} if until is not None else {}
        # Which is the newest is told by ids, which grow even when a clock is set back.
        status["peer:serial"] = str(site.new_id())
        made |= {"type": "Update", "object": status | ({"summary": reason} if reason else {})}
    else:
        at: int = more.get("at") or site.clock()
        status = about | {"peer:status": "notice" if kind == "notice" else "ended"}
        made |= {"type": "Undo", "object": {"type": "Accept", "object": status}, "endTime": timestamp(at)}
    if reason:
        made["summary"] = reason
    made["published"] = timestamp(site.clock())
    return made


def refusal(site: Site, offer: str, iri: str | None, target: str, code: str, text: str) -> Json:
    """A `Reject` of an offer that can't be taken at all, with what is wrong with it."""
    about: Json = {"type": ["Document", TYPE]} | ({"id": iri} if iri is not None else {})
    return {
        "@context": PEERING,
        "id": site.iri(f"/peering/messages/{site.new_id()}"),
        "type": "Reject",
        "actor": site.instance_iri,
        "to": [target],
        "object": {"type": "Offer", "id": offer, "actor": target, "target": site.instance_iri, "object": about},
        "peer:problem": {"type": f"{_PROBLEM}{code}", "title": "The offer can't be taken", "detail": text[:1000]},
        "summary": text[:1000],
        "published": timestamp(site.clock()),
    }
