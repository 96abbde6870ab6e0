"""Whether anything was committed since: what an answer that is kept as it is depends on (`Database.version`).

SQLite tells a connection whether another one, of this process or any other, committed: `PRAGMA data_version`, read from the
memory that all connections of a file share, in three microseconds. It changes in the moment in which others can read what was
committed, so before `Database.write` returns.

That of PostgreSQL is `storage.snapshots`.
"""

import contextlib
import sqlite3
from pathlib import Path

_LAST = "SELECT coalesce(max(position), 0) FROM said"
_SAID = "SELECT position, topic FROM said WHERE position > ? ORDER BY position"


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

    def said_after(self, position: int | None) -> tuple[int, list[str]] | None:
        """(last position, topics) of what processes said (`storage.said`) after this position; None: from now on. None when it
        can't be said."""
        if self.version() is None or self._file is None:
            return None
        try:
            if position is None:
                return int(self._file.execute(_LAST).fetchone()[0]), []
            found = self._file.execute(_SAID, (position,)).fetchall()
        except sqlite3.Error:
            self.close()
            return None
        return (found[-1][0] if found else position), [topic for _, topic in found]

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        opened, self._file = self._file, None
        if opened is not None:
            with contextlib.suppress(sqlite3.Error):
                opened.close()


class Changes:
    """Whether another process of the same SQLite file said a topic, as soon as what it committed can be read: not only when
    the listening thread next looks (`storage.events`), which also tells what this process said itself."""

    def __init__(self, watch: Watch | None, topic: str) -> None:
        """`watch`: None where there is none, and other processes are heard in another way."""
        self._watch = watch
        self._topic = topic
        self._version: object = None
        self._position: int | None = None
        self.any()

    def any(self) -> bool:
        """Whether it was said since this was asked last; True also when that is not known. Microseconds."""
        if self._watch is None:
            return False
        version = self._watch.version()
        if version is not None and version == self._version:
            return False
        news = self._watch.said_after(self._position)
        if news is None:
            self._version = self._position = None
            return True
        self._version = version
        self._position, topics = news
        return self._topic in topics
