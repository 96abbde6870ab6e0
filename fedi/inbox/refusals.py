"""What the inbox refuses: told to whoever sent it (problem details, RFC 9457), and kept for the operator within bounds.

Anybody can send rubbish, ten thousand times a second: of one sender, and of all together, so much is kept a minute.
"""

import contextlib
import logging
from collections.abc import Callable

from federation.activity import Activity
from federation.errors import FederationError
from federation.hosts import host_of
from federation.policy.decide import Decision, Verdict
from federation.policy.facts import Facts
from federation.signatures.verify import Claim
from fedi import policy
from fedi.actions import envelopes
from fedi.context import Site
from fedi.limits import network
from storage import received
from storage.database import StorageUnavailable
from storage.metadata import Tx
from storage.received import Received

log = logging.getLogger(__name__)

OFTEN = (30, 60)
"""Refusals of one sender that are kept: so many a minute, so many at once."""
OFTEN_OF_ALL = (300, 600)
"""The same of all senders together: who has a whole network has many addresses."""
_BODY = 10_000


async def keep(
    site: Site, address: str, raw: bytes, activity: Activity | None, claim: Claim | None, problem: FederationError
) -> None:
    """Keep what was refused, for the operator. That it can't be kept now changes nothing of the refusal."""
    now = site.clock()
    site.outcomes.add("refused", problem.code)
    # By the address that it came from: the host is only what it claims.
    if not allowed(site, network(address), now):
        return
    code, text = problem.code, problem.text
    host = ""
    with contextlib.suppress(FederationError):
        host = host_of(claim.key_id) if claim is not None else (host_of(activity.actor) if activity is not None else "")
    row = Received(
        id=site.new_id(),
        activity_id=activity.id if activity else "",
        type=activity.type[:60] if activity else "",
        host=host,
        actor=activity.actor if activity else "",
        key_id=claim.key_id if claim else None,
        via=None,
        body=raw[:_BODY],
        headers=None,
        state="refused",
        attempts=0,
        due_at=now,
        received_at=now,
        settled_at=now,
        code=code,
        problem=text[:500],
    )
    decision = Decision(Verdict.REJECT, code, text[:500])

    def write(tx: Tx) -> None:
        received.insert(tx, row)
        policy.keep(tx, site, decision, "in", host, actor=row.actor, activity_id=row.activity_id, type=row.type)

    await _try(site, write)


async def keep_decision(
    site: Site, decision: Decision, host: str, actor: str, activity_id: str, type: str, *, facts: Facts | None = None
) -> None:
    """Keep that policy refused an activity of a host, which is proven or will never be asked for a proof; with an envelope
    where the policy's own rules said so, by these facts."""
    site.outcomes.add("refused", decision.code)
    if not allowed(site, host, site.clock()):
        return

    def write(tx: Tx) -> None:
        if facts is not None:
            envelopes.keep(tx, site, [(facts, decision)])
        policy.keep(tx, site, decision, "in", host, actor=actor, activity_id=activity_id, type=type, facts=facts)

    await _try(site, write)


def allowed(site: Site, who: str, now: int) -> bool:
    """Whether one refusal more of this sender is kept."""
    return site.refusals.allow(who, *OFTEN, now) and site.refusals.allow("all refusals", *OFTEN_OF_ALL, now)


async def _try(site: Site, write: Callable[[Tx], None]) -> None:
    try:
        await site.db.write(write)
    except StorageUnavailable as problem:
        log.debug("a refusal could not be kept: %s", problem)
