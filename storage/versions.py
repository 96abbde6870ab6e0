"""Whether anything was committed since: what an answer that is kept as it is depends on (`Database.version`).

SQLite tells a connection whether another one, of this process or any other, committed: `PRAGMA data_version`, read from the
memory that all connections of a file share, in three microseconds. It changes in the moment in which others can read what was
committed, so before `Database.write` returns.

PostgreSQL has nothing as cheap. The position of its log moves before a commit can be read, a notification comes after; only
the snapshot itself (`pg_current_snapshot()`) is exact, and asking for it takes a round trip in a thread. So there it is not
known, and nothing that needs it is kept.
"""

import contextlib
import sqlite3
from pathlib import Path


class Watch:
    """The version of a SQLite file, read on a connection of its own that never writes: a connection isn't told of its own
    commits."""

    def __init__(self, path: Path) -> None:
        self._uri = f"{path.absolute().as_uri()}?mode=ro"
        self._file: sqlite3.Connection | None = None
        self._opened = 0

    def version(self) -> object | None:
        """Equal to what it was as long as nothing was committed between; None when it can't be said.

        Take it before reading: what is read then may be newer than that version, never older. For one thread at a time;
        it does not wait for anybody.
        """
        try:
            if self._file is None:
                # timeout: where another process has to mend the file first, that can take seconds.
                self._file = sqlite3.connect(
                    self._uri, uri=True, timeout=0, isolation_level=None, check_same_thread=False
                )
                self._opened += 1
            number: int = self._file.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error:
            self.close()
            return None
        return self._opened, number  # numbers of two connections say nothing about each other

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        opened, self._file = self._file, None
        if opened is not None:
            with contextlib.suppress(sqlite3.Error):
                opened.close()
