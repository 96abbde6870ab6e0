"""How busy the doors of this process are, so that its background work gives way to a burst of requests.

One process answers and works: while others wait for their 202, whoever works out what came before takes the interpreter
from them, and both get slower. Work that can wait asks for `room` before each batch.
"""

import asyncio
from time import monotonic

PAUSE = 0.02
"""Seconds without a request that count as room."""
LONGEST = 3.0
"""Seconds that `room` waits at most, so that a peer that never stops can't keep the work from being done. A burst of some
thousand activities is taken whole before any of it is worked out: taking and working out in turns did half as many a second,
since whoever waits for an answer waits for each batch as well."""


class Pressure:
    """When the last request came. For one event loop."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last = -PAUSE

    def arrived(self) -> None:
        """A request has come that others wait behind."""
        self._last = monotonic()

    async def room(self) -> bool:
        """Return at once when no request came within the last `PAUSE`, else after such a pause; after `LONGEST` anyway.
        Whether there was a pause."""
        now = monotonic()
        end = now + LONGEST
        while (wait := min(self._last + PAUSE, end) - now) > 0:
            await asyncio.sleep(wait)
            now = monotonic()
        return now >= self._last + PAUSE
