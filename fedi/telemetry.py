"""What a process of the instance says of itself: its memory, how late its event loop is, where its time goes, how things ended.

Each process writes that down some times a minute, if it changed, so that `/metrics` of any of them tells of all; who said
nothing for a while has ended. It is one small row a process and costs one write.
"""

import asyncio
import contextlib
import logging
import os
import time
from typing import Any

from fedi import caches
from fedi.caches import CacheFigures
from fedi.context import Site
from storage import processes
from storage.database import StorageUnavailable
from storage.metadata import Tx
from storage.processes import Process

log = logging.getLogger(__name__)

EVERY = 10.0
"""Seconds between two looks at a process."""
GONE = 45_000
"""Ms after which a process that says nothing is not told of any more. One that has nothing to do says so twice as often."""
_LOOKS = 20
"""Looks at the event loop in that time: each asks how much later than it should it comes."""


class Figures:
    """What one process says of itself."""

    def __init__(self, site: Site, role: str) -> None:
        """`role`: serve or worker."""
        self._site = site
        self._role = role
        self._started = site.clock()
        self._lag = 0.0
        self._worst = 0.0
        self._said: dict[str, Any] = {}
        self._said_at = 0

    def now(self) -> dict[str, Any]:
        """Everything, as JSON has it; numbers per step and outcome are since the process began."""
        site = self._site
        kept = {**caches.all_shared(), "translations": site.translations}
        return {
            "role": self._role,
            "started_at": self._started,
            "memory": _memory(),
            "cpu": round(sum(os.times()[:2]), 2),
            "lag": round(max(self._lag, self._worst), 4),
            "steps": {name: [one.runs, one.count, round(one.seconds, 6)] for name, one in site.steps.all().items()},
            "outcomes": [[kind, code, number] for (kind, code), number in site.outcomes.all().items()],
            "caches": {name: list(one.figures()) for name, one in kept.items()},
        }

    async def run(self, stop: asyncio.Event) -> None:
        """Look at this process until `stop`, and write down what changed."""
        while not stop.is_set():
            self._worst = 0.0
            for _ in range(_LOOKS):
                begun = time.monotonic()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(EVERY / _LOOKS):
                        await stop.wait()
                        break
                self._worst = max(self._worst, time.monotonic() - begun - EVERY / _LOOKS)
            self._lag = self._worst
            if not stop.is_set():
                await self._write()
        with contextlib.suppress(Exception):  # the database may be gone, and this process goes too
            await self._site.db.write(lambda tx: processes.gone(tx, self._site.db.slot))

    async def _write(self) -> None:
        if not self._site.db.shared:
            return  # nobody else could tell of it
        now, figures = self._site.clock(), self.now()
        if _same(figures, self._said) and 0 <= now - self._said_at < GONE // 2:
            return
        try:
            await self._site.db.write(lambda tx: processes.say(tx, Process(self._site.db.slot, now, figures)))
        except StorageUnavailable as problem:
            log.debug("what this process says of itself could not be written: %s", problem)
            return
        except Exception:
            log.exception("what this process says of itself could not be written")
            return
        self._said, self._said_at = figures, now


def of_all(tx: Tx, site: Site, own: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """What each process of the instance says of itself, by slot; `own` of this one, the others' at most `GONE` ms old."""
    found = {one.slot: one.figures for one in processes.since(tx, site.clock() - GONE)}
    return dict(sorted((found | {site.db.slot: own}).items()))


def cache_figures(figures: dict[str, Any]) -> dict[str, CacheFigures]:
    """The caches of a process, by name."""
    return {name: CacheFigures(*numbers) for name, numbers in figures.get("caches", {}).items()}


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether nothing was done in between: memory and time go on by themselves."""
    return all(one[name] == other.get(name) for name in ("steps", "outcomes", "started_at"))


def _memory() -> int:
    """Bytes of memory that this process holds now; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - read on the loop, thousands of times: no objects for it
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
