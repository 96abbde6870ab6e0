"""Deliveries: which links have their turn now. Dead peers have a small pool of their own, so they never slow others.

A link is claimed for some seconds, and the claim is renewed while its turn runs; when this process dies, another worker has
it after that.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from functools import partial

from fedi.context import Site
from fedi.outbox import fanout, send, synchronising
from fedi.worker import jobs
from storage import links, peers, spreading
from storage.database import StorageUnavailable
from storage.links import Link
from storage.metadata import Tx

log = logging.getLogger(__name__)

TURNS = 192
"""Links that have their turn at once ..."""
FAILING_TURNS = 19
"""... and those of them whose last delivery failed: a tenth."""
POSTS = 192
"""POSTs under way at once, to all hosts; fewer than the client has connections, so that fetches find one."""
LEASE = 20_000
ASK_SECONDS = 5.0
"""How long a first delivery waits for what its host says it runs."""
_PLANNED = 64
_SPREAD = 500


@dataclass(slots=True)
class Deliveries:
    """The turns that run in this process."""

    site: Site
    traffic: send.Traffic = field(default_factory=lambda: send.Traffic(asyncio.Semaphore(POSTS)))
    well: dict["asyncio.Task[None]", str] = field(default_factory=dict)
    failing: dict["asyncio.Task[None]", str] = field(default_factory=dict)
    again: asyncio.Event = field(default_factory=asyncio.Event)

    async def begin(self) -> int:
        """Wake the links that new rows concern and begin as many turns as there is room for; how many begun."""
        while await self.site.db.write(lambda tx: spreading.spread(tx, _SPREAD, self.site.clock())) == _SPREAD:
            pass
        begun = await self._begin(self.well, TURNS, failing=False)
        return begun + await self._begin(self.failing, FAILING_TURNS, failing=True)

    async def _begin(self, pool: dict["asyncio.Task[None]", str], size: int, *, failing: bool) -> int:
        begun = 0
        if len(pool) > size * 3 // 4:
            return 0  # planning for many at once is cheaper than for each
        while (room := min(size - len(pool), _PLANNED)) > 0:
            claimed = await self.site.db.write(lambda tx, room=room: self._claim(tx, room, failing=failing))  # type: ignore[misc]
            if not claimed:
                break
            turns = await self.site.db.read(lambda tx, claimed=claimed: self._plan(tx, claimed))  # type: ignore[misc]
            for turn in turns:
                task = asyncio.create_task(self._run(turn))
                pool[task] = turn.link.host
                task.add_done_callback(partial(self._ended, pool))
            begun += len(turns)
            if len(claimed) < room:
                break
        return begun

    def _claim(self, tx: Tx, room: int, *, failing: bool) -> list[Link]:
        now = self.site.clock()
        return links.claim(tx, now, now + LEASE, room, failing=failing)

    def _plan(self, tx: Tx, claimed: list[Link]) -> list[fanout.Turn]:
        return synchronising.marked(tx, self.site, fanout.plan(tx, self.site, claimed))

    async def _run(self, turn: fanout.Turn) -> None:
        try:
            if turn.ask_first:
                turn = await self._asked(turn)
            await send.run(self.site, turn, self.traffic)
        except StorageUnavailable as problem:
            log.info("the turn of %s was broken off, and is tried again: %s", turn.link.host, problem)
        except Exception:
            # Its claim runs out, and it is tried again then.
            log.exception("the turn of %s failed", turn.link.host)

    async def _asked(self, turn: fanout.Turn) -> fanout.Turn:
        """Ask a host what it runs, before it gets the first of a group, which depends on that; what it gets then.

        Who does not say so soon gets both forms, as whoever does not say it at all, and is asked again in a day.
        """
        host = turn.link.host
        try:
            async with asyncio.timeout(ASK_SECONDS):
                await jobs.nodeinfo(self.site, {"host": host})
        except TimeoutError:
            await self.site.db.write(lambda tx: peers.change(tx, host, nodeinfo_at=self.site.clock()))
        [again] = await self.site.db.read(lambda tx: self._plan(tx, [turn.link]))
        return again

    def _ended(self, pool: dict["asyncio.Task[None]", str], task: "asyncio.Task[None]") -> None:
        del pool[task]
        self.again.set()

    @property
    def hosts(self) -> list[str]:
        """The hosts that have their turn now."""
        return [*self.well.values(), *self.failing.values()]

    @property
    def running(self) -> list["asyncio.Task[None]"]:
        """The turns that run now."""
        return [*self.well, *self.failing]

    async def finish(self) -> None:
        """Wait for the turns that run; each is at most some seconds from its end."""
        if self.running:
            await asyncio.gather(*self.running, return_exceptions=True)
