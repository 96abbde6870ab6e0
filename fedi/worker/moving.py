"""The job `move`: followers of an actor that moved go along, some at a time."""

from typing import Any

from fedi.actions import moves
from fedi.context import Site
from storage import actors
from storage.metadata import Tx


async def move(site: Site, payload: dict[str, Any]) -> None:
    """Let everyone here who follows `actor` follow `target` instead (both are IRIs), beginning after the follow `after`."""
    after: int | None = int(payload["after"])
    while after is not None:
        after = await site.db.write(lambda tx, after=after: _carry(tx, site, payload, after))  # type: ignore[misc]


def _carry(tx: Tx, site: Site, payload: dict[str, Any], after: int) -> int | None:
    actor = actors.by_iri(tx, str(payload["actor"]))
    target = actors.by_iri(tx, str(payload["target"]))
    if actor is None or target is None or target.state != "active":
        return None
    return moves.carry(tx, site, actor, target, after)
