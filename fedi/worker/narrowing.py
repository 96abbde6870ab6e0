"""The job `narrow`: ask peers to which a group is not open any more to erase what they got of it, some posts at a time."""

from typing import Any

from fedi.actions import narrowing
from fedi.context import Site
from storage.metadata import Tx


async def narrow(site: Site, payload: dict[str, Any]) -> None:
    """Ask those in `told` (actors' ids) for the posts of the group `group` (id), wanting an answer by `until` (ms)."""
    before: int | None = None

    def unit(tx: Tx) -> int | None:
        return narrowing.erase(tx, site, payload, before)

    while (before := await site.db.write(unit)) is not None:
        pass
