"""Deliveries: which links have their turn now. Dead peers have a small pool of their own, so they never slow others, and a
host that is only slow gives its place to others after a moment.

A link is claimed for some seconds, and the claim is renewed while its turn runs; when this process dies, another worker has
it after that.
"""

import asyncio
import logging
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter

from fedi.context import Site
from fedi.outbox import fanout, numbering, send, synchronising
from fedi.outbox.ledger import Entry, Ledger
from fedi.outbox.traffic import Traffic
from fedi.worker import jobs
from storage import links, peers, spreading
from storage.database import StorageUnavailable
from storage.links import Link
from storage.metadata import Tx

log = logging.getLogger(__name__)

TURNS = 256
"""Links that have their turn at once ..."""
FAILING_TURNS = 19
"""... beside those whose last delivery failed ..."""
SLOW_AFTER = 1.0
"""... and those whose turn takes longer than so many seconds ..."""
SLOW_TURNS = 256
"""... as long as these are not more."""
LEASE = 20_000
ASK_SECONDS = 5.0
"""How long a first delivery waits for what its host says it runs."""
_PLANNED = 64
"""Turns that are planned at once to begin with: the first begin soon, and the rest costs less each."""
_AT_ONCE = 16
"""Turns that begin in one round of the event loop: a request that waits for an answer waits for no more of them."""
_SOON = 0.02
"""After a turn it is looked for more in so many seconds, once for all that end meanwhile, unless it is known that more waits."""
_SPREAD = 500


@dataclass(slots=True)
class _Next:
    """What one look at the log and the links found."""

    looked: int
    well: list[Link]
    failing: list[Link]


