"""Said: what was told to listeners, for the other processes that share a SQLite file; PostgreSQL has NOTIFY for it.

Rows are written in the transaction of what happened, only while another process has the file open, and kept for a minute.
"""

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from storage.metadata import Time, Tx, metadata

said = Table(
    "said",
    metadata,
    Column("position", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("process", Text, nullable=False),  # who said it, and has told its own listeners
    Column("topic", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("created_at", Time, nullable=False, index=True),
    sqlite_autoincrement=True,
)

_KEPT = 60_000
"""Milliseconds; who listens looks several times a second."""
_AT_ONCE = 1000
_SAY = "INSERT INTO said (process, topic, payload, created_at) VALUES (?, ?, ?, ?)"
_FORGET = "DELETE FROM said WHERE created_at < ?"
_READ = "SELECT position, process, topic, payload FROM said WHERE position > ? ORDER BY position LIMIT ?"


class Speaker:
    """Writes what this process says; used by its one writing thread."""

    def __init__(self, process: str) -> None:
        self._process = process
        self._there = False
        self._pruned = 0

    def say(self, tx: Tx, messages: Sequence[tuple[str, str]]) -> None:
        """Add (topic, payload) of a transaction that is about to be committed, and forget what is old."""
        if not self._there:
            known = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'said'"
            if tx.exec_driver_sql(known).first() is None:
                return  # a database that is being made, or brought up to date
            self._there = True
        now = time.time_ns() // 1_000_000
        tx.exec_driver_sql(_SAY, [(self._process, topic, payload, now) for topic, payload in messages])
        if now - self._pruned > _KEPT:
            self._pruned = now
            tx.exec_driver_sql(_FORGET, (now - _KEPT,))


class Reader:
    """Reads what others say, on a connection of its own, in one thread."""

    def __init__(self, path: Path, process: str) -> None:
        """From now on. Raises sqlite3.Error when the file can't be read."""
        self._process = process
        self._file = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5, isolation_level=None)
        self._version = -1
        self._position = 0
        with contextlib.suppress(sqlite3.OperationalError):  # no such table yet: from its first row on
            self._position = self._file.execute("SELECT coalesce(max(position), 0) FROM said").fetchone()[0]

    def news(self) -> Iterator[tuple[str, str]]:
        """(topic, payload) of what other processes committed since the last time. Raises sqlite3.Error."""
        # Changes with each commit of another connection, and is read from memory that the connections share.
        version = self._file.execute("PRAGMA data_version").fetchone()[0]
        if version == self._version:
            return
        found = self._file.execute(_READ, (self._position, _AT_ONCE)).fetchall()
        if len(found) < _AT_ONCE:
            self._version = version
        for position, process, topic, payload in found:
            self._position = position
            if process != self._process:
                yield topic, payload

    def close(self) -> None:
        """Close the connection."""
        self._file.close()
