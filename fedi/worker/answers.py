"""The job `answers`: tell who is in a thread what was answered there."""

from typing import Any

from fedi.actions import answering
from fedi.context import Site


async def answers(site: Site, payload: dict[str, Any]) -> None:
    """Tell of the posts since `after` in the thread of `root`; again tells nobody twice."""
    root_id, after = int(payload["root"]), int(payload["after"])
    await site.db.write(lambda tx: answering.tell(tx, site, root_id, after))
