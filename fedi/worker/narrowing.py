"""The job `narrow`: ask peers to which a group is not open any more to erase what they got of it, some posts at a time."""

from functools import partial
from typing import Any

from fedi.actions import narrowing
from fedi.context import Site


async def narrow(site: Site, payload: dict[str, Any]) -> None:
    """Ask for some posts (`fedi.actions.narrowing.erase` says what the payload has); the rest is another such job."""
    await site.db.write(partial(narrowing.erase, site=site, payload=payload))
