"""Units of work that are committed together on PostgreSQL, as SQLite's one writer does with all.

A round trip for each statement, and a wait for the disk for each commit, is what a short unit costs there. Those that wait
at the same time share them: one transaction runs several, one after another. Where one of them fails on its way, all are undone
and each runs again by itself.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

from sqlalchemy import exc

from storage import held
from storage.metadata import Tx
from storage.outages import StorageUnavailable
from storage.patience import Wait

_AT_ONCE = 2
"""Transactions at a time: while one waits for the disk, the next works."""
_MOST = 32
"""Units in one transaction at most, as it holds its locks until the last of them is done."""

Unit = Callable[[Tx], Any]
Outcome = tuple[Any, BaseException | None]
"""What a unit returned, or what it raised."""


class Joining(NamedTuple):
    """A unit that waits for its transaction."""

    unit: Unit
    wait: Wait
    future: asyncio.Future[Any]


class Joined:
    """The wait for several units: over when it is over for one of them, which must not be committed any more."""

    __slots__ = ("_waits",)

    def __init__(self, waits: Sequence[Wait]) -> None:
        self._waits = waits

    @property
    def over(self) -> bool:
        """Whether nothing of it may be committed."""
        return any(one.over for one in self._waits)


class Together:
    """The units of one event loop that wait to be committed together."""

    def __init__(self, loop: asyncio.AbstractEventLoop, submit: Callable[[Unit, Wait | Joined], "Future[Any]"]) -> None:
        """`submit` has a thread run a unit in a transaction of its own."""
        self.loop = loop
        self._submit = submit
        self._waiting: deque[Joining] = deque()
        self._running = 0
        self._called = False

    @property
    def waiting(self) -> int:
        """How many wait for a transaction."""
        return len(self._waiting)

    def join(self, unit: Unit, wait: Wait) -> "asyncio.Future[Any]":
        """What `unit` comes to, after the commit."""
        made: asyncio.Future[Any] = self.loop.create_future()
        self._waiting.append(Joining(unit, wait, made))
        if self._running < _AT_ONCE and not self._called:
            self._called = True
            self.loop.call_soon(self._begin)  # with all that come in this turn of the loop
        return made

    def _begin(self) -> None:
        self._called = False
        batch: list[Joining] = []
        while self._waiting and len(batch) < _MOST:
            one = self._waiting.popleft()
            if not one.future.done():  # else nobody waits for it any more
                batch.append(one)
        if batch:
            self._running += 1
            self._run(batch, self._ended)

    def _ended(self) -> None:
        self._running -= 1
        if self._waiting:
            self._begin()

    def _run(self, batch: Sequence[Joining], ended: Callable[[], None]) -> None:
        """Run these in one transaction, tell each what it came to, and call `ended`."""

        def done(found: "asyncio.Future[Any]") -> None:
            ended()
            problem = None if found.cancelled() else found.exception()
            if isinstance(problem, Undone):
                for one in batch:
                    self._run([one], _nothing)
            elif found.cancelled() or problem is not None:
                _refuse(batch, problem or StorageUnavailable("the database was closed"))
            elif len(batch) == 1:
                _tell(batch[0], (found.result(), None))
            else:
                for one, outcome in zip(batch, found.result(), strict=True):
                    _tell(one, outcome)

        try:
            if len(batch) == 1:
                submitted = self._submit(batch[0].unit, batch[0].wait)
            else:
                joined = Joined([one.wait for one in batch])
                submitted = self._submit(one_after_another([one.unit for one in batch]), joined)
        except StorageUnavailable as problem:
            ended()
            _refuse(batch, problem)
            return
        asyncio.wrap_future(submitted, loop=self.loop).add_done_callback(done)


def _nothing() -> None:
    return


def _tell(one: Joining, outcome: Outcome) -> None:
    if one.future.done():
        return  # who waited was cancelled
    result, problem = outcome
    if problem is None:
        one.future.set_result(result)
    else:
        one.future.set_exception(problem)


def _refuse(batch: Sequence[Joining], problem: BaseException) -> None:
    for one in batch:  # to each its own, as each adds where it passed
        _tell(one, (None, StorageUnavailable(str(problem)) if isinstance(problem, StorageUnavailable) else problem))


class Undone(Exception):
    """One of the units failed after it wrote: each must run by itself."""


def one_after_another(units: Sequence[Unit]) -> Callable[[Tx], list[Outcome]]:
    """The unit that runs these. Raises Undone where one fails, unless it wrote nothing: a refusal undoes nobody's work."""

    def unit(tx: Tx) -> list[Outcome]:
        holds = held.of(tx)
        after: list[tuple[str, str]] = tx.info["after"]
        outcomes: list[Outcome] = []
        for one in units:
            wrote, said = holds.writes if holds is not None else 0, len(after)
            try:
                outcomes.append((one(tx), None))
            except Exception as problem:
                if isinstance(problem, exc.DBAPIError) or holds is None or holds.broken or holds.writes != wrote:
                    raise Undone from problem
                del after[said:]
                outcomes.append((None, problem))
            if holds is not None:
                holds.known.clear()  # a unit's own, and no other's memory
        return outcomes

    return unit
