"""Many rows into a table by one statement, where a server stores what came in together.

`executemany` hands each row to SQLite by itself, and each time the thread gives the interpreter away and waits until it gets
it back, up to 5 ms when the process answers requests meanwhile. One statement with many rows is one such wait.
"""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from typing import Any

from sqlalchemy import Dialect, LargeBinary, Table, exc

from storage import held
from storage.metadata import Tx

_MOST = 512
"""Rows of one statement at most: SQLite takes 32,766 parameters, PostgreSQL 65,535."""


def insert_together(tx: Tx, table: Table, names: tuple[str, ...], several: Sequence[tuple[Any, ...]]) -> int:
    """Insert rows (values in the order of the columns `names`), leaving out each that meets any unique constraint; how
    many were new comes back. Raises what `tx.execute` raises.

    The statement is as long as a power of two, so that there are few to compile: 37 rows are three of them.
    """
    holds = held.of(tx)
    if holds is not None:
        holds.before_writing(tx, table.name)
    if not tx.in_transaction():
        tx.begin()  # as SQLAlchemy would at the first statement; ends with the connection
    changes = _changes(tx.dialect, table, names)
    driver: Any = tx.dialect.dbapi
    fresh = at = 0
    while at < len(several):
        count = min(1 << ((len(several) - at).bit_length() - 1), _MOST)
        rows = several[at : at + count]
        for index, change in changes:
            rows = [(*row[:index], change(row[index]), *row[index + 1 :]) for row in rows]
        sql, parameters = _statement(tx.dialect.name, table.name, names, count), tuple(chain.from_iterable(rows))
        cursor = tx.connection.cursor()
        try:
            cursor.execute(sql, parameters)
            fresh += max(cursor.rowcount, 0)
        except driver.Error as problem:
            raise exc.DBAPIError.instance(sql, parameters, problem, driver.Error, dialect=tx.dialect) from problem
        finally:
            cursor.close()
        at += count
    return fresh


@cache
def _statement(dialect: str, table: str, names: tuple[str, ...], count: int) -> str:
    row = f"({', '.join(['%s' if dialect == 'postgresql' else '?'] * len(names))})"
    # Names are those of our own tables and columns; all values are parameters.
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES {', '.join([row] * count)} ON CONFLICT DO NOTHING"  # noqa: S608


_Change = Callable[[Any], Any]
_kept: dict[tuple[str, Table, tuple[str, ...]], list[tuple[int, _Change]]] = {}


def _changes(dialect: Dialect, table: Table, names: tuple[str, ...]) -> list[tuple[int, _Change]]:
    """The columns whose values the driver wants in another form (JSON as text), by place. Bytes go as they are."""
    key = (dialect.name, table, names)
    found = _kept.get(key)
    if found is None:
        found = []
        for index, name in enumerate(names):
            kind = table.c[name].type
            change = None if isinstance(kind, LargeBinary) else kind.dialect_impl(dialect).bind_processor(dialect)
            if change is not None:
                found.append((index, change))
        _kept[key] = found
    return found
