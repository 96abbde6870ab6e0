"""Time-ordered 64-bit ids, sortable as Mastodon's clients expect, unique over all processes of an instance.

`milliseconds since 1970 << 16 | process slot (6 bits) << 10 | sequence (10 bits)`: Mastodon's own layout, so that an
id tells its time. A process holds one of 64 slots (`storage.database` leases it), so two processes never make the
same id.
"""

import threading

SLOTS = 64
_SEQUENCE = 1 << 10


class Ids:
    """Makes ids; safe to call from several threads."""

    def __init__(self, slot: int) -> None:
        """`slot` is this process's number, 0 to 63; ValueError outside of that."""
        if not 0 <= slot < SLOTS:
            raise ValueError(f"an id slot is 0 to {SLOTS - 1}, not {slot}")
        self._slot = slot
        self._lock = threading.Lock()
        self._used: dict[int, int] = {}
        self._last = 0

    def next(self, at: int) -> int:
        """A new id for something that happened now, at `at` ms; greater than all that this returned before."""
        with self._lock:
            moment = max(at, self._last)
            sequence = self._used.get(moment, 0)
            while sequence >= _SEQUENCE:
                moment += 1
                sequence = self._used.get(moment, 0)
            if moment > self._last and len(self._used) > 4096:
                self._used.clear()
            self._used[moment] = sequence + 1
            self._last = moment
            return moment << 16 | self._slot << 10 | sequence

    def past(self, at: int, spread: int) -> int:
        """An id for something that happened at `at` ms, perhaps long ago (a post that was fetched late).

        `spread` is any number that differs between things of the same millisecond (a hash of the IRI), since the
        sequence of that moment is not known any more.
        """
        return max(at, 0) << 16 | spread % 0xFFFF


def time_of(made: int) -> int:
    """The milliseconds since 1970 in an id."""
    return made >> 16


def first_at(at: int) -> int:
    """The smallest id that something at `at` ms can have; for queries by time."""
    return at << 16
