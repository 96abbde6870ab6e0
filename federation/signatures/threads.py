"""RSA signatures in threads: each takes a third of a millisecond, in which OpenSSL lets the interpreter go.

Two threads serve the whole process, begun with the first signature. What they have finished is handed back to the event
loop together, as waking it costs as much as what else there is to do for a signature.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

THREADS = 2

_work: "SimpleQueue[tuple[Signers, Callable[[], Any], asyncio.Future[Any]]]" = SimpleQueue()
_begun: list[threading.Thread] = []
_beginning = threading.Lock()


class Signers:
    """Runs functions in the threads for one event loop, that of its first call."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._done: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._told = False

    async def run(self, work: Callable[[], T]) -> T:
        """What `work()` returns or raises; it must be quick, as all signatures of the process wait behind it."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop = loop
            if len(_begun) < THREADS:
                _begin()
        future: asyncio.Future[T] = loop.create_future()
        _work.put((self, work, future))
        return await future

    def done(self, future: "asyncio.Future[Any]", result: Any, problem: BaseException | None) -> None:
        """Called by the threads: hand a result back."""
        self._done.append((future, result, problem))
        if not self._told and self._loop is not None:
            self._told = True
            with contextlib.suppress(RuntimeError):  # its loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._hand_back)

    def _hand_back(self) -> None:
        self._told = False  # before looking: what is added from now on tells again
        while self._done:
            future, result, problem = self._done.popleft()
            if future.done():
                continue  # who waited was cancelled
            if problem is None:
                future.set_result(result)
            else:
                future.set_exception(problem)


def _begin() -> None:
    with _beginning:
        while len(_begun) < THREADS:
            thread = threading.Thread(target=_sign_forever, name="sign", daemon=True)
            thread.start()
            _begun.append(thread)


def _sign_forever() -> None:
    while True:
        signers, work, future = _work.get()
        if future.cancelled():
            continue
        try:
            result = work()
        except BaseException as problem:  # noqa: BLE001 - whoever waits is told
            signers.done(future, None, problem)
        else:
            signers.done(future, result, None)
