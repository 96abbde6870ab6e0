"""RSA signatures in threads: each takes a third of a millisecond, in which OpenSSL lets the interpreter go.

Two threads serve the whole process, begun with the first signature. They get some at a time of what was asked for in one round
of the event loop, and hand these back together, as waking a thread or the loop costs as much as what else there is to do for a
signature.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

THREADS = 2
TOGETHER = 4
"""Signatures that a thread gets at once at most: the first waits for the last of them."""

_Asked = list[tuple[Callable[[], Any], "asyncio.Future[Any]"]]

_work: "SimpleQueue[tuple[asyncio.AbstractEventLoop, _Asked]]" = SimpleQueue()
_begun: list[threading.Thread] = []
_beginning = threading.Lock()


class Signers:
    """Runs functions in the threads, for one event loop at a time."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked: _Asked = []

    async def run(self, work: Callable[[], T]) -> T:
        """What `work()` returns or raises; it must be quick, as all signatures of the process wait behind it."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._asked = loop, []  # nobody of another loop waits any more
            if len(_begun) < THREADS:
                _begin()
        future: asyncio.Future[T] = loop.create_future()
        if not self._asked:
            loop.call_soon(self._hand_out, loop)
        self._asked.append((work, future))
        return await future

    def _hand_out(self, loop: asyncio.AbstractEventLoop) -> None:
        asked, self._asked = self._asked, []
        size = min(TOGETHER, -(-len(asked) // THREADS))
        for start in range(0, len(asked), size):
            _work.put((loop, asked[start : start + size]))


def _begin() -> None:
    with _beginning:
        while len(_begun) < THREADS:
            thread = threading.Thread(target=_sign_forever, name="sign", daemon=True)
            thread.start()
            _begun.append(thread)


def _sign_forever() -> None:
    while True:
        loop, asked = _work.get()
        done: list[tuple[asyncio.Future[Any], Any, BaseException | None]] = []
        for work, future in asked:
            if future.cancelled():
                continue
            try:
                done.append((future, work(), None))
            except BaseException as problem:  # noqa: BLE001 - whoever waits is told
                done.append((future, None, problem))
        with contextlib.suppress(RuntimeError):  # its loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_hand_back, done)


def _hand_back(done: "list[tuple[asyncio.Future[Any], Any, BaseException | None]]") -> None:
    for future, result, problem in done:
        if future.done():
            continue  # who waited was cancelled
        if problem is None:
            future.set_result(result)
        else:
            future.set_exception(problem)
