"""Time-ordered 64-bit ids, sortable as Mastodon's clients expect, unique over all processes of an instance.

`milliseconds since 1970 << 16 | process slot (6 bits) << 10 | sequence (10 bits)`: Mastodon's own layout, so that an
id tells its time. A process holds one of 64 slots (`storage.slots`), so two processes never make the same id.
"""

import threading

from storage.metadata import Tx

SLOTS = 64
_SEQUENCE = 1 << 10


class Ids:
    """Makes ids; safe to call from several threads."""

    def __init__(self, slot: int) -> None:
        """`slot` is this process's number, 0 to 63; ValueError outside of that."""
        self._lock = threading.Lock()
        self._last = 0
        self._sequence = 0
        self.move_to(slot)

    def move_to(self, slot: int) -> None:
        """Make ids of another slot from now on; ValueError outside of 0 to 63."""
        if not 0 <= slot < SLOTS:
            raise ValueError(f"an id slot is 0 to {SLOTS - 1}, not {slot}")
        self._slot = slot

    def after(self, made: int) -> None:
        """Make no id before this one: what was made by a clock that has been set back since must not be made again."""
        with self._lock:
            if time_of(made) >= self._last:
                self._last, self._sequence = time_of(made) + 1, 0

    def next(self, at: int) -> int:
        """A new id for something that happened now, at `at` ms; greater than all that this returned before."""
        with self._lock:
            if at > self._last:
                self._last, self._sequence = at, 0
            elif self._sequence == _SEQUENCE:  # more than 1,024 in a millisecond: borrow from the next
                self._last, self._sequence = self._last + 1, 0
            made = self._last << 16 | self._slot << 10 | self._sequence
            self._sequence += 1
            return made

    def past(self, at: int, spread: int) -> int:
        """An id for something that happened at `at` ms, perhaps long ago (a post that was fetched late).

        `spread` is any number that differs between things of the same millisecond (a hash of the IRI), since the
        sequence of that moment is not known any more.
        """
        return max(at, 0) << 16 | spread % 0xFFFF


_NEWEST = (
    "SELECT max(newest) FROM (SELECT max(id) AS newest FROM received UNION ALL SELECT max(id) FROM jobs "
    "UNION ALL SELECT max(id) FROM notifications UNION ALL SELECT max(id) FROM decisions "
    "UNION ALL SELECT max(created_at) * 65536 FROM (SELECT created_at FROM outbox ORDER BY position DESC LIMIT 1) AS last"
    ") AS every"
)


def newest(tx: Tx) -> int:
    """The largest id that was made for anything here, 0 when there is nothing: time was at least so far then.

    Posts and actors of others have the times that others say, so they don't count. Raises DBAPIError without tables.
    """
    return int(tx.exec_driver_sql(_NEWEST).scalar() or 0)


_PLACE = 1 << 62
"""Set in no id of a thing: it takes the whole of time until the year 2109 to fill the bits below."""


def place(made: int) -> int:
    """The id of a place in a list that the thing with this id decides. Places are no things, so each has one id only, and
    are in order among themselves, as things are."""
    return made | _PLACE


def is_place(made: int) -> bool:
    """Whether this id is that of a place."""
    return bool(made & _PLACE)


def without_place(made: int) -> int:
    """The id of the thing that decides a place; of a thing its own."""
    return made & ~_PLACE


def time_of(made: int) -> int:
    """The milliseconds since 1970 in an id, of a thing or a place."""
    return without_place(made) >> 16


def first_at(at: int) -> int:
    """The smallest id that something at `at` ms can have; for queries by time."""
    return at << 16
