"""The job `envelopes`: keeps what was decided upon in few rows, and forgets what is old, too much, or to be erased."""

from typing import Any

from fedi.actions import envelopes as actions
from fedi.actions import results
from fedi.context import Site
from storage import decisions, envelopes, simulations
from storage.metadata import Tx

_LATER = 30 * 60 * 1000
"""Ms that what is to be erased waits for more."""
_ROWS = 20
_SIMULATIONS = 1_000


async def look_after(site: Site, payload: dict[str, Any]) -> None:
    """Join, forget, erase: each in transactions of its own, and right to do again."""
    while await site.db.write(lambda tx: actions.join(tx, site)):
        pass
    await site.db.write(lambda tx: actions.forget(tx, site))
    now = site.clock() if payload.get("now") else site.clock() - _LATER
    if iris := await site.db.read(lambda tx: actions.to_erase(tx, now)):
        await erase(site, iris)


async def erase(site: Site, iris: list[str]) -> None:
    """Forget what was kept of these actors, in envelopes and in what decisions were made by."""
    wanted = frozenset(iris)
    ids = await site.db.read(_every)
    for at in range(0, len(ids), _ROWS):
        part = ids[at : at + _ROWS]
        found = await site.db.read(lambda tx, part=part: actions.chunks_with(tx, part, wanted))  # type: ignore[misc]  # a lambda with a default
        if found:
            await site.db.write(lambda tx, found=found: actions.erase_in_chunks(tx, found, wanted))  # type: ignore[misc]  # a lambda with a default
    before: int | None = None
    while True:
        those, before = await site.db.read(
            lambda tx, before=before: actions.decisions_with(tx, before, wanted)  # type: ignore[misc]  # a lambda with a default
        )
        if those:
            await site.db.write(lambda tx, those=those: decisions.erase(tx, those))  # type: ignore[misc]  # a lambda with a default
        if before is None:
            break
    await site.db.write(lambda tx: _unname(tx, wanted))
    await site.db.write(lambda tx: envelopes.erased(tx, iris))


def _unname(tx: Tx, iris: frozenset[str]) -> None:
    """Take them out of what simulations found."""
    for row in simulations.newest(tx, _SIMULATIONS):
        changed = results.without(row.result, iris)
        if changed is not None:
            simulations.change(tx, row.id, changed)


def _every(tx: Tx) -> list[int]:
    return envelopes.fresh_ids(tx) + [chunk for chunk, _ in envelopes.listed(tx, 0)]
