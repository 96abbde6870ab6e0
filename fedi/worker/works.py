"""The jobs `works` and `work`: works in libraries are asked about again each month, as papers are withdrawn."""

from typing import Any

from federation.errors import FederationError
from fedi.actions import cards as actions
from fedi.citing import identifiers
from fedi.context import Site
from fedi.fetching import works
from fedi.worker.later import Later
from storage import cards, jobs, library
from storage.metadata import Tx

AGAIN = 30 * 24 * 3600 * 1000
"""Ms after which it is asked again whether a work was withdrawn."""
BATCH = 100
_BETWEEN = 3000
_DAY = 24 * 3600 * 1000
_LAST = 2**63 - 1


async def look_again(site: Site, payload: dict[str, Any]) -> None:
    """The job `works`: note which works are due, some at a time; and what nothing has any more, since posts of a peer that was
    purged or erased go without a word."""
    if "after" not in payload:
        await site.db.write(lambda tx: _sweep(tx, site, str(payload.get("file", "")), int(payload.get("item", 0))))
    if "file" in payload or not site.config.library.lookups:
        return
    after = str(payload.get("after", ""))

    def plan(tx: Tx) -> None:
        now = site.clock()
        keys = library.keys_after(tx, after, BATCH)
        due = [key for key in keys if _is_due(tx, key, now)]
        for at, key in enumerate(due):
            jobs.add(tx, site.new_id(), "work", key, {"key": key}, now, now + at * _BETWEEN)
        if len(keys) == BATCH:
            jobs.add(tx, site.new_id(), "works", keys[-1], {"after": keys[-1]}, now, now + BATCH * _BETWEEN)

    await site.db.write(plan)


def _sweep(tx: Tx, site: Site, file: str, item: int) -> None:
    """Forget items that no post has, and let files go that no post has; some at a time, in the order of their keys."""
    now = site.clock()
    digests = library.files_after(tx, file, BATCH)
    for digest in set(digests) - library.digests_used(tx, digests):
        jobs.add(tx, site.new_id(), "library-file", digest, {"digest": digest}, now, now + _DAY)
    ids = library.items_after(tx, item, BATCH)
    for one in ids:
        library.prune(tx, one)
    if len(digests) == BATCH or len(ids) == BATCH:
        # "g" is behind each hexadecimal digest, however a database orders letters.
        further = {"file": digests[-1] if digests else "g", "item": ids[-1] if ids else _LAST}
        jobs.add(tx, site.new_id(), "works", f"sweep {further['file']} {further['item']}", further, now, now + _BETWEEN)


def _is_due(tx: Tx, key: str, now: int) -> bool:
    scheme, _, value = key.partition(":")
    work = identifiers.of(f"{scheme}:{value}") if scheme in ("doi", "arxiv") else None
    known = cards.by_url(tx, work.url) if work is not None else None
    return work is not None and (known is None or known.fetched_at is None or now - known.fetched_at >= AGAIN)


async def ask_again(site: Site, payload: dict[str, Any]) -> None:
    """The job `work`: ask about one work, and tell its libraries."""
    work = identifiers.of(str(payload["key"]))
    known = await site.db.read(lambda tx: cards.by_url(tx, work.url)) if work is not None else None
    if work is None or (known is not None and site.clock() - (known.fetched_at or 0) < actions.ASKING):
        return
    try:
        await works.learn(site, work)
    except FederationError as problem:
        raise Later(site.clock() + 600_000, problem.text) from problem
