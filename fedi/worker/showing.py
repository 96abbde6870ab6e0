"""The job `showing`: look again of which hosts the policy shows nothing, as rules run out and peers change."""

from typing import Any

from fedi.actions import showing
from fedi.context import Site


async def look_again(site: Site, payload: dict[str, Any]) -> None:
    """Settle it for every host that is known."""
    await site.db.write(lambda tx: showing.settle(tx, site))
