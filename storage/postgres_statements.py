"""Statements that a connection to PostgreSQL has prepared, run through libpq itself.

psycopg takes 50 to 100 us to run a statement and give its rows, half of it for a cursor, for the generators that make one code
serve both threads and coroutines, and for choosing how each value is sent; a page asks a dozen. Values here are of few types
and go as text, as their types stand in the statement; rows are read by psycopg's own loader. What doesn't fit is left to it.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from psycopg import errors
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

_MOST = 200
"""Statements of one connection; the server keeps the plan of each."""
_PLACE = re.compile(r"((?:LIMIT|OFFSET)\s+)?%(?:%|\(([^)]*)\)s(::)?)")


def _text(value: str) -> bytes:
    if "\0" in value:
        raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return value.encode()


_SENT: dict[type, Callable[[Any], bytes | None]] = {
    int: b"%d".__mod__,
    str: _text,
    bool: lambda value: b"t" if value else b"f",
    type(None): lambda _: None,
}
"""How values go as text; of others psycopg knows."""


class Statements:
    """Those of one connection, for the thread that has it."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._wire = connection.pgconn
        self._transformer = Transformer(connection)
        self._usable = connection.info.encoding == "utf-8"
        self._asked: dict[str, tuple[bytes, tuple[str, ...]] | None] = {}
        """Statement -> (its name at the server, the names of its values in their order); None: not prepared (yet)."""
        self._number = 0

    def rows(self, sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]] | None:
        """The rows of a query as psycopg writes it (`%(name)s`) with these values, as psycopg gives them. None, and nothing
        was asked: when it is seen for the first time, or is none that can be run so. Raises `psycopg.Error`."""
        if sql not in self._asked:
            if len(self._asked) >= _MOST:
                self._forget(next(iter(self._asked)))
            self._asked[sql] = None
            return None
        sent: list[Any] = []  # None is NULL, which its type does not say
        known = self._asked[sql] or self._prepare(sql)
        if known is None:
            return None
        for name in known[1]:
            value = values[name]
            change = _SENT.get(type(value))
            if change is None:
                return None
            sent.append(change(value))
        result = self._wire.exec_prepared(known[0], sent)
        if result.status != ExecStatus.TUPLES_OK:
            raise _problem(result)
        self._transformer.set_pgresult(result)
        return self._transformer.load_rows(0, result.ntuples, tuple)

    def _prepare(self, sql: str) -> tuple[bytes, tuple[str, ...]] | None:
        read = numbered(sql) if self._usable else None
        if read is None:
            return None
        self._number += 1
        name = b"fedi%d" % self._number
        result = self._wire.prepare(name, read[0])
        if result.status != ExecStatus.COMMAND_OK:
            raise _problem(result)
        made = self._asked[sql] = name, read[1]
        return made

    def _forget(self, sql: str) -> None:
        dropped = self._asked.pop(sql)
        if dropped is not None:
            self._wire.exec_(b"DEALLOCATE " + dropped[0])


def _problem(result: PGresult) -> psycopg.Error:
    """What is wrong, as psycopg would raise it. What has no code comes from libpq, not from the server: nothing can be asked
    through this connection any more."""
    problem = errors.error_from_result(result)
    return problem if problem.sqlstate else psycopg.OperationalError(str(problem))


def numbered(sql: str) -> tuple[bytes, tuple[str, ...]] | None:
    """(a statement with `$1` for `%(name)s`, the names in their order); None where the type of a value doesn't stand there,
    since the server might take it for another than psycopg does."""
    names: dict[str, int] = {}
    typed = True

    def place(found: "re.Match[str]") -> str:
        nonlocal typed
        before, name, cast = found[1] or "", found[2], found[3] or ""
        if name is None:
            return before + "%"
        typed = typed and bool(before or cast)
        return f"{before}${names.setdefault(name, len(names) + 1)}{cast}"

    made = _PLACE.sub(place, sql)
    return (made.encode(), tuple(names)) if typed else None
