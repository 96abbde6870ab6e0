"""The job `mail`: hand one mail to the mail server, until it is taken, refused for good, or two days old.

Digests and mails of mentions have no words until then: they are made for each try (`fedi.worker.digests`).
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from fedi.actions import mailing
from fedi.context import Site
from fedi.push import mail as wire
from fedi.push.mail import NotSent
from fedi.worker import digests
from fedi.worker.later import Later
from storage import digests as digest_rows
from storage import mails
from storage.mails import Mail
from storage.metadata import Tx

log = logging.getLogger(__name__)

HORIZON = 48 * 3600_000
"""Ms for which a mail is tried."""
_WAITS = (30_000, 120_000, 600_000, 1800_000, 3600_000, 3 * 3600_000)
"""Ms between tries, the last again and again."""

_WRITERS: Mapping[str, Callable[[Tx, Site, Mail], tuple[Mail, int | None] | None]] = {
    "digest": digests.written,
    "mentions": digests.mentions_written,
}


async def send_mail(site: Site, payload: dict[str, Any]) -> None:
    """Send the mail `id`, if it waits still. Raises Later when it has to be tried again."""
    mail_id = int(payload["id"])
    kept = await site.db.read(lambda tx: mails.by_id(tx, mail_id))
    if kept is None or kept.state != "waits":
        return
    if not mailing.enabled(site):
        await _settle(site, kept, "failed", problem="mail was switched off")
        return
    one: Mail = kept
    until: int | None = None
    if (write := _WRITERS.get(kept.kind)) is not None:
        worded = await site.db.read(lambda tx: write(tx, site, kept))
        if worded is None:
            await site.db.write(lambda tx: mails.remove(tx, mail_id))
            return
        one, until = worded
    try:
        made = wire.message(site.config, one)
        async with site.mailing:
            await asyncio.to_thread(wire.deliver, site.config, made)
    except NotSent as problem:
        why, now = str(problem), site.clock()
        wait = _WAITS[min(one.attempts, len(_WAITS) - 1)]
        if problem.lasting or now + wait - one.created_at > HORIZON:
            log.warning("a mail (%s) was given up: %s", one.kind, why)
            await _settle(site, one, "failed", problem=why)
            return
        await site.db.write(lambda tx: mails.failed_once(tx, mail_id, why))
        raise Later(now + wait, why) from problem
    except ValueError as problem:  # an address or a header that can't be written
        await _settle(site, one, "failed", problem=f"it can't be written: {problem}")
        return
    await _settle(site, one, "sent", until=until)


async def _settle(site: Site, one: Mail, state: str, *, problem: str | None = None, until: int | None = None) -> None:
    def settle(tx: Tx) -> None:
        mails.settle(tx, one.id, state, site.clock(), problem)
        if until is not None and one.person_id is not None:
            digest_rows.sent(tx, one.person_id, until)

    await site.db.write(settle)
