"""The jobs of agreements: `peer-message` sends one message to a peer's institution, `agreements` does what its time has come for."""

from typing import Any

from federation.errors import FederationError
from fedi.actions import agreement_times, peer_states
from fedi.context import Site
from fedi.worker.later import Later
from storage import agreement_events, agreements
from storage.metadata import Tx

SOONEST = 60_000
LATEST = 6 * 3600_000
"""A message waits as long again as it waited until now, within these bounds, in ms."""


async def tell(site: Site, payload: dict[str, Any]) -> None:
    """POST a message (`body`) to `inbox`, until it is taken, refused, or `until` (ms) is past. Raises Later.

    What became of it, if it was not taken, is noted with the agreement.
    """
    host, until, began = str(payload["host"]), int(payload["until"]), int(payload["until"]) - agreement_times.HORIZON
    key = await site.db.read(lambda tx: site.private_key(tx, site.instance_iri))
    try:
        await site.client.post(str(payload["inbox"]), str(payload["body"]).encode(), key)
    except FederationError as problem:
        why, now = f"{problem.code}: {problem.text}"[:500], site.surely()
        if problem.retry and now < until:
            await site.db.write(lambda tx: _waits(tx, site, payload.get("agreement"), host, why))
            raise Later(now + min(max(now - began, SOONEST), LATEST), why) from problem
        await site.db.write(lambda tx: _undelivered(tx, site, payload.get("agreement"), host, why))


def _waits(tx: Tx, site: Site, agreement_id: str | None, host: str, why: str) -> None:
    """Once, with the first try that failed: who looks is not left to believe that the other side knows."""
    row = agreements.by_id(tx, int(agreement_id)) if agreement_id is not None else None
    if row is not None and agreement_events.of_agreement(tx, row.id)[-1].kind != "waits":
        peer_states.event(tx, site, row, "fedi", "waits", f"{host} has not got it yet, it is tried again: {why}")


def _undelivered(tx: Tx, site: Site, agreement_id: str | None, host: str, why: str) -> None:
    row = agreements.by_id(tx, int(agreement_id)) if agreement_id is not None else None
    if row is not None:
        peer_states.event(tx, site, row, "fedi", "undelivered", f"{host} did not take the message: {why}")


async def times(site: Site, payload: dict[str, Any]) -> None:
    """Let begin, remind of and end what its time has come for, host by host."""
    for host in await site.db.read(lambda tx: agreement_times.due(tx, site)):
        await site.db.write(lambda tx, host=host: agreement_times.pass_over(tx, site, host))  # type: ignore[misc]  # a lambda with a default
