"""How busy the doors of this process are, so that its background work gives way to a burst of requests.

One process answers and works: while others wait for their 202, whoever works out what came before takes the interpreter
from them, and both get slower. Work that can wait asks for `room` before each batch.
"""

import asyncio
from collections import deque
from time import monotonic

BURST = 8
"""So many requests ..."""
PAUSE = 0.02
"""... within so many seconds are a burst; fewer hold nothing up: who speaks alone is heard at once."""
LONGEST = 3.0
"""Seconds that `room` waits at most, so that a peer that never stops can't keep the work from being done. A burst of some
thousand activities is taken whole before any of it is worked out: taking and working out in turns did half as many a second,
since whoever waits for an answer waits for each batch as well."""


class Pressure:
    """When the last requests came. For one event loop."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: deque[float] = deque(maxlen=BURST)

    def arrived(self) -> None:
        """A request has come that others wait behind."""
        self._last.append(monotonic())

    async def room(self) -> bool:
        """Return at once unless there is a burst, else after its end; after `LONGEST` anyway. Whether there is room."""
        now = monotonic()
        end = now + LONGEST
        while (wait := min(self._quiet_at(), end) - now) > 0:
            await asyncio.sleep(wait)
            now = monotonic()
        return now >= self._quiet_at()

    def _quiet_at(self) -> float:
        """When the last requests, if they are a burst, are `PAUSE` ago."""
        last = self._last
        return last[-1] + PAUSE if len(last) == BURST and last[-1] - last[0] <= PAUSE else 0.0
