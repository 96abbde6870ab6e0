"""From the writer's thread to coroutines: what their units came to, handed over to an event loop several at a time.

Waking a loop costs more than an answer, and what was committed together is told together.
"""

import asyncio
import contextlib
from collections import deque
from typing import Any


class Answers:
    """What units came to that coroutines of one event loop wait for."""

    __slots__ = ("_called", "_loop", "_ready")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ready: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._called = False

    def put(self, future: "asyncio.Future[Any]", value: Any, problem: BaseException | None) -> None:
        """Called by the database's thread: the loop hears of it soon, with all that comes until it looks."""
        self._ready.append((future, value, problem))
        if not self._called:
            self._called = True
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._hand_over)

    def _hand_over(self) -> None:
        self._called = False  # first: what comes from now on calls again
        while self._ready:
            future, value, problem = self._ready.popleft()
            if future.done():
                continue  # who waited was cancelled
            if problem is None:
                future.set_result(value)
            else:
                # Futures take no StopIteration, which would end the coroutine that waits without a word.
                future.set_exception(RuntimeError(repr(problem)) if isinstance(problem, StopIteration) else problem)


class Awaited:
    """The result of one unit, as `concurrent.futures.Future` is for who waits in a thread."""

    __slots__ = ("_answers", "future")

    def __init__(self, answers: Answers, loop: asyncio.AbstractEventLoop) -> None:
        self._answers = answers
        self.future: asyncio.Future[Any] = loop.create_future()

    def set_running_or_notify_cancel(self) -> bool:
        """Whether anybody still waits."""
        return not self.future.cancelled()

    def done(self) -> bool:
        """Whether it is settled."""
        return self.future.done()

    def set_result(self, value: Any) -> None:
        """The unit was committed, and gave this."""
        self._answers.put(self.future, value, None)

    def set_exception(self, problem: BaseException) -> None:
        """It was not, because of this."""
        self._answers.put(self.future, None, problem)
