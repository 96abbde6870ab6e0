"""One connection that listens: what waits to be written to it, its end, and who it is of.

An idle connection costs no task for writing: one runs as long as something waits. Who reads too slowly is let go.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cached_property

import msgspec

from fedi.callers import Caller
from fedi.mastodon.streaming.streams import Stream

log = logging.getLogger(__name__)

WAITING = 500
"""Messages that wait for one reader at most; they are shared, so that many who wait cost little."""
_PATIENCE = 5.0
"""Seconds that saying goodbye may take."""

GOING_AWAY = 1001
POLICY = 1008
"""Close codes (RFC 6455 7.4.1): the server ends; the other side may not, or reads too slowly."""


class Message:
    """An event as both kinds of connections write it; made once for all who get the same.

    `words` is the JSON list that names the stream, `payload` None for an event without one.
    """

    def __init__(self, words: bytes, event: str, payload: bytes | None) -> None:
        self.words = words
        self.event = event
        self.payload = payload

    @property
    def size(self) -> int:
        """About how many bytes it takes: what it is made of, and as each kind of connection writes it."""
        return 500 + 3 * len(self.payload or b"")

    @cached_property
    def frame(self) -> str:
        """As a WebSocket carries it: the payload is a JSON string within JSON."""
        rest = b"" if self.payload is None else b',"payload":' + msgspec.json.encode(self.payload.decode())
        return (b'{"stream":' + self.words + b',"event":"' + self.event.encode() + b'"' + rest + b"}").decode()

    @cached_property
    def lines(self) -> bytes:
        """As a server-sent event; without a payload it says `undefined`, as Mastodon's does and its clients know."""
        payload = b"undefined" if self.payload is None else self.payload
        return b"event: " + self.event.encode() + b"\ndata: " + payload + b"\n\n"


Write = Callable[["Message | str | bytes"], Awaitable[None]]
Close = Callable[[int, str], Awaitable[None]]


class Listener:
    """A connection of `caller`. `write` sends one thing, `close` says goodbye; both may wait for the other side.

    Made in the task that serves the connection, which is cancelled when the other side does not even let us say goodbye.
    """

    __slots__ = ("_close", "_queue", "_task", "_write", "_writing", "caller", "ended", "kind", "streams")

    def __init__(self, caller: Caller, kind: str, write: Write, close: Close) -> None:
        self.caller = caller
        self.kind = kind
        self.streams: dict[tuple[str, int | str], Stream] = {}
        self.ended: tuple[int, str] | None = None
        self._write = write
        self._close = close
        self._queue: deque[Message | str | bytes] = deque()
        self._writing: asyncio.Task[None] | None = None
        self._task = asyncio.current_task()

    @property
    def person_id(self) -> int:
        """Whose it is."""
        return self.caller.me.id

    @property
    def waiting(self) -> int:
        """How many messages wait for it to read."""
        return len(self._queue)

    @property
    def writing(self) -> "asyncio.Task[None] | None":
        """What writes to it right now."""
        return self._writing

    def put(self, message: Message | str | bytes) -> None:
        """Write this when it is its turn; the connection ends when too much waits already."""
        if self.ended is not None:
            return
        if len(self._queue) >= WAITING:
            self.end(POLICY, "You read too slowly")
            return
        self._queue.append(message)
        self._begin()

    def end(self, code: int, reason: str) -> None:
        """Close the connection, whatever waits. Again is nothing."""
        if self.ended is not None:
            return
        self.ended = (code, reason)
        self._queue.clear()
        self._begin()
        asyncio.get_running_loop().call_later(_PATIENCE, self._abandon)

    def gone(self) -> None:
        """The other side went: nothing is written any more."""
        self.ended = self.ended or (POLICY, "gone")
        self._queue.clear()
        self._task = None
        if self._writing is not None:
            self._writing.cancel()

    def _begin(self) -> None:
        if self._writing is None:
            self._writing = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        try:
            while self._queue:
                await self._write(self._queue.popleft())
            if self.ended is not None:
                await self._close(*self.ended)
        except Exception as problem:  # noqa: BLE001 - whatever a broken connection raises; who serves it sees its end
            log.debug("a stream could not be written to: %s", problem)
            self._queue.clear()
        finally:
            self._writing = None

    def _abandon(self) -> None:
        """It is still there although it was closed: what is left to write goes nowhere."""
        if self._writing is not None:
            self._writing.cancel()
        if self._task is not None:
            self._task.cancel()


@contextlib.asynccontextmanager
async def served(listener: Listener) -> AsyncIterator[None]:
    """Around the serving of a connection: ends in peace when the listener was abandoned."""
    try:
        yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if listener.ended is None or task is None:
            raise
        task.uncancel()
    finally:
        listener.gone()
