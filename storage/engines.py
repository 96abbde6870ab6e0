"""Connections to SQLite, each set up the same way: WAL, full durability, a writer that says BEGIN IMMEDIATE."""

import sqlite3
import time
from typing import Any

from sqlalchemy import Engine, create_engine, event

from storage.metadata import Tx
from storage.prepared import BEGUN
from storage.wal import KEPT

BUSY_MS = 10_000
"""How long another process that writes is waited for. Who asked waits as long, and then hears that it was in vain."""

WRITER_CACHE, READER_CACHE = 4 << 20, 1 << 19
"""Bytes of pages that a connection keeps. Small, since each has its own, and the system keeps the file's pages once for all of
them: a page from there costs a microsecond."""


def sqlite_engine(url: str, size: int, *, writable: bool) -> Engine:
    """An engine of `size` connections to the file of `url` (`sqlite:///path`); those that may not write can't."""
    engine = create_engine(
        url, pool_size=size, max_overflow=0, connect_args={"check_same_thread": False, "timeout": BUSY_MS / 1000}
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        for pragma in (
            f"busy_timeout={BUSY_MS}",
            # FULL: an acknowledged write survives a power cut. Group commit keeps it quick.
            "synchronous=FULL",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            f"journal_size_limit={KEPT}",
            f"cache_size=-{(WRITER_CACHE if writable else READER_CACHE) >> 10}",
        ):
            connection.execute(f"PRAGMA {pragma}")
        _use_wal(connection)
        if not writable:
            connection.execute("PRAGMA query_only=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Tx) -> None:
        # IMMEDIATE: a read lock that is later raised to a write lock fails at once instead of waiting.
        if writable:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        elif not connection.__dict__.get(BEGUN):  # else `storage.views` has said it
            connection.exec_driver_sql("BEGIN")

    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    """Turn the file to WAL mode. Only the first time changes anything, and that time does not obey `busy_timeout`."""
    last = time.monotonic() + 30
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as problem:
            if problem.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > last:
                raise
            time.sleep(0.05)
