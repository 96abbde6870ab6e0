"""Watching the clock, in every process: what a step of it would leave stuck is set right, and the log says that it was set.

Also what peers' clocks say of ours (`federation.dates`): a clock that is wrong without a step makes every signature fail.
"""

import logging
from collections.abc import Callable

from fedi.clock import BELIEVED, FAR, STEP, WRONG, elapsed
from fedi.context import Site
from storage import ids, set_back
from storage.metadata import Tx

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between looks."""
_SAY_EVERY = 3_600_000
LEASE = 30_000
"""Claims of what is under way may hold for so many ms after a step back."""


class Watch:
    """Looks at the clock of a site, again and again; `steady` gives ms by a clock that nobody sets."""

    def __init__(self, site: Site, steady: Callable[[], int] = elapsed) -> None:
        self._site = site
        self._steady = steady
        self._set_back = False
        self._said: int | None = None

    async def look(self) -> int:
        """Note whether the clock was set since the last look, and do what follows; by how many ms it was."""
        steady = self._steady()
        apart = self._site.clock() - steady
        doubt = self._site.doubt
        before, doubt.apart, doubt.steady = doubt.apart, apart, self._steady
        if before is None:
            await self._begin()
            return 0
        step = apart - before
        if abs(step) >= STEP:
            self._site.client.dates.forget()  # how far they are from ours has changed
        if step <= -STEP:
            self._back(-step, steady)
        elif step >= STEP:
            self._forward(step, steady)
        off = self._site.client.dates.off(self._site.clock())
        if doubt.ms and (steady >= doubt.until or (off is not None and abs(off) < WRONG)):
            log.warning("the clock was not set back, or peers have the same time: it is believed from now on")
            doubt.ms = 0
        if off is not None and abs(off) < WRONG:
            doubt.back = 0
        if self._set_back:
            await self._bring_forward()
        self._compare(steady, off)
        return step if abs(step) >= STEP else 0

    async def _begin(self) -> None:
        """A clock that was set back while no process ran shows by what is in the database."""
        newest = ids.time_of(await self._site.db.read(ids.newest))
        ahead = newest - self._site.clock()
        if ahead > STEP:
            log.warning(
                "the clock is %s behind the newest thing in the database: it was set back, or is wrong", _span(ahead)
            )
            self._set_back = True
            await self._bring_forward()

    def _back(self, ms: int, steady: int) -> None:
        log.warning("the clock was set back by %s; what was planned for later is looked at now", _span(ms))
        site = self._site
        if ms - site.doubt.ms >= FAR:  # more than takes back what was in doubt
            site.doubt.back = steady + BELIEVED
        left = site.doubt.ms - ms
        site.doubt.ms = left if left > STEP else 0
        site.questions.failed.clear()
        site.pushes.resting.clear()
        self._set_back = True

    def _forward(self, ms: int, steady: int) -> None:
        doubt = self._site.doubt
        if ms < FAR:
            log.warning("the clock was set forward by %s", _span(ms))
            return
        doubt.ms, doubt.until, doubt.back = doubt.ms + ms, steady + BELIEVED, 0
        log.error(
            "the clock was set forward by %s; if that is wrong, set it back. For %s nothing is deleted, given up or published "
            "because its time has come by this clock",
            _span(ms),
            _span(BELIEVED),
        )

    async def _bring_forward(self) -> None:
        site = self._site

        def some(tx: Tx) -> bool:
            return set_back.bring_forward(tx, site.clock(), LEASE)

        while await site.db.write(some):
            pass
        self._set_back = False

    def _compare(self, steady: int, off: int | None) -> None:
        if off is None or abs(off) < WRONG or (self._said is not None and steady - self._said < _SAY_EVERY):
            return
        self._said = steady
        log.error(
            "our clock is %s %s those of the servers that we hear from; signatures fail when it differs too much. Let the "
            "system set it (timedatectl set-ntp true)",
            _span(abs(off)),
            "behind" if off > 0 else "ahead of",
        )


def _span(ms: int) -> str:
    """A span of time in words."""
    seconds = ms / 1000
    for size, name in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} seconds"
