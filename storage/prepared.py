"""Statements that run thousands of times a second: compiled once, then run on the driver's own cursor.

SQLAlchemy takes 0.1 to 0.2 ms to run a statement that SQLite answers in 0.01 ms, most of it to make the parameters of
`IN` and to wrap the result. What it compiles is kept here instead, for each number of values in each list, rounded up
to a power of two so that there are few. Types, transactions and errors are SQLAlchemy's as ever.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import CompoundSelect, Connection, Delete, Insert, Select, TableClause, TextClause, Update, exc
from sqlalchemy.sql import visitors

Query = Select[Any] | CompoundSelect[Any]
Change = Insert | Update | Delete

_MOST = 2000


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A statement for one dialect and one size of its lists."""

    sql: str
    constants: dict[str, Any]
    lists: dict[str, list[str]]  # name of an expanding parameter -> names of its places
    positions: tuple[str, ...] | None  # order of parameters where the driver takes them by place
    into: dict[str, Callable[[Any], Any]]  # parameters that the driver wants in another form
    out: tuple[tuple[int, Callable[[Any], Any]], ...]  # columns that come in another form
    tables: frozenset[str] | None  # names of those that it reads or changes; None: who knows


_kept: dict[tuple[Any, ...], _Prepared] = {}


_PART = 2000
V = TypeVar("V")


def parts(values: Collection[V]) -> Iterator[list[V]]:
    """`values` in lists short enough for several `IN` of one statement: SQLite takes 32,766 parameters, PostgreSQL 65,535."""
    given = list(values)
    for at in range(0, len(given), _PART):
        yield given[at : at + _PART]


