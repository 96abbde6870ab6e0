"""Store together what comes in together: one transaction, one wait for the disk, for all that was proven within some ms.

Whoever waits is told after the commit, each what policy said of its own activity. Nothing is answered with a 2xx that is not
on disk, and what could not be stored is never answered with one.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import NamedTuple

from federation.errors import FederationError
from federation.policy import Decision
from federation.synchronisation import read_header
from fedi import policy
from fedi.actions import followers
from fedi.context import Site
from storage import links, received
from storage.database import StorageUnavailable
from storage.metadata import Tx
from storage.received import Arrived

WITHIN = 0.003
"""Seconds that the first of a batch waits for others."""
ROWS = 512
"""Activities in one transaction at most ..."""
BYTES = 4 << 20
"""... and bytes of their bodies."""


Told = Callable[[Decision | Exception], None]
"""Called with what policy decided of an activity, or with why it could not be stored. It must not raise."""


class Proven(NamedTuple):
    """An activity that was proven, on its way to disk; `told` is what its Collection-Synchronization header says."""

    row: Arrived
    told: str | None


class Gatherer:
    """The activities of one process that wait to be stored, in the order in which they came. For one event loop.

    One batch is written at a time, and the next gathers meanwhile: what came first is never visible later.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._waiting: list[tuple[Proven, Told]] = []
        self._bytes = 0
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    def put(self, proven: Proven, told: Told) -> None:
        """Store it soon, unless policy refuses it or it was here already. Then, after the commit, `told` hears what policy
        decided; or StorageUnavailable when nothing can be stored now, or what else was wrong.
        """
        loop = asyncio.get_running_loop()
        if not self._waiting:
            self._since = loop.time()
        self._waiting.append((proven, told))
        self._bytes += len(proven.row.body)
        if self._writing is None:
            if len(self._waiting) >= ROWS or self._bytes >= BYTES:
                self._begin()
            elif self._timer is None:
                self._timer = loop.call_later(WITHIN, self._begin)

    def _begin(self) -> None:
        """Write what waits, as much as goes into one transaction."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        count = size = 0
        for proven, _ in self._waiting[:ROWS]:
            size += len(proven.row.body)
            if count and size > BYTES:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        self._bytes = sum(len(proven.row.body) for proven, _ in self._waiting)
        loop = asyncio.get_running_loop()
        self._since = loop.time()
        self._writing = loop.create_task(self._write(batch, followers.chances(self._site)))
        self._writing.add_done_callback(self._ended)

    def _ended(self, _: "asyncio.Task[None]") -> None:
        self._writing = None
        if self._waiting:
            loop = asyncio.get_running_loop()
            # Those that waited long enough while the last batch was written go as soon as its own have been told.
            self._timer = loop.call_at(max(self._since + WITHIN, loop.time()), self._begin)

    async def _write(self, batch: Sequence[tuple[Proven, Told]], may: Callable[[str], bool]) -> None:
        begun = perf_counter()
        try:
            several = [proven for proven, _ in batch]
            decisions = await self._site.db.write(lambda tx: _store(tx, self._site, several, may))
        except Exception as problem:  # noqa: BLE001 - whoever waits is told
            if len(batch) == 1 or isinstance(problem, StorageUnavailable):
                for _, told in batch:
                    told(problem)
                return
            # One of them can't be stored: the others must not fail with it.
            for one in batch:
                await self._write([one], may)
            return
        self._site.steps.add("inbox.gather", perf_counter() - begun, len(batch))
        for proven, told in batch:
            told(decisions[proven.row.host, proven.row.type])


def _store(
    tx: Tx, site: Site, several: Sequence[Proven], may: Callable[[str], bool]
) -> dict[tuple[str, str], Decision]:
    """Store all that policy takes; what it says, by host and type."""
    decisions = {pair: policy.receiving(tx, site, *pair) for pair in {(one.row.host, one.row.type) for one in several}}
    taken = [one for one in several if not policy.refuses(decisions[one.row.host, one.row.type])]
    if taken:
        received.insert_arrived(tx, [one.row for one in taken])
        # Who speaks is awake: try what waits for them.
        links.wake_all(tx, list({one.row.host for one in taken}), taken[-1].row.received_at)
    for actor, told in {one.row.actor: one.told for one in taken if one.told is not None}.items():
        with contextlib.suppress(FederationError):  # it is an offer; what can't be read is passed over
            followers.heard(tx, site, actor, read_header(told), may)
    return decisions
