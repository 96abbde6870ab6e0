"""The job `poll`: tell peers how a poll stands, and end it when its time is over."""

from typing import Any

from fedi.actions import polls
from fedi.context import Site
from fedi.worker.later import Later
from fedi.worker.scheduled import DOUBTED


async def tell_poll(site: Site, payload: dict[str, Any]) -> None:
    """What is due of the poll of the post `post_id`; again is nothing once it is over."""
    if site.doubt.of(site.clock()):  # an end of a poll can't be undone
        raise Later(site.clock() + DOUBTED, "the clock was set far forward, and is not believed yet")
    post_id = int(payload["post_id"])
    await site.db.write(lambda tx: polls.due(tx, site, post_id))
