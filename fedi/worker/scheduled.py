"""The job `scheduled`: publish a post that was written for now."""

from typing import Any

from fedi.actions import scheduled as actions
from fedi.context import Site
from fedi.fetching.mentioned import meet
from fedi.worker.later import Later
from storage import scheduled

DOUBTED = 60_000
"""Ms after which a clock that is in doubt is looked at again."""


async def publish_scheduled(site: Site, payload: dict[str, Any]) -> None:
    """Publish the scheduled post `id`, unless that is done, or it was put off: then again at that time."""
    scheduled_id = int(payload["id"])
    known = await site.db.read(lambda tx: scheduled.by_id(tx, scheduled_id))
    if known is None or known.problem is not None:
        return
    if known.due_at > site.clock():
        raise Later(known.due_at, "it was put off")
    if known.due_at > site.surely():
        raise Later(site.clock() + DOUBTED, "the clock was set far forward, and is not believed yet")
    await meet(site, known.person_id, str(known.params.get("text") or ""))
    await site.db.write(lambda tx: actions.due(tx, site, scheduled_id))
