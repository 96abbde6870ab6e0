"""The background work of a process: what was received, what is to be sent, jobs, timed work.

Each is a loop of its own, woken by events and looking by itself now and then, since an event may be missed (another
process wrote to SQLite, a lease ran out). What a loop does is claimed in the database, so any number of processes may
run this. No error ends a loop: it is logged, and the loop goes on after a pause.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from fedi.context import Site
from fedi.inbox.process import process
from fedi.worker import clock, schedule
from fedi.worker import jobs as job_kinds
from fedi.worker.deliveries import LEASE, Deliveries
from storage import backlog, claims, jobs, links
from storage.database import StorageUnavailable
from storage.jobs import Job
from storage.metadata import Tx

log = logging.getLogger(__name__)

POLL = 0.5
"""Seconds between looks, when nothing wakes a loop."""
BATCH = 256
"""Received activities handled in one transaction."""
BATCHES = 3
"""Batches that are worked out at once: one is read while another is written."""
GATHER = 0.05
"""Seconds between two looks at what was received, when the first found no whole batch: or a process that only works would
look, and make a transaction, for every few that come, and so would each that hears of them."""
SLOW = 16
"""Batches at once, with those that are done but for what waits for other servers."""
JOBS = 16
_LEASE = LEASE
_HOLD = 5.0
_SCHEDULE = 60.0
_STOP_SECONDS = 8.0
_PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0)


async def run(site: Site, stop: asyncio.Event) -> None:
    """Work until `stop` is set; then finish what was begun, within some seconds."""
    work = Work(site)
    loops = [
        _forever(site, "received", work.receive, work.receive_again, stop),
        _forever(site, "outbox", work.deliveries.look, work.deliveries.again, stop),
        _forever(site, "jobs", work.do_jobs, work.jobs_again, stop),
        _every(clock.EVERY, "clock", clock.Watch(site).look, stop),
        _every(_HOLD, "leases", work.hold, stop),
        _every(_SCHEDULE, "schedule", lambda: schedule.run_due(site), stop),
    ]
    await asyncio.gather(*loops)
    await work.finish(_STOP_SECONDS)


async def watch_clock(site: Site, stop: asyncio.Event) -> None:
    """What every process does that does not `run` the background work, until `stop` is set."""
    await _every(clock.EVERY, "clock", clock.Watch(site).look, stop)


async def step(site: Site) -> int:
    """Do once what there is to do now, and wait for it; how much it was. For tests and for commands."""
    work = Work(site)
    done = await work.receive()
    await work.finish()
    done += await work.deliver()
    await work.finish()
    done += await work.do_jobs()
    await work.finish()
    return done


@dataclass(slots=True)
class _Batch:
    """A claim on received activities; `slow` when only those are left that wait for other servers."""

    claim: int
    slow: bool = False


@dataclass(slots=True)
class Work:
    """What this process has under way. Each method begins what there is room for and says how much that was."""

    site: Site
    deliveries: Deliveries = field(init=False)
    batches: dict["asyncio.Task[None]", "_Batch"] = field(default_factory=dict)
    after: str = ""  # the host after which the next batch begins
    gathered: float = 0.0  # when the next batch may begin, by the time of the event loop
    behind: bool = False  # requests never paused: what waits now is worked off without waiting for that again
    receive_again: asyncio.Event = field(default_factory=asyncio.Event)
    jobs: dict["asyncio.Task[None]", Job] = field(default_factory=dict)
    jobs_again: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.deliveries = Deliveries(self.site)

    async def receive(self) -> int:
        """Begin to work received activities out. Those of one host are never in two batches: they stay in order."""
        if len(self.batches) >= SLOW or sum(not batch.slow for batch in self.batches.values()) >= BATCHES:
            return 0
        if not self.behind:
            self.behind = not await self.site.pressure.room()
        time = asyncio.get_running_loop().time
        if (wait := self.gathered - time()) > 0:
            await asyncio.sleep(wait)
        now, claim, after = self.site.clock(), self.site.new_id(), self.after
        # Asked before the claim: a batch that ends meanwhile kept its hosts from it, and they may have more.
        alone = all(batch.slow for batch in self.batches.values())
        rows, self.after = await self.site.db.write(
            lambda tx: backlog.claim_next(tx, now, now + _LEASE, BATCH, by=claim, after=after)
        )
        self.gathered = 0.0
        if len(rows) < BATCH // 2:
            self.gathered = time() + GATHER
            if alone:
                self.behind = False
        if rows:
            batch = _Batch(claim)
            task = asyncio.create_task(
                _logged("received", process(self.site, rows, claim, lambda: self._batch_slow(batch)))
            )
            self.batches[task] = batch
            task.add_done_callback(self._batch_ended)
        return len(rows)

    def _batch_slow(self, batch: "_Batch") -> None:
        batch.slow = True
        self.receive_again.set()

    def _batch_ended(self, task: "asyncio.Task[None]") -> None:
        del self.batches[task]
        self.receive_again.set()

    async def deliver(self) -> int:
        """Begin the turns of links that are due."""
        return await self.deliveries.begin()

    async def do_jobs(self) -> int:
        """Begin jobs that are due."""
        room = JOBS - len(self.jobs)
        if room <= 0:
            return 0
        now = self.site.clock()
        held = {job.id for job in self.jobs.values()}
        claimed = await self.site.db.write(lambda tx: jobs.claim(tx, now, now + _LEASE, room, held=held))
        for job in claimed:
            task = asyncio.create_task(_logged("jobs", job_kinds.run(self.site, job)))
            self.jobs[task] = job
            task.add_done_callback(self._job_ended)
        return len(claimed)

    def _job_ended(self, task: "asyncio.Task[None]") -> None:
        del self.jobs[task]
        self.jobs_again.set()

    async def hold(self) -> int:
        """Renew the claims on what is under way."""
        return await self._claim_until(self.site.clock() + _LEASE)

    async def _claim_until(self, until: int) -> int:
        held = [batch.claim for batch in self.batches.values()]
        running = [job.id for job in self.jobs.values()]
        hosts = self.deliveries.hosts

        def renew(tx: Tx) -> None:
            claims.renew(tx, held, until)
            jobs.renew(tx, running, until)
            links.renew_claims(tx, hosts, until)

        if held or running or hosts:
            await self.site.db.write(renew)
        return len(held) + len(running) + len(hosts)

    async def finish(self, seconds: float = 60.0) -> None:
        """Wait for what is under way. What takes longer than `seconds` is broken off, and free for others to claim."""
        tasks = [*self.batches, *self.jobs, *self.deliveries.running]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=seconds)
        if late:
            await self._claim_until(self.site.clock())
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _logged(name: str, work: Awaitable[None]) -> None:
    """A piece of work whose failure is its own: its claim runs out, and it is tried again."""
    try:
        await work
    except StorageUnavailable as problem:
        log.info("%s: broken off, and tried again: %s", name, problem)
    except Exception:
        log.exception("%s: a piece of work failed", name)


async def _forever(
    site: Site, topic: str, work: Callable[[], Awaitable[int]], again: asyncio.Event, stop: asyncio.Event
) -> None:
    """Call `work` as long as it finds something, then wait for `topic`, for `again`, or a moment."""
    listening = asyncio.create_task(_listen(site, topic, again))
    failures = 0
    try:
        while not stop.is_set():
            again.clear()
            try:
                worked = await work()
                failures = 0
            except Exception as problem:
                if isinstance(problem, StorageUnavailable):
                    log.debug("%s: %s", topic, problem)  # `storage.outages` says it once
                else:
                    log.exception("%s: looking for work failed", topic)
                await _pause(_PAUSES[min(failures, len(_PAUSES) - 1)], stop)
                failures += 1
                continue
            if not worked:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL):
                        await again.wait()
    finally:
        listening.cancel()


async def _listen(site: Site, topic: str, again: asyncio.Event) -> None:
    heard = site.db.events.subscribe(topic)
    try:
        while True:
            if await heard.next(3600) is not None:
                heard.drain()
                again.set()
    finally:
        heard.close()


async def _every(seconds: float, name: str, work: Callable[[], Awaitable[int]], stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await work()
        except StorageUnavailable as problem:
            log.debug("%s: %s", name, problem)
        except Exception:
            log.exception("%s: failed", name)
        await _pause(seconds, stop)


async def _pause(seconds: float, stop: asyncio.Event) -> None:
    """Wait, but not longer than until `stop`."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
