"""The sender whose key is not in memory: from the database, or else from its own server, once however many ask for it.

A key that can't be had now does not lose the activity: it is kept within a bound, and verified later.
"""

from typing import Any

from starlette.types import Scope

from federation.activity import Activity
from federation.errors import KeyUnavailable
from federation.peering.machine import is_peering
from federation.policy.decide import Decision, Verdict
from federation.signatures.keys import PublicKey
from federation.signatures.verify import Claim
from fedi import fetching, policy
from fedi.context import Site
from fedi.facts import AGREEMENT
from fedi.inbox import refusals
from fedi.inbox.answers import ACCEPTED, LATER, Answer, busy, suspended, unwanted
from fedi.signatures import target
from storage import actors, received
from storage.metadata import Tx
from storage.received import Received

PATIENCE = 60_000
"""Ms after which what was kept without a proof is looked at for the first time."""
LARGEST = 64 << 10
"""Bytes that are kept without a proof at most: far more than people write."""


async def key_of_unknown(
    site: Site, scope: Scope, who: str, activity: Activity, claim: Claim, host: str
) -> PublicKey | Answer:
    """The key that the claim names, or the answer when there is none to be had.

    `who` sent the request, as far as bounds go; `host` is the claim's. Raises the errors of `federation.errors`.
    """
    try:
        if not _of_itself(activity):
            fetching.check_failed(site, claim.key_id)
        key, decision, gone = await site.db.read(lambda tx: _known(tx, site, claim, host, activity))
        if decision.verdict is Verdict.REJECT and decision.code in LATER:
            return suspended(decision)
        if decision.verdict is Verdict.REJECT:
            await refusals.keep_decision(site, decision, host, activity.actor, activity.id, activity.type)
            return unwanted(site, decision)
        if gone:
            return ACCEPTED
        return key or await fetching.key(site, claim.key_id, about=_about(activity))
    except KeyUnavailable as unavailable:
        return await _keep(site, scope, who, activity, claim, host, unavailable)


def _of_itself(activity: Activity) -> bool:
    """Whether an actor says that it is deleted."""
    return activity.type == "Delete" and activity.object == activity.actor


def _about(activity: Activity) -> str | None:
    """What it says that it is about, where policy makes a difference of that before anything is proven: how two institutions
    that nothing connects yet would agree on anything."""
    return AGREEMENT if is_peering(activity.type, activity.document) else None


def _known(tx: Tx, site: Site, claim: Claim, host: str, activity: Activity) -> tuple[PublicKey | None, Decision, bool]:
    """(the key if we have it, what policy says of its host, whether it is a Delete of somebody we never heard of)."""
    key = site.public_key(tx, claim.key_id)
    decision = policy.receiving(tx, site, host, activity.type, _about(activity))
    # The whole network hears when an account ends. Of one that was never known there is nothing to delete, and its
    # key is gone with it, so nothing is asked (Mastodon answers 202 as well).
    gone = key is None and _of_itself(activity) and actors.by_iri(tx, activity.actor) is None
    return key, decision, gone


async def _keep(
    site: Site, scope: Scope, who: str, activity: Activity, claim: Claim, host: str, unavailable: KeyUnavailable
) -> Answer:
    now, why = site.clock(), unavailable.text
    # Nothing of it is proven: what anybody can make us keep has a bound. Who is honest tries again.
    if len(activity.raw) > LARGEST or not (
        site.refusals.allow(f"unproven {who}", *refusals.OFTEN, now)
        and site.refusals.allow("all unproven", *refusals.OFTEN_OF_ALL, now)
    ):
        return busy(unavailable.code, why, 60)
    headers: dict[str, Any] = {
        "method": scope["method"],
        "target": target(scope),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]][:100],
    }
    row = Received(
        id=site.new_id(),
        activity_id=activity.id,
        type=activity.type[:60],
        host=host,
        actor=activity.actor,
        key_id=claim.key_id,
        via=None,
        body=activity.raw,
        headers=headers,
        state="new",
        attempts=0,
        due_at=now + PATIENCE,
        received_at=now,
        settled_at=None,
        code=None,
        problem=why,
    )
    await site.db.write(lambda tx: received.insert(tx, row))
    return ACCEPTED
