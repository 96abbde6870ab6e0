"""What the drivers of the databases are asked while something runs: every statement with its values. Between SQLAlchemy and the
driver, so that prepared statements are seen as well."""

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
from sqlalchemy import Engine, event

_LISTS = re.compile(r"\((?:(?:\?|%s|%\(\w+\)s(?:::\w+)?)(?:, )?)+\)")
_READS_OR_WRITES = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


@dataclass(slots=True)
class Recorder:
    """What was asked so far: by statement (lists of any length are one) its text, its values and for which path."""

    path: str = ""
    asked: dict[str, tuple[str, Any, str]] = field(default_factory=dict)

    def heard(self, sql: str, values: Any) -> None:
        """Keep a statement the first time it is asked."""
        text = sql.strip()
        if text.upper().startswith(_READS_OR_WRITES):
            self.asked.setdefault(_LISTS.sub("(...)", text), (text, values, self.path))


def _first(several: Any) -> tuple[Any, list[Any]]:
    given = list(several)
    return (given[0] if given else None), given


@contextlib.contextmanager
def recording() -> Iterator[Recorder]:
    """Record what every engine is asked whose connections are opened within."""
    recorder = Recorder()

    class SqliteCursor(sqlite3.Cursor):
        def execute(self, sql: str, values: Any = (), /) -> "SqliteCursor":
            recorder.heard(sql, values)
            super().execute(sql, values)
            return self

        def executemany(self, sql: str, several: Any, /) -> "SqliteCursor":
            first, given = _first(several)
            if given:
                recorder.heard(sql, first)
            super().executemany(sql, given)
            return self

    class SqliteConnection(sqlite3.Connection):
        def cursor(self, *_: Any, **__: Any) -> Any:
            return super().cursor(SqliteCursor)

    class PostgresCursor(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **more: Any) -> "PostgresCursor":
            recorder.heard(str(query), params)
            super().execute(query, params, **more)
            return self

        def executemany(self, query: Any, params_seq: Any, **more: Any) -> None:
            first, given = _first(params_seq)
            if given:
                recorder.heard(str(query), first)
            super().executemany(query, given, **more)

    def connect(dialect: Any, _record: Any, _given: Any, named: dict[str, Any]) -> None:
        if dialect.name == "sqlite":
            named["factory"] = SqliteConnection
        else:
            named["cursor_factory"] = PostgresCursor

    event.listen(Engine, "do_connect", connect)
    try:
        yield recorder
    finally:
        event.remove(Engine, "do_connect", connect)
