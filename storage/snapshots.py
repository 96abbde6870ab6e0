"""The version of a PostgreSQL database: its snapshot, as `pg_current_snapshot()` says it, asked for without a thread.

The snapshot says which transactions can be read: it changes with the end of every one that wrote, in the moment in which others
can read what it wrote, and never comes back to what it was. Two questions with one answer so say that nothing was committed
between them, by whomever. (The position of the log moves before a commit can be read, and a notification comes after it.)

A question is a round trip, so it is sent from the event loop, on a connection of its own, and all who ask while one is under
way share the next: sixteen clients cost no more than one. Nobody shares one that was sent before they asked.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

import psycopg
from psycopg.pq import ExecStatus

log = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]

_QUESTION = b"SELECT pg_current_snapshot()"
_PATIENCE = 1.0
"""Seconds that an answer is waited for."""
_PAUSE = 1.0
"""Seconds between two attempts to connect."""


def connect(url: str, settings: Mapping[str, Any]) -> Connection:
    """A connection for `Snapshots`, in whose statements each is a transaction of its own."""
    return psycopg.connect(url, autocommit=True, **settings)


class Snapshots:
    """Asks one database, for one event loop at a time."""

    def __init__(self, connect: Callable[[], "Future[Connection]"]) -> None:
        """`connect` opens a connection in a thread (`snapshots.connect`)."""
        self._connect = connect
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: Connection | None = None
        self._file = -1  # of the connection, which does not know it any more once it is lost
        self._opened = 0
        self._opening: Future[Connection] | None = None
        self._not_before = 0.0
        self._closed = False
        self._asked: list[asyncio.Future[object | None]] = []
        self._next: list[asyncio.Future[object | None]] = []
        self._said: bytes | None = None
        self._late: asyncio.TimerHandle | None = None

    async def version(self) -> object | None:
        """Equal to what it was as long as nothing was committed between; None when it can't be said, as before there is a
        connection, which nobody waits for."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._lose()
            self._loop, self._not_before = loop, 0.0
        if self._connection is None:
            self._open(loop)
            return None
        waits: asyncio.Future[object | None] = loop.create_future()
        if self._asked:
            self._next.append(waits)
        else:
            self._asked.append(waits)
            self._ask(loop, self._connection)
        return await waits

    def close(self) -> None:
        """Close the connection; whoever waits hears that it is not known. The threads must have ended."""
        self._closed = True
        if self._opening is not None:
            self._drop(self._opening)
        self._lose()

    def _open(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._opening is not None or self._closed or loop.time() < self._not_before:
            return
        self._not_before = loop.time() + _PAUSE

        def opened(made: "Future[Connection]") -> None:
            try:
                loop.call_soon_threadsafe(self._take, loop, made)
            except RuntimeError:  # the loop is closed: nobody asks any more
                self._drop(made)

        with contextlib.suppress(RuntimeError):  # the threads have ended
            self._opening = self._connect()
            self._opening.add_done_callback(opened)

    def _take(self, loop: asyncio.AbstractEventLoop, made: "Future[Connection]") -> None:
        if self._opening is not made:
            return  # closed meanwhile
        self._opening = None
        problem = made.exception()
        if problem is not None:
            log.debug("no version of the database: %s", problem)  # `storage.outages` says so where it matters
            return
        connection = made.result()
        if loop is not self._loop:
            connection.close()
            return
        self._connection = connection
        self._opened += 1
        self._file = connection.fileno()
        loop.add_reader(self._file, self._readable, loop, connection)

    def _drop(self, made: "Future[Connection]") -> None:
        """Close a connection that nobody took."""
        self._opening = None
        if made.done() and not made.cancelled() and made.exception() is None:
            made.result().close()

    def _ask(self, loop: asyncio.AbstractEventLoop, connection: Connection) -> None:
        self._said = None
        try:
            connection.pgconn.send_query(_QUESTION)
            connection.pgconn.flush()
        except psycopg.Error:
            self._lose()
            return
        self._late = loop.call_later(_PATIENCE, self._lose)

    def _readable(self, loop: asyncio.AbstractEventLoop, connection: Connection) -> None:
        """Something came: an answer or a part of it, or the end of the connection."""
        wire = connection.pgconn
        try:
            wire.consume_input()
            while not wire.is_busy():
                result = wire.get_result()
                if result is None:
                    break
                if result.status != ExecStatus.TUPLES_OK:
                    raise psycopg.OperationalError(result.error_message.decode(errors="replace"))
                self._said = result.get_value(0, 0)
            else:
                return
        except psycopg.Error as problem:
            log.debug("no version of the database: %s", problem)
            self._lose()
            return
        if not self._asked:
            return
        if self._late is not None:
            self._late.cancel()
        # What two connections say is never taken for the same: another server may stand behind the second.
        _tell(self._asked, None if self._said is None else (self._opened, self._said))
        self._asked, self._next = self._next, []
        if self._asked:
            self._ask(loop, connection)

    def _lose(self) -> None:
        lost, self._connection = self._connection, None
        if self._late is not None:
            self._late.cancel()
        waited, self._asked, self._next = [*self._asked, *self._next], [], []
        _tell(waited, None)
        if lost is not None:
            if self._loop is not None and self._loop.is_running():
                self._loop.remove_reader(self._file)
            lost.close()


def _tell(waiting: "list[asyncio.Future[object | None]]", version: object | None) -> None:
    for one in waiting:
        if not one.done():
            one.set_result(version)
