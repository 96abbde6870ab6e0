"""SQLite's write-ahead log beside the database (`-wal`): how large it is, and whether somebody keeps it from being worked off.

While anybody reads an old view (a backup, a shell that was left open), nothing behind that view can be moved into the database: the log
grows with all that is written, until the disk is full, and every read looks through more of it.
"""

import logging
from pathlib import Path

from storage.metadata import Tx

log = logging.getLogger("fedi.database")

LARGE = 256 << 20
"""Bytes; a burst of writing makes a log of some tens of megabytes. When it is worked off it has `KEPT` again."""
KEPT = 32 << 20
"""Bytes that the file keeps once it has been worked off (`PRAGMA journal_size_limit`)."""


def trouble(database: Path) -> str:
    """What is wrong with the log of a database, with what to do; "" when nothing is."""
    try:
        size = database.with_name(database.name + "-wal").stat().st_size
    except OSError:
        return ""
    if size < LARGE:
        return ""
    return (
        f"{database}-wal has {size >> 20} MiB and can't be worked off: something reads the database and does not end, as a backup or "
        f"a shell; «fuser -v {database}» names who has it open. Once that ends, it shrinks by itself"
    )


def watch(tx: Tx, _now: int) -> None:
    """Say in the log of the process what `trouble` says; nothing on PostgreSQL."""
    if tx.dialect.name == "sqlite":
        path = tx.exec_driver_sql("PRAGMA database_list").first()
        if path is not None and (text := trouble(Path(str(path[2])))):
            log.warning("%s", text)
