"""Traffic: how many POSTs of a process are under way at once, and that those which hang are not in the way of others."""

import asyncio
from collections import deque

POSTS = 192
"""POSTs under way at once, to all hosts ..."""
SLOW_AFTER = 1.0
"""... but for those that got no answer within so many seconds, which give their place back ..."""
SLOW_POSTS = 192
"""... as long as they are not more than these. All together are fewer than the client has connections, so that fetches
find one."""


class Traffic:
    """`async with traffic:` around a POST, which may wait for a place first. For one event loop."""

    __slots__ = ("_free", "_slow", "_under_way", "_waiting")

    def __init__(self) -> None:
        self._free = POSTS
        self._slow = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._under_way: dict[asyncio.Task[object] | None, asyncio.TimerHandle | None] = {}

    @property
    def slow(self) -> int:
        """How many POSTs hang, and gave their place back."""
        return self._slow

    async def __aenter__(self) -> None:
        loop = asyncio.get_running_loop()
        if self._free > 0:
            self._free -= 1
        else:
            place: asyncio.Future[None] = loop.create_future()
            self._waiting.append(place)
            try:
                await place
            except BaseException:
                if place.done() and not place.cancelled():
                    self._give_back()  # it came in the moment when nobody wanted it any more
                raise
        task = asyncio.current_task()
        self._under_way[task] = loop.call_later(SLOW_AFTER, self._hangs, task)

    async def __aexit__(self, *_: object) -> None:
        timer = self._under_way.pop(asyncio.current_task())
        if timer is None:
            self._slow -= 1
        else:
            timer.cancel()
            self._give_back()

    def _hangs(self, task: "asyncio.Task[object] | None") -> None:
        if self._slow < SLOW_POSTS:
            self._slow += 1
            self._under_way[task] = None
            self._give_back()
        else:
            self._under_way[task] = asyncio.get_running_loop().call_later(SLOW_AFTER, self._hangs, task)

    def _give_back(self) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._free += 1
