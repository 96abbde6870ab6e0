"""Every kind of job: its name -> the function that does it. A job that fails is tried again, later each time.

A function gets the site and the job's payload. It may run twice (a worker died, a try half done), so it must be right
to do it again. `Gone` and every other error that says `retry = False` end the job.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from federation import discovery
from federation.errors import FederationError
from fedi.actions import probes
from fedi.context import Site
from fedi.fetching.institutions import institution
from fedi.media import papers, processing, sweeping
from fedi.worker import envelopes, overdue, peering, statuses, suspending
from fedi.worker.answers import answers
from fedi.worker.auditing import audit_job
from fedi.worker.backfill import backfill
from fedi.worker.cards import card
from fedi.worker.digests import digests_due, mentions_due
from fedi.worker.directories import look_after, read_directory
from fedi.worker.later import Later
from fedi.worker.mailing import send_mail
from fedi.worker.moving import move
from fedi.worker.narrowing import narrow
from fedi.worker.parting import part
from fedi.worker.pending import do_pending
from fedi.worker.polls import tell_poll
from fedi.worker.probing import probe, probe_those_due
from fedi.worker.pushing import push
from fedi.worker.quotes import look_at_quote
from fedi.worker.redelivery import redeliver
from fedi.worker.scheduled import publish_scheduled
from fedi.worker.showing import look_again
from fedi.worker.synchronise import synchronise
from fedi.worker.verifying import verify
from fedi.worker.works import ask_again
from fedi.worker.works import look_again as look_at_works
from storage import jobs, peers
from storage.jobs import Job
from storage.metadata import Tx

log = logging.getLogger(__name__)

ATTEMPTS = 8
SECONDS = 120.0
"""For one try."""

_DELAYS = (30, 120, 600, 1800, 3600, 3 * 3600, 6 * 3600)


async def nodeinfo(site: Site, payload: dict[str, Any]) -> None:
    """Ask a host what software it runs, since that decides in which form it gets a group's announces.

    Also an answer in vain is an answer: it is asked again after a day (`fedi.outbox.fanout`), not by this job.
    """
    host = str(payload["host"])
    software: str | None = None
    version: str | None = None
    try:
        found = await discovery.nodeinfo(site.client, host)
        software, version = found.software, found.version
    except FederationError as problem:
        log.info("%s does not say what it runs: %s", host, problem)

    def keep(tx: Tx) -> None:
        now = site.clock()
        peers.meet(tx, host, now)
        if software is not None:
            if (peer := peers.by_host(tx, host)) is not None:
                probes.changed(tx, site, peer, software, version)
            peers.change(tx, host, software=software, version=version, nodeinfo_at=now)
        else:
            peers.change(tx, host, nodeinfo_at=now)

    await site.db.write(keep)


KINDS: Mapping[str, Callable[[Site, dict[str, Any]], Awaitable[None]]] = {
    "agreements": peering.times,
    "answers": answers,
    "audit": audit_job,
    "backfill": backfill,
    "card": card,
    "cases": overdue.alert,
    "digests": digests_due,
    "directories": look_after,
    "directory": read_directory,
    "catch-up": suspending.catch_up,
    "envelopes": envelopes.look_after,
    "files": sweeping.remove_files,
    "followers": synchronise,
    "institution": institution,
    "library-file": papers.forget,
    "mail": send_mail,
    "media": processing.job,
    "mentions": mentions_due,
    "move": move,
    "narrow": narrow,
    "nodeinfo": nodeinfo,
    "part": part,
    "pending": do_pending,
    "peer-message": peering.tell,
    "peerings": statuses.peerings,
    "poll": tell_poll,
    "probe": probe,
    "probes": probe_those_due,
    "push": push,
    "quote": look_at_quote,
    "redeliver": redeliver,
    "restore": suspending.restore,
    "scheduled": publish_scheduled,
    "sever": suspending.sever,
    "showing": look_again,
    "status": statuses.status,
    "sweep": sweeping.sweep,
    "verify": verify,
    "work": ask_again,
    "works": look_at_works,
}


async def run(site: Site, job: Job) -> None:
    """Do a claimed job and settle it: done, for a later try, or failed with the reason."""
    function = KINDS.get(job.kind)
    if function is None:
        await site.db.write(lambda tx: jobs.failed(tx, job.id, f"there is no kind of job called {job.kind!r}"))
        return
    try:
        async with asyncio.timeout(SECONDS):
            await function(site, job.payload)
    except Later as later:
        at, why = later.at, later.why
        await site.db.write(lambda tx: jobs.later(tx, job.id, at, why))
    except FederationError as problem:
        await _settle_failure(site, job, problem.text, retry=problem.retry)
    except TimeoutError:
        await _settle_failure(site, job, f"not done within {SECONDS:.0f} seconds", retry=True)
    except Exception as problem:
        log.exception("job %s %s failed", job.kind, job.name)
        await _settle_failure(site, job, f"{type(problem).__name__}: {problem}", retry=True)
    else:
        await site.db.write(lambda tx: jobs.done(tx, job.id))


async def _settle_failure(site: Site, job: Job, why: str, *, retry: bool) -> None:
    def settle(tx: Tx) -> None:
        if retry and job.attempts < ATTEMPTS:
            delay = _DELAYS[min(job.attempts, len(_DELAYS)) - 1]
            jobs.later(tx, job.id, site.clock() + 1000 * delay, why[:500])
        else:
            jobs.failed(tx, job.id, why[:500])

    await site.db.write(settle)