def rows(tx: Connection, query: Query, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
    """The rows of `query` with these values of its `bindparam`s, as SQLAlchemy would give them, as plain sequences.

    The query is kept for good, so it must be one that is built once (at the top of a module). Raises what `tx.execute`
    raises.
    """
    sizes: list[tuple[str, int]] = []  # with names: callers may give the same lists in another order
    for name, value in values.items():
        if isinstance(value, (list, tuple)):
            if not value:
                return tx.execute(query, dict(values)).all()  # an empty IN is written in another way
            sizes.append((name, 1 << (len(value) - 1).bit_length()))
    key = (query, tx.dialect.name, *sizes)
    prepared = _kept.get(key)
    if prepared is None:
        prepared = _prepare(tx, query, values)
        if len(_kept) >= _MOST:
            _kept.clear()
        _kept[key] = prepared
    held = tx.info.get("held")  # `storage.held`, which is built on this
    if held is not None:
        held.before_reading(tx, prepared.tables)
    return _run(tx, prepared, values)


def change(tx: Connection, statement: Change, values: Mapping[str, Any]) -> int:
    """Run an INSERT, UPDATE or DELETE with these values of its `bindparam`s; how many rows it met comes back.

    The statement is kept for good, as `rows` keeps its query. It has no lists: a value that is one is a column's (JSON).
    Raises what `tx.execute` raises.
    """
    prepared = _of_change(tx, statement, values)
    held = tx.info.get("held")  # `storage.held`, which is built on this
    if held is not None:
        held.before_writing(tx, None if statement.is_delete else statement.table.name)
    cursor = _execute(tx, prepared, values)
    count: int = cursor.rowcount
    cursor.close()
    return count


def returned(tx: Connection, statement: Change, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
    """As `change`, for a statement with RETURNING: what it returns, as the driver gives it."""
    prepared = _of_change(tx, statement, values)
    held = tx.info.get("held")  # `storage.held`, which is built on this
    if held is not None:
        held.before_writing(tx, None if statement.is_delete else statement.table.name)
    return _run(tx, prepared, values)


def change_each(tx: Connection, statement: Change, several: Sequence[Mapping[str, Any]]) -> int:
    """As `change`, once for each of `several` values (which have the same names), in one call of the driver; how many rows
    were met in all comes back."""
    held = tx.info.get("held")
    if held is not None:
        held.before_writing(tx, None if statement.is_delete else statement.table.name)
    return put_each(tx, statement, several)


def put_each(tx: Connection, statement: Change, several: Sequence[Mapping[str, Any]]) -> int:
    """As `change_each`, for `storage.held` alone, which writes by this what it held back."""
    prepared = _of_change(tx, statement, several[0])
    constants, into = prepared.constants, prepared.into
    names = [name for name in several[0] if name in constants]
    changed = [(name, into[name]) for name in names if name in into]
    parameters = []
    for values in several:
        named = constants.copy()
        for name in names:
            named[name] = values[name]
        for name, change_of in changed:
            named[name] = change_of(named[name])
        parameters.append(named if prepared.positions is None else tuple(map(named.__getitem__, prepared.positions)))
    cursor = _execute_each(tx, prepared.sql, parameters)
    count: int = cursor.rowcount
    cursor.close()
    return count


def _of_change(tx: Connection, statement: Change, values: Mapping[str, Any]) -> _Prepared:
    key = (statement, tx.dialect.name)
    prepared = _kept.get(key)
    if prepared is None:
        prepared = _prepare(tx, statement, values)
        if len(_kept) >= _MOST:
            _kept.clear()
        _kept[key] = prepared
    return prepared


def _run(tx: Connection, prepared: _Prepared, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
    cursor = _execute(tx, prepared, values)
    try:
        found: Sequence[Sequence[Any]] = cursor.fetchall()
    finally:
        cursor.close()
    if not prepared.out:
        return found
    changed: list[list[Any]] = []
    for row in found:
        cells = list(row)
        for index, change in prepared.out:
            cells[index] = change(cells[index])
        changed.append(cells)
    return changed


def _execute(tx: Connection, prepared: _Prepared, values: Mapping[str, Any]) -> Any:
    """The driver's cursor, after it ran the statement."""
    named = prepared.constants.copy()
    for name, value in values.items():
        change = prepared.into.get(name)
        places = prepared.lists.get(name)
        if places is None:
            if name in named:
                named[name] = value if change is None else change(value)
            continue
        given = value if change is None else [change(one) for one in value]
        named.update(zip(places, given, strict=False))
        for place in places[len(given) :]:
            named[place] = given[-1]
    parameters = named if prepared.positions is None else tuple(map(named.__getitem__, prepared.positions))
    if not tx.in_transaction():
        tx.begin()  # as SQLAlchemy would at the first statement; ends with the connection
    driver: Any = tx.dialect.dbapi
    cursor = tx.connection.cursor()
    try:
        cursor.execute(prepared.sql, parameters)
    except driver.Error as problem:
        cursor.close()
        raise exc.DBAPIError.instance(prepared.sql, parameters, problem, driver.Error, dialect=tx.dialect) from problem
    return cursor


def _execute_each(tx: Connection, sql: str, parameters: list[Any]) -> Any:
    if not tx.in_transaction():
        tx.begin()
    driver: Any = tx.dialect.dbapi
    cursor = tx.connection.cursor()
    try:
        cursor.executemany(sql, parameters)
    except driver.Error as problem:
        cursor.close()
        raise exc.DBAPIError.instance(sql, parameters[:1], problem, driver.Error, dialect=tx.dialect) from problem
    return cursor


def _prepare(tx: Connection, query: Query | Change, values: Mapping[str, Any]) -> _Prepared:
    reads = isinstance(query, Select | CompoundSelect)
    padded = {
        name: [*value, *[value[-1]] * ((1 << (len(value) - 1).bit_length()) - len(value))]
        if isinstance(value, (list, tuple)) and reads
        else value
        for name, value in values.items()
    }
    dialect = tx.dialect
    compiled: Any = query.compile(dialect=dialect)
    state = compiled.construct_expanded_state(padded, escape_names=False)
    lists = {name: list(places) for name, places in state.parameter_expansion.items() if name in values}
    into: dict[str, Callable[[Any], Any]] = {}
    for name, bound in compiled.binds.items():
        processor = bound.type.dialect_impl(dialect).bind_processor(dialect)
        if processor is not None:
            into[name] = processor
    into.update(state.processors)
    for name, places in lists.items():
        change = into.get(places[0])
        if change is not None:
            into[name] = change
    constants = {
        name: into[name](value) if name in into and name not in values else value
        for name, value in state.parameters.items()
    }
    out = []
    for index, column in enumerate(query.selected_columns if isinstance(query, Select | CompoundSelect) else ()):
        change = column.type.dialect_impl(dialect).result_processor(dialect, None)
        if change is not None:
            out.append((index, change))
    positions = tuple(state.positiontup) if state.positiontup is not None else None
    return _Prepared(state.statement, constants, lists, positions, into, tuple(out), _tables(query))


def _tables(query: Query | Change) -> frozenset[str] | None:
    found: set[str] = set()
    for part in visitors.iterate(query):
        if isinstance(part, TextClause):
            return None
        if isinstance(part, TableClause):
            found.add(part.name)
    return frozenset(found)
