"""Patience: who asks the database waits some seconds for what it comes to, and then hears that there is no answer.

A database that hangs (its machine is frozen, its disk gives no answer, somebody holds a lock) fails at nothing: connections stay
open, and whoever asks would wait for as long as it lasts, with all the memory that a request holds. What was given up is not
committed later, where that can still be helped: who heard so may ask again.
"""

import asyncio
import contextlib
import logging
import os
import socket
from time import monotonic
from typing import Any, TypeVar
from weakref import WeakSet

from sqlalchemy import Engine, event

from storage.outages import Outage, StorageUnavailable

log = logging.getLogger("fedi.database")

T = TypeVar("T")

PATIENCE = 12.0
"""Seconds; more than SQLite waits for another process to let go of the file (`storage.engines.BUSY_MS`), which says more."""
_LOOK = 0.5
_SAY_EVERY = 60.0


class Wait:
    """One unit of work that a coroutine waits for."""

    __slots__ = ("outage", "over", "since")

    def __init__(self, outage: Outage) -> None:
        self.outage = outage
        self.since = monotonic()
        self.over = False
        """Whether it was given up: its thread must not commit it any more."""


class Patience:
    """Those who wait in one event loop."""

    __slots__ = ("_due", "_said", "_slow", "_timer", "_waiting", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._waiting: dict[asyncio.Future[object], Wait] = {}  # longest waiting first
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._slow = 0  # units that were given up while others were done, and not said yet
        self._said = -_SAY_EVERY

    async def of(self, future: "asyncio.Future[T]", wait: Wait) -> T:
        """What `future` comes to. Raises StorageUnavailable when that takes too long."""
        self._waiting[future] = wait  # type: ignore[index]  # of anything
        if self._timer is None:
            self._again()
        try:
            return await future
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if wait.over and (task is None or not task.cancelling()):
                raise StorageUnavailable(_text()) from None
            raise
        finally:
            del self._waiting[future]  # type: ignore[arg-type]  # the same

    def _again(self) -> None:
        self._due = monotonic() + _LOOK
        self._timer = self.loop.call_later(_LOOK, self._look)

    def _look(self) -> None:
        """Give up what has waited too long."""
        self._timer = None
        now = monotonic()
        # Late ourselves: this process stood still, and what it waits for may be there.
        if now - self._due < _LOOK:
            silent: dict[Outage, int] = {}
            for future, wait in self._waiting.items():
                if now - wait.since < PATIENCE:
                    break
                if future.done():
                    continue
                wait.over = True
                future.cancel()
                if now - wait.outage.heard < PATIENCE:
                    self._slow += 1
                else:
                    silent[wait.outage] = silent.get(wait.outage, 0) + 1
            for outage, units in silent.items():
                outage.gives_no_answer(_text(), units)
            self._say_slow(now)
        if self._waiting:
            self._again()

    def _say_slow(self, now: float) -> None:
        """Say, once a minute, that some were given up."""
        if self._slow and now - self._said > _SAY_EVERY:
            log.warning(
                "%d units of work were given up after %.0f s, while others are done: a query that is too slow, or somebody "
                "holds a lock in the database",
                self._slow,
                PATIENCE,
            )
            self._slow, self._said = 0, now


def _text() -> str:
    return f"it gives no answer within {PATIENCE:.0f} s"


class Links:
    """The connections of some engines to a PostgreSQL server, to end them while it gives no answer: threads that wait for one
    would keep the process from ending."""

    def __init__(self, *engines: Engine) -> None:
        self._open: WeakSet[Any] = WeakSet()
        for engine in engines:
            event.listen(engine, "connect", self._opened)

    def _opened(self, connection: Any, _record: object) -> None:
        self._open.add(connection)

    def cut(self) -> None:
        """End them, whatever they wait for: whoever does gets an error."""
        for connection in list(self._open):
            with contextlib.suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as link:
                link.shutdown(socket.SHUT_RDWR)
