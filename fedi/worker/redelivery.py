"""The job `redeliver`: one activity that was set aside for one host, since its server failed at it and took others."""

from typing import Any

from federation.errors import FederationError
from fedi.context import Site
from fedi.outbox import fanout
from fedi.worker.later import Later
from storage import troubles

SOONEST = 10 * 60_000
LATEST = 6 * 3600_000
"""It waits as long again as it waited until now, within these bounds, in ms."""


async def redeliver(site: Site, payload: dict[str, Any]) -> None:
    """Send the row `position` of the log to `host` as it is to be sent now, until it is taken, refused, or too old.

    What became of it stays visible as the trouble `trouble`, which goes when it is taken. Raises Later.
    """
    host, position, number = str(payload["host"]), int(payload["position"]), int(payload["trouble"])
    trouble = await site.db.read(lambda tx: troubles.by_id(tx, number))
    if trouble is None:
        return  # an operator dropped it
    parcel = await site.db.read(lambda tx: fanout.again(tx, site, host, position))
    if parcel is not None and parcel.over is not None:
        kind, reason = parcel.over
        await site.db.write(lambda tx: troubles.change(tx, number, kind, reason))
        return
    if parcel is not None and parcel.waits is not None:
        raise Later(site.clock() + LATEST, "the peering is suspended, or its terms are not signed")
    headers = payload.get("headers")  # with the number that it had
    try:
        for inbox in parcel.inboxes if parcel is not None else ():
            assert parcel is not None and parcel.key is not None  # noqa: PT018, S101 - a parcel with inboxes has one
            await site.client.post(
                inbox, parcel.row.body, parcel.key, headers=headers or parcel.headers, quick_key=parcel.quick_key
            )
    except FederationError as problem:
        why, now = f"{problem.code}: {problem.text}"[:500], site.clock()
        if problem.retry:
            raise Later(now + min(max(now - trouble.created_at, SOONEST), LATEST), why) from problem
        await site.db.write(lambda tx: troubles.change(tx, number, "refused", why))
        return
    await site.db.write(lambda tx: troubles.remove(tx, number))
