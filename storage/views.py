"""Reading SQLite: a connection for each thread that reads, kept open; a unit's view of the database is a BEGIN and a ROLLBACK
on it. Taking a connection from SQLAlchemy's pool for each unit and giving it back cost as much as ten of its queries.

`at_once` reads where it is asked, in the event loop's own thread: to hand a unit of a quarter of a millisecond to another
thread and to fight with it for the interpreter's lock costs more than the unit. Only for units that are short as a rule; one
that takes longer than some milliseconds is broken off, and runs in a thread like any other.
"""

import math
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Engine, exc

from storage import held
from storage.interned import KeptRows
from storage.metadata import Tx
from storage.prepared import BEGUN

T = TypeVar("T")

_WORK, _WAIT = 0.01, 0.1
"""Seconds that `at_once` may work, and may take in all where the disk or the machine is slow."""
_STEPS = 2_000
"""Of SQLite's machine, some microseconds, between two looks at the clock."""


class TooLong(Exception):
    """The unit is none that can be read at once."""


class Views:
    """The connections that read one SQLite file."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._mine = threading.local()
        self._guard = threading.Lock()
        self._open: list[Tx] = []
        self._kept = KeptRows()
        self._work = self._wait = math.inf
        self._quick: Tx | None = None

    def read(self, unit: Callable[[Tx], T]) -> T:
        """What `unit` returns over one consistent view, on this thread's connection. Raises what it raises."""
        tx: Tx | None = getattr(self._mine, "tx", None)
        if tx is None:
            tx = self._mine.tx = self._connect()
        try:
            return _view(tx, unit)
        except exc.DBAPIError:
            self._mine.tx = None  # nobody knows what is wrong with it
            self._close(tx)
            raise

    def at_once(self, unit: Callable[[Tx], T]) -> T:
        """The same in the thread of whoever asks, one at a time, within some milliseconds. Raises `TooLong` beyond them."""
        tx = self._quick
        if tx is None:
            tx = self._quick = self._connect()
            raw: Any = tx.connection.dbapi_connection
            raw.execute("PRAGMA busy_timeout=0")  # who must wait for another process does so in a thread
            raw.set_progress_handler(
                lambda: time.thread_time() > self._work or time.perf_counter() > self._wait, _STEPS
            )

        def bounded(tx: Tx) -> T:
            self._work, self._wait = time.thread_time() + _WORK, time.perf_counter() + _WAIT
            try:
                return unit(tx)
            finally:
                self._work = self._wait = math.inf  # the view must be ended, however late it is

        try:
            return _view(tx, bounded)
        except exc.DBAPIError as problem:
            if getattr(problem.orig, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
                raise TooLong from problem
            self._quick = None
            self._close(tx)
            raise

    def close(self) -> None:
        """Close all connections; nobody may be reading."""
        with self._guard:
            several, self._open = self._open, []
        self._quick = None
        for tx in several:
            tx.close()

    def _connect(self) -> Tx:
        tx = self._engine.connect()
        tx.__dict__[BEGUN] = True
        self._kept.given_to(tx)
        with self._guard:
            self._open.append(tx)
        return tx

    def _close(self, tx: Tx) -> None:
        with self._guard:
            if tx in self._open:
                self._open.remove(tx)
        tx.invalidate()
        tx.close()


def _view(tx: Tx, unit: Callable[[Tx], T]) -> T:
    raw: Any = tx.connection.dbapi_connection
    held.begin(tx)
    _say(tx, raw, "BEGIN")
    try:
        return unit(tx)
    finally:
        if tx.in_transaction():  # begun by a statement that SQLAlchemy ran itself
            tx.rollback()
        if raw.in_transaction:
            _say(tx, raw, "ROLLBACK")


def _say(tx: Tx, raw: Any, word: str) -> None:
    try:
        raw.execute(word)
    except sqlite3.Error as problem:
        raise exc.DBAPIError.instance(word, None, problem, sqlite3.Error, dialect=tx.dialect) from problem
