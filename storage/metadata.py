"""The one `MetaData` that every table registers with, the column kinds all tables share, and rows -> dataclasses.

Not here: any table (each has its own file), and connections (`storage.database`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from functools import cache
from typing import Any, TypeVar

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Insert,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    Table,
    Text,
    TypeDecorator,
    Update,
    bindparam,
    func,
)
from sqlalchemy.dialects import postgresql, sqlite

from storage import held
from storage.prepared import change, rows

Tx = Connection
"""An open transaction, as `Database.read` and `Database.write` hand it to a unit of work."""

metadata = MetaData(
    # Names on all constraints: Alembic's batch mode on SQLite can only drop what has a name.
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

T = TypeVar("T")


class Json(TypeDecorator[Any]):
    """JSON kept as text on both databases, so that what was written comes back the same."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """What is stored of a value (`TypeDecorator`)."""
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """The value of what was stored (`TypeDecorator`)."""
        return None if value is None else msgspec.json.decode(value)


Id = BigInteger
Time = BigInteger
Bytes = LargeBinary


def id_column() -> Column[int]:
    """The primary key: a time-ordered id that `storage.ids` made, never one of the database's.

    On SQLite its type is INTEGER, which makes it the key of the table itself; a BIGINT would get an index beside it, and
    each look-up take two steps.
    """
    return Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False)


def columns(table: Table, row: type[Any]) -> list[Column[Any]]:
    """The columns of `table` in the order of the fields of the dataclass `row`, for `select(*columns(...))`."""
    return [table.c[field.name] for field in fields(row)]


def one_among(column: ColumnElement[Any], *values: str) -> ColumnElement[bool]:
    """`column IN (values)` with the values written out: SQLite uses a partial index only where it sees them."""
    return column.in_(bindparam(None, values, expanding=True, literal_execute=True))


def all_of(tx: Tx, query: Select[Any], row: type[T], **values: Any) -> list[T]:
    """Every row of `query` as a `row`; the query selects `columns(table, row)`.

    `values` are those of its `bindparam`s: a query that is asked for each activity is built once, at the top of its
    file, since building one costs five times as much as running it.
    """
    return [row(*found) for found in (rows(tx, query, values) if values else tx.execute(query))]


def one_of(tx: Tx, query: Select[Any], row: type[T], **values: Any) -> T | None:
    """The first row of `query` as a `row`, or None; `values` as for `all_of`."""
    if values:
        several = rows(tx, query, values)
        return row(*several[0]) if several else None
    found = tx.execute(query).first()
    return None if found is None else row(*found)


def insert_new(tx: Tx, table: Table, values: dict[str, Any] | Sequence[dict[str, Any]]) -> int:
    """Insert rows, leaving out each that meets any unique constraint; how many were new comes back."""
    given = [values] if isinstance(values, dict) else values
    # One by one: drivers disagree about the row count of executemany, and callers rely on the count.
    return sum(max(change(tx, _insert_new(tx.dialect.name, table, tuple(row)), row), 0) for row in given)


def insert_later(tx: Tx, table: Table, row: dict[str, Any]) -> bool:
    """Insert a row that is new as far as this transaction can see, with others of its table before anybody asks for it.
    False when it meets a unique constraint, where that is known at once."""
    holds = held.behind(tx)
    if holds is None:
        return insert_new(tx, table, row) == 1
    holds.insert(table.name, _insert_new(tx.dialect.name, table, tuple(row)), row)
    return True


def insert_of(tx: Tx, table: Table, row: dict[str, Any]) -> Insert:
    """The statement that inserts such a row unless it meets a unique constraint, for `storage.prepared.put_each`."""
    return _insert_new(tx.dialect.name, table, tuple(row))


def set_later(tx: Tx, table: Table, row_id: int, values: dict[str, Any]) -> None:
    """Set columns of the row with this id, with others of its table before anybody asks for it."""
    holds = held.behind(tx)
    if holds is None:
        set_columns(tx, table, table.c.id, row_id, values)
    else:
        holds.set(table, row_id, values)


def upsert(tx: Tx, table: Table, values: dict[str, Any], key: Iterable[str]) -> None:
    """Insert a row, or where `key` (column names of a unique constraint) is taken, set the other columns."""
    names = tuple(key)
    change(tx, _upsert(tx.dialect.name, table, tuple(values), names), values)


# Building a statement costs more than running it, so these are built once for each table; values go beside them.


@cache
def _insert_new(dialect: str, table: Table, names: tuple[str, ...]) -> Insert:
    return _insert(dialect, table, names).on_conflict_do_nothing()


@cache
def _upsert(dialect: str, table: Table, names: tuple[str, ...], key: tuple[str, ...]) -> Insert:
    statement = _insert(dialect, table, names)
    new = {name: statement.excluded[name] for name in names if name not in key}
    if not new:
        return statement.on_conflict_do_nothing(index_elements=key)
    return statement.on_conflict_do_update(index_elements=key, set_=new)


def _insert(dialect: str, table: Table, names: tuple[str, ...]) -> postgresql.Insert | sqlite.Insert:
    statement = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    # Nothing is returned: what is new is known by the count alone.
    return statement.values({name: bindparam(name, type_=table.c[name].type) for name in names}).inline()


def set_columns(tx: Tx, table: Table, key: Column[Any], value: Any, values: dict[str, Any]) -> None:
    """Set columns of the rows whose `key` is `value`."""
    if values:
        change(
            tx,
            _set_columns(table, key.name, tuple(values)),
            {f"to_{name}": new for name, new in values.items()} | {"key": value},
        )


def add_to(tx: Tx, table: Table, row_id: int, added: dict[str, int]) -> None:
    """Add to counts of the row with this id (negative to subtract); they never fall below zero."""
    added = {name: by for name, by in added.items() if by}
    holds = held.behind(tx)
    if holds is not None and added and min(added.values()) > 0:  # less and more of the same don't add up at zero
        holds.add(table, row_id, added)
    elif added:
        change(
            tx,
            _add_to(tx.dialect.name, table, tuple(added)),
            {f"by_{name}": by for name, by in added.items()} | {"key": row_id},
        )


@cache
def _set_columns(table: Table, key: str, names: tuple[str, ...]) -> Update:
    new = {name: bindparam(f"to_{name}", type_=table.c[name].type) for name in names}
    return table.update().where(table.c[key] == bindparam("key", type_=table.c[key].type)).values(new)


@cache
def _add_to(dialect: str, table: Table, names: tuple[str, ...]) -> Update:
    most = func.max if dialect == "sqlite" else func.greatest
    new = {name: most(table.c[name] + bindparam(f"by_{name}", type_=table.c[name].type), 0) for name in names}
    return table.update().where(table.c.id == bindparam("key", type_=table.c.id.type)).values(new)
