"""Whether the clock can be believed: a clock that is set in one step (by a person, by NTP, by a broken one) is noticed by one
that nobody sets, and a step far forward is not believed at once where that could not be undone.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

STEP = 2_000
"""Ms by which the clock may go on differently than time did, between two looks, before it counts as set."""
FAR = 3_590_000
"""A step forward of so many ms is not believed for as long as `BELIEVED` says. It is less than the hour that signatures are
forgiven: whatever step lets them fail is one that is doubted."""
WRONG = 60_000
"""Ms that our clock may differ from those of other servers before it is said."""
BELIEVED = 3_600_000
"""Ms after which a step is taken for right, when the clock was not set back."""


def elapsed() -> int:
    """Ms since some moment, by a clock that nobody sets; it goes on while the machine sleeps, where the system can tell."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)) // 1_000_000


@dataclass(slots=True)
class Doubt:
    """How far forward (ms) the clock was set in steps that are not believed yet, and until when (by `steady`).

    `back` is until when a step far back is not believed, where something can be put off: what others sign is ahead of us then.
    `apart` is how far clock and `steady` were apart when they were looked at last (`fedi.worker.clock`).
    """

    ms: int = 0
    until: int = 0
    back: int = 0
    apart: int | None = None
    steady: Callable[[], int] = elapsed

    def of(self, now: int) -> int:
        """The ms that are in doubt when the clock is at `now`, with a step since it was looked at last: in the second until
        then everything could be given up that waits."""
        if self.apart is None:
            return self.ms
        step = now - self.steady() - self.apart
        return self.ms + step if step >= FAR else self.ms

    def behind(self, now: int) -> bool:
        """Whether the clock was set far back, within the last hour or since it was looked at last."""
        if self.apart is None:
            return False
        steady = self.steady()
        return steady < self.back or now - steady - self.apart + self.ms <= -FAR