@dataclass(slots=True)
class Deliveries:
    """The turns that run in this process."""

    site: Site
    traffic: Traffic = field(default_factory=Traffic)
    ledger: Ledger = field(init=False)
    well: dict["asyncio.Task[None]", tuple[str, float]] = field(default_factory=dict)  # host, and since when
    slow: dict["asyncio.Task[None]", tuple[str, float]] = field(default_factory=dict)
    failing: dict["asyncio.Task[None]", tuple[str, float]] = field(default_factory=dict)
    again: asyncio.Event = field(default_factory=asyncio.Event)
    _more_well: bool = False  # at the last look there was no room for all that waited, or it may be so
    _more_failing: bool = False
    _soon: asyncio.TimerHandle | None = None

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.site, lambda: len(self.well) + len(self.slow) + len(self.failing))

    async def look(self) -> int:
        """As `begin`, for who then waits for `again`: nothing is left that could begin now."""
        await self.begin()
        return 0

    async def begin(self) -> int:
        """Wake the links that new rows concern and begin as many turns as there is room for; how many begun."""
        begun = 0
        looked = _SPREAD
        while looked == _SPREAD:
            self._make_way()
            room, few = _room(len(self.well), TURNS), _room(len(self.failing), FAILING_TURNS)
            held = frozenset(self.hosts)
            found = await self.site.db.write(partial(self._next, room=room, few=few, held=held))
            looked = found.looked
            self._more_well, self._more_failing = len(found.well) == room, len(found.failing) == few
            begun += await self._begin(self.well, found.well)
            begun += await self._begin(self.failing, found.failing)
        return begun

    def _next(self, tx: Tx, *, room: int, few: int, held: frozenset[str]) -> _Next:
        now = self.site.clock()
        looked = spreading.spread(tx, _SPREAD, now)
        well = links.claim(tx, now, now + LEASE, room, failing=False, held=held) if room else []
        failing = links.claim(tx, now, now + LEASE, few, failing=True, held=held) if few else []
        return _Next(looked, well, failing)

    async def _begin(self, pool: dict["asyncio.Task[None]", tuple[str, float]], claimed: list[Link]) -> int:
        """Begin a turn of each of these links, some planned while the first are under way.

        Each sends one row before any of them sends its second, so that a post is everywhere before the other form of it
        is anywhere: who signs and sends takes one after the other as they come.
        """
        loop = asyncio.get_running_loop()
        all_begun = asyncio.Event()
        try:
            for several in (claimed[:_PLANNED], claimed[_PLANNED:]):
                if not several:
                    break
                begun = perf_counter()
                may = synchronising.chances(self.site)
                turns = await self.site.db.read(partial(self._plan, claimed=several, may=may))
                self.site.steps.add("deliver.plan", perf_counter() - begun, len(turns))
                for number, turn in enumerate(turns):
                    if number and number % _AT_ONCE == 0:
                        await asyncio.sleep(0)
                    task = asyncio.create_task(self._run(turn, all_begun))
                    pool[task] = turn.link.host, loop.time()
                    task.add_done_callback(self._ended)
        finally:
            all_begun.set()
        return len(claimed)

    def _plan(self, tx: Tx, claimed: list[Link], may: synchronising.May) -> list[fanout.Turn]:
        turns = synchronising.marked(tx, fanout.plan(tx, self.site, claimed), may)
        return numbering.numbered(turns, self.site.clock())

    def _make_way(self) -> None:
        """Turns that take long don't hold the places of others."""
        until = asyncio.get_running_loop().time() - SLOW_AFTER
        for task, (_, since) in list(self.well.items()):
            if since > until or len(self.slow) >= SLOW_TURNS:
                break  # those behind began later
            self.slow[task] = self.well.pop(task)

    async def _run(self, turn: fanout.Turn, all_begun: asyncio.Event) -> None:
        try:
            if turn.ask_first:
                await self._ask(turn.link.host)
                # Nothing is settled: it is planned again, together with others.
                await self.ledger.write(Entry(replace(turn, ask_software=False)))
            else:
                await send.run(self.site, turn, self.traffic, self.ledger, all_begun)
            if turn.ask_first or turn.looked < turn.link.wanted:
                self.again.set()
        except StorageUnavailable as problem:
            log.warning("what became of the turn of %s was not kept, so it is run again: %s", turn.link.host, problem)
        except Exception:
            # Its claim runs out, and it is tried again then.
            log.exception("the turn of %s failed", turn.link.host)

    async def _ask(self, host: str) -> None:
        """Ask a host what it runs, before it gets the first of a group, which depends on that.

        Who does not say so soon gets both forms, as whoever does not say it at all, and is asked again in a day.
        """
        try:
            async with asyncio.timeout(ASK_SECONDS):
                await jobs.nodeinfo(self.site, {"host": host})
        except TimeoutError:
            await self.site.db.write(partial(self._asked, host=host))

    def _asked(self, tx: Tx, host: str) -> None:
        now = self.site.clock()
        peers.meet(tx, host, now)
        peers.change(tx, host, nodeinfo_at=now)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        for pool in (self.well, self.slow, self.failing):
            pool.pop(task, None)
        well = self._more_well and _room(len(self.well), TURNS)
        if well or (self._more_failing and _room(len(self.failing), FAILING_TURNS)):
            self.again.set()
        elif self._soon is None:
            # New rows may concern a host whose turn was under way when they were looked at.
            self._soon = asyncio.get_running_loop().call_later(_SOON, self._look_again)

    def _look_again(self) -> None:
        self._soon = None
        self.again.set()

    @property
    def hosts(self) -> list[str]:
        """The hosts that have their turn now."""
        return [host for pool in (self.well, self.slow, self.failing) for host, _ in pool.values()]

    @property
    def running(self) -> list["asyncio.Task[None]"]:
        """The turns that run now."""
        return [*self.well, *self.slow, *self.failing]

    async def finish(self) -> None:
        """Wait for the turns that run; each is at most some seconds from its end."""
        if self.running:
            await asyncio.gather(*self.running, return_exceptions=True)


def _room(taken: int, most: int) -> int:
    """How many turns are begun now: none while it would be few, as planning for many at once is cheaper than for each."""
    return 0 if taken > most * 3 // 4 else most - taken
