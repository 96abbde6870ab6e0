"""Process slots: which of the 64 numbers in the ids (`storage.ids`) this process may use, held as long as it lives.

A slot is a lock that the operating system or the database gives up when the process dies, so nothing has to be cleaned
up after `kill -9`.
"""

import contextlib
import fcntl
import os
import struct
import sys
import threading
from typing import ClassVar, Protocol

from sqlalchemy import Connection, Engine, exc, text

from storage.ids import SLOTS

_FLOCK = "hhqqi"
"""`struct flock` of Linux: kind, whence, start, length, process (fcntl(2))."""


class NoSlot(Exception):
    """Every slot is held by another process."""


class Slot(Protocol):
    """A slot that is held; `number` is 0 to 63."""

    number: int

    def release(self) -> None:
        """Let another process have it."""

    def others(self) -> bool:
        """Whether another process may have the database open."""


class FileSlot:
    """A slot held as a lock on one byte of a file beside the SQLite file."""

    # POSIX locks belong to the process: they don't exclude within it (hence `_held`), and closing any descriptor of the
    # file gives up all of them (hence one descriptor a file, closed with the last slot).
    _open: ClassVar[dict[str, int]] = {}
    _held: ClassVar[dict[str, set[int]]] = {}
    _guard: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, path: str) -> None:
        """Raises NoSlot when all are taken, OSError when the file can't be made."""
        self._path = os.path.realpath(path)
        with self._guard:
            if self._path not in self._open:
                self._open[self._path] = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            held = self._held.setdefault(self._path, set())
            for number in range(SLOTS):
                if number in held:
                    continue
                try:
                    fcntl.lockf(self._open[self._path], fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
                except OSError:
                    continue
                held.add(number)
                self.number = number
                return
            self._close_unused()
        raise NoSlot(f"all {SLOTS} process slots of {path} are taken")

    def others(self) -> bool:
        """Whether another process holds a slot of this file; one system call, as each batch of writes asks."""
        if sys.platform != "linux":
            return True  # the layout of `struct flock` differs; saying too much does no harm
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, SLOTS, 0)
        try:
            answer = fcntl.fcntl(self._open[self._path], fcntl.F_GETLK, asked)
        except OSError:
            return True
        kind: int = struct.unpack(_FLOCK, answer)[0]
        return kind != fcntl.F_UNLCK

    def release(self) -> None:
        """Let another process have it."""
        with self._guard:
            held = self._held.get(self._path, set())
            if self.number in held:
                held.discard(self.number)
                fcntl.lockf(self._open[self._path], fcntl.LOCK_UN, 1, self.number)
                self._close_unused()

    def _close_unused(self) -> None:
        if not self._held[self._path]:
            del self._held[self._path]
            os.close(self._open.pop(self._path))


class PostgresSlot:
    """A slot held as an advisory lock on a connection of its own; advisory locks are per database already."""

    def __init__(self, engine: Engine) -> None:
        """Raises NoSlot when all are taken, OperationalError when the database can't be reached."""
        self._engine = engine
        self._connection: Connection | None = None
        self.number = -1
        self.renew()

    def renew(self) -> None:
        """Take a slot again after the connection broke, the same one if it is free."""
        self.release()
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        for number in sorted(range(SLOTS), key=lambda n: n != self.number):
            if connection.scalar(text("SELECT pg_try_advisory_lock(7041, :n)"), {"n": number}):
                self._connection = connection
                self.number = number
                return
        connection.close()
        raise NoSlot(f"all {SLOTS} process slots of the database are taken")

    def others(self) -> bool:
        """Not known: whoever listens has the word of the database."""
        return True

    def release(self) -> None:
        """Let another process have it."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        with contextlib.suppress(exc.DBAPIError):  # the connection is gone already, and the lock with it
            connection.execute(text("SELECT pg_advisory_unlock(7041, :n)"), {"n": self.number})
        with contextlib.suppress(exc.DBAPIError):
            connection.close()
