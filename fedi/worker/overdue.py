"""The job `cases`: who decides about reports is told of those whose time is over."""

from typing import Any

from fedi.actions import overdue
from fedi.context import Site


async def alert(site: Site, payload: dict[str, Any]) -> None:
    """Tell of what is overdue, some at a time; what is left is told of next time."""
    await site.db.write(lambda tx: overdue.alert(tx, site))
