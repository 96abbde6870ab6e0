"""The job that does what two people decided, once its time has come. What waits, and who may approve it: `fedi.actions.pending`."""

from typing import Any

from fedi.actions import peers, pending, remote_posts
from fedi.context import Site
from fedi.errors import Problem
from fedi.inbox.delete import delete_actor
from fedi.worker.exporting import export
from fedi.worker.later import Later
from storage import actors, pending_actions, posts
from storage.metadata import Tx
from storage.pending_actions import PendingAction

_AT_ONCE = 100
"""Posts that are deleted in one transaction."""
_TURN = 60_000
"""Ms for one turn of the job; then it goes on in another."""


async def do_pending(site: Site, payload: dict[str, Any]) -> None:
    """Do the approved act that the payload names; nothing when it was dropped, done, or is too old."""
    action_id = int(payload["action"])
    row = await site.db.write(lambda tx: pending.due(tx, site, action_id))
    if row is None:
        await _look_again(site, action_id)
        return
    try:
        await site.db.write(lambda tx: pending.check(tx, row.kind, row.payload))
        if row.kind == "peer.end":
            await site.db.write(lambda tx: _end(tx, site, row))
        elif row.kind == "export.all":
            folder = site.config.data / "exports" / str(row.id)
            told = f"{await export(site, folder)} rows in {folder}"
            await site.db.write(lambda tx: pending.done(tx, site, row, told=told))
        else:
            begun = site.clock()
            while await site.db.write(lambda tx: _purge(tx, site, row)):
                if site.clock() - begun > _TURN:
                    raise Later(site.clock(), "there is more to delete")
    except Problem as problem:
        text = problem.text
        await site.db.write(lambda tx: pending.done(tx, site, row, text))


async def _look_again(site: Site, action_id: int) -> None:
    """Where the clock stands in doubt, its time may still come. Raises Later then."""
    row = await site.db.read(lambda tx: pending_actions.by_id(tx, action_id))
    if row is not None and row.state == "approved":
        raise Later(max(row.not_before, site.clock() + 60_000), "its time has not come")


def _stands(tx: Tx, row: PendingAction) -> bool:
    """Whether it was not dropped since it was read."""
    now = pending_actions.by_id(tx, row.id)
    return now is not None and now.state == "approved"


def _end(tx: Tx, site: Site, row: PendingAction) -> None:
    if not _stands(tx, row):
        return
    peers.end(tx, site, f"{row.proposer}, {row.approver}", row.payload["host"], row.reason)
    pending.done(tx, site, row)


def _purge(tx: Tx, site: Site, row: PendingAction) -> bool:
    """Delete some of what one actor of the peer wrote, or the actor when nothing is left; whether there may be more."""
    if not _stands(tx, row):
        return False
    found = actors.of_host(tx, row.payload["host"], 1)
    if not found:
        pending.done(tx, site, row)
        return False
    written = posts.of_author(tx, found[0].id, _AT_ONCE)
    for post in written:
        remote_posts.delete(tx, site, post)
    if len(written) < _AT_ONCE:
        delete_actor(tx, site, found[0])
    return True
