"""What follows from suspending, resuming and ending a peering, some at a time: the jobs `catch-up`, `sever` and `restore`."""

from functools import partial
from typing import Any

from fedi.actions import conversations, suspensions
from fedi.context import Site
from storage import edges
from storage.metadata import Tx

BATCH = 100
APART = 3_000
"""A host is asked for the outbox of one actor in so many ms, as `fedi.worker.backfill` allows it."""
MOST = 2_000
"""Actors of one host whose outboxes are asked for."""


async def catch_up(site: Site, payload: dict[str, Any]) -> None:
    """Ask for what the people and groups at `host` (or its `groups` alone) that are followed here said since `since` (ms):
    while it was suspended, a server that knows nothing of peering gave up sending; what is for members was not sent before
    both trusted each other."""
    host, since, only_groups = str(payload["host"]), int(payload["since"]), bool(payload.get("groups"))
    after = asked = 0

    def unit(tx: Tx, after: int, asked: int) -> tuple[int, int]:
        found = edges.followed(tx, host, after=after, limit=BATCH)
        now = site.clock()
        for one in found:
            if one.outbox is not None and (one.group or not only_groups):
                form = "outbox" if one.group else "posts"
                conversations.ask(
                    tx, site, one.outbox, form=form, of=one.iri, interval=0, since=since, due_at=now + APART * asked
                )
                asked += 1
        return (found[-1].actor_id if len(found) == BATCH else 0), asked

    while asked < MOST:
        after, asked = await site.db.write(partial(unit, after=after, asked=asked))
        if not after:
            return


async def sever(site: Site, payload: dict[str, Any]) -> None:
    """End the follows that are left with `host`, as long as nothing is taken from it; `cause` is kept with each."""
    host, cause = str(payload["host"]), str(payload["cause"])
    while await site.db.write(lambda tx: suspensions.sever(tx, site, host, cause)):
        pass


async def restore(site: Site, payload: dict[str, Any]) -> None:
    """Bring back what was severed with `host`."""
    host, after = str(payload["host"]), 0
    while True:
        reached = await site.db.write(partial(suspensions.restore, site=site, host=host, after=after))
        if reached is None:
            return
        after = reached
