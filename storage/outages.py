"""Outages: whether the database can be used at the moment, what is wrong when it can't, and that the log says so once.

A server whose database is gone refuses thousands of requests a second, each for the same reason: one line when it begins,
one a minute, and one when it is over tell an operator more than a trace for each.
"""

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Iterator

from sqlalchemy import exc

log = logging.getLogger("fedi.database")

_SAY_EVERY = 60.0
QUIET = 1.0
"""Seconds without a failure after which an outage is over."""
_FRESH = 30.0
"""Seconds after the last failure for which it is still what is the matter: where nothing is asked, nothing succeeds either."""
RERUN = ("40001", "40P01")
"""SQLSTATE of a serialisation failure and of a deadlock: the other side won, ours can simply run again."""
_SQLITE_TROUBLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_INTERRUPT,
    }
)


class StorageUnavailable(Exception):
    """The database cannot be reached or written to (gone, disk full, locked); nothing of the unit was kept."""


class Outage:
    """One way to use the database (`read`, `write`); called by its threads."""

    def __init__(self, cannot: str) -> None:
        """`cannot`: what the database can't be while it lasts, as «read»."""
        self._cannot = cannot
        self._lock = threading.Lock()
        self._since: float | None = None
        self._last = 0.0
        self._said = 0.0
        self._failed = 0
        self.reason = ""
        self.silent = False
        """Whether the database gives no answer at all: who asks need not wait to hear so."""
        self.heard = time.monotonic()
        """When the database last gave an answer to a unit of work."""

    @property
    def lasts(self) -> bool:
        """Whether the last use failed."""
        return self._since is not None

    @property
    def problem(self) -> str:
        """What is wrong now, in words; "" when nothing is."""
        if self._since is None or time.monotonic() - self._last > _FRESH:
            return ""
        return f"it can't be {self._cannot}: {self.reason}"

    def answered(self) -> None:
        """A unit of work was done, or failed at something of its own: there is somebody who answers."""
        self.heard = time.monotonic()
        self.silent = False

    def gives_no_answer(self, reason: str, units: int) -> None:
        """So many units of work were given up, and none came to an end for long."""
        self.silent = True
        self.failed(reason, units)

    def failed(self, reason: str, units: int = 1) -> None:
        """So many units of work could not be done."""
        now = time.monotonic()
        with self._lock:
            began = self._since is None
            if began:
                self._since, self._failed = now, 0
            self._last, self.reason = now, " ".join(reason.split())[:300]
            self._failed += units
            if not began and now - self._said < _SAY_EVERY:
                return
            self._said = now
            failed = self._failed
        log.error(
            "the database can't be %s: %s (%d times so far). Whoever asks is told to come again, nothing accepted is lost, "
            "and it is tried again by itself",
            self._cannot,
            self.reason,
            failed,
        )

    def over(self) -> None:
        """A unit of work was done. On a disk that is full some are done and others not: it is over after `QUIET`."""
        if time.monotonic() - self._last < QUIET:
            return
        with self._lock:
            since, self._since = self._since, None
            failed = self._failed
        if since is not None:
            log.warning(
                "the database can be %s again, after %.0f s and %d failures",
                self._cannot,
                time.monotonic() - since,
                failed,
            )


def in_trouble(problem: exc.DBAPIError) -> bool:
    """Whether the database can't be reached or written to; else the statement is wrong or its data don't fit."""
    orig = problem.orig
    if isinstance(orig, sqlite3.Error):
        return getattr(orig, "sqlite_errorcode", 0) & 0xFF in _SQLITE_TROUBLE
    if problem.connection_invalidated or isinstance(problem, exc.InterfaceError):
        return True
    return isinstance(problem, exc.OperationalError) and getattr(orig, "sqlstate", "") not in RERUN


@contextlib.contextmanager
def told_apart() -> Iterator[None]:
    """Turn the driver's «cannot reach or write» into `StorageUnavailable`; bugs in a statement stay what they are."""
    try:
        yield
    except exc.DBAPIError as problem:
        if in_trouble(problem):
            raise StorageUnavailable(str(problem.orig)) from problem
        raise
