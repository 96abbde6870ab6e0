"""What waits on disk to be worked out, by the host that sent it: bounded, so that no peer fills the disk with valid activities
that come faster than they are worked out.

Counted in memory as it comes, which costs the door nothing; what was worked out meanwhile, here or by another process, is
seen by looking into the database now and then: the more waits, the less often.
"""

import asyncio
import logging
from functools import partial
from time import monotonic

from federation.policy.decide import Decision, Verdict
from fedi.context import Site
from fedi.inbox.room import Room
from storage import waiting
from storage.database import StorageUnavailable

log = logging.getLogger(__name__)

MOST = 4 << 30
"""Bytes on disk of what waits at most, shared as `fedi.inbox.room` does: one host alone gets half of it, about half a million
activities as people send them."""
OVERHEAD = 2048
"""Bytes of a row beside the body, with its part of the indexes."""
STEP = 64 << 20
"""So many bytes, or half of what waits if that is more, come between two looks into the database."""
AGAIN = 30.0
"""Seconds between two looks while somebody is refused."""
RETRY = b"120"
"""Seconds after which who was refused may try again."""
TOO_MUCH = Decision(
    Verdict.REJECT,
    "too-much-waiting",
    "so much of your server waits here to be worked out that no more is taken; send it again later",
)


class Backlog:
    """The bytes that wait, by host. For one event loop."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._room = Room(MOST)
        self._came = 0
        self._since: dict[str, int] | None = None  # what came since the look began that is under way
        self._looking: asyncio.Task[None] | None = None
        self._looked = -AGAIN
        self._step = STEP

    def enter(self, host: str, size: int) -> bool:
        """Count an activity of this host with a body of `size` bytes; False when too much of the host waits already."""
        size += OVERHEAD
        if not self._room.enter(host, size):
            if monotonic() - self._looked >= AGAIN:
                self._look()
            return False
        self._came += size
        if self._since is not None:
            self._since[host] = self._since.get(host, 0) + size
        elif self._came >= self._step:
            self._look()
        return True

    def leave(self, host: str, size: int) -> None:
        """It is not stored after all."""
        self._room.leave(host, size + OVERHEAD)

    def _look(self) -> None:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._count())

    async def _count(self) -> None:
        """Take over from the database what really waits."""
        self._looked = monotonic()
        self._came, self._since = 0, {}
        try:
            room, held = Room(MOST), 0
            place: waiting.Place | None = waiting.START
            while place is not None:
                found, place = await self._site.db.read(partial(waiting.sizes, after=place))
                for host, (rows, size) in found.items():
                    room.hold(host, size + rows * OVERHEAD)
                    held += size + rows * OVERHEAD
            for host, size in self._since.items():
                room.hold(host, size)
            self._room, self._step = room, max(STEP, held // 2)
        except StorageUnavailable as problem:
            log.debug("what waits can't be counted: %s", problem)
        finally:
            self._since = None
