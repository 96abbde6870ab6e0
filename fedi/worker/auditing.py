"""The job `audit`, each night: signs the head of the audit log, and makes the newest decisions again."""

import logging
from typing import Any

from fedi.actions import auditing, explaining
from fedi.actions.explaining import Verified
from fedi.context import Site
from storage import audit
from storage.metadata import Tx

log = logging.getLogger(__name__)

NIGHTLY = 100_000
"""Decisions that are made again each night."""
DIFFERS = "decisions.differ"
"""The action of a row of the audit log that says that deciding again gave another answer."""
_ABOUT = "decisions"
_PAGE = 1_000


async def audit_job(site: Site, payload: dict[str, Any]) -> None:
    """Sign how the log ends, and note where a decision, made again under its version of the policy, is another."""
    await site.db.write(lambda tx: auditing.sign_head(tx, site))
    rows, envelopes = await verify(site, NIGHTLY)
    wrong = rows.checked - rows.same + envelopes.checked - envelopes.same
    if not wrong:
        return
    checked = rows.checked + envelopes.checked
    log.error("%d of %d decisions, made again, are others than they were", wrong, checked)

    def note(tx: Tx) -> None:
        said = {"checked": checked, "differ": wrong}
        audit.add(tx, site.new_id(), site.clock(), "fedi", DIFFERS, _ABOUT, said)

    await site.db.write(note)


async def verify(site: Site, limit: int) -> tuple[Verified, Verified]:
    """Make the newest decisions again, `limit` of those that are kept as rows (all that was not simply accepted), and as many of
    those that are kept as envelopes (all of some days)."""
    rows, before = Verified(), None
    while True:
        page = min(_PAGE, limit - rows.checked - rows.lost)
        if page <= 0:
            break
        found, before = await site.db.read(
            lambda tx, page=page, before=before: explaining.verify_rows(tx, site, page, before)  # type: ignore[misc]  # a lambda with a default
        )
        rows.put(found)
        if before is None:
            break
    envelopes = Verified()
    for ids in await site.db.read(lambda tx: explaining.newest_chunks(tx, limit)):
        left = limit - envelopes.checked - envelopes.lost
        if left <= 0:
            break
        envelopes.put(
            await site.db.read(lambda tx, ids=ids, left=left: explaining.verify_chunks(tx, site, ids, left))  # type: ignore[misc]  # a lambda with a default
        )
    return rows, envelopes
