"""Statements that run thousands of times a second: compiled once, then run on the driver's own cursor.

SQLAlchemy takes 0.1 to 0.2 ms to run a statement that SQLite answers in 0.01 ms, most of it to make the parameters of
`IN` and to wrap the result. What it compiles is kept here instead, for each number of values in each list, rounded up
to a power of two so that there are few. Types, transactions and errors are SQLAlchemy's as ever.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import CompoundSelect, Connection, Delete, Insert, Select, TableClause, TextClause, Update, exc
from sqlalchemy.sql import visitors

Query = Select[Any] | CompoundSelect[Any]
Change = Insert | Update | Delete

_MOST = 2000
_TOGETHER = 64
"""Rows of one INSERT at most."""
BEGUN = "_fedi_begun"
"""Attribute of a connection on which whoever opened it begins and ends transactions, past SQLAlchemy."""
OWN = "_fedi_own"
"""Attribute of a connection that has statements of its own, quicker than a cursor's (`storage.postgres_statements`)."""
HELD = "_fedi_held"
"""Attribute of a connection with what its transaction holds (`storage.held`, which is built on this). Neither is in `tx.info`,
which asks the pool each time: these are looked at dozens of times for each activity."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A statement for one dialect and one size of its lists."""

    sql: str
    constants: dict[str, Any]
    lists: dict[str, list[str]]  # name of an expanding parameter -> names of its places
    positions: tuple[str, ...] | None  # order of parameters where the driver takes them by place
    into: dict[str, Callable[[Any], Any]]  # parameters that the driver wants in another form
    tables: frozenset[str] | None  # names of those that it reads or changes; None: who knows
    converted: Callable[[Sequence[Any]], Sequence[Any]]  # a row as the driver gives it -> with its cells in their form


_kept: dict[tuple[Any, ...], _Prepared] = {}


_PART = 2000
V = TypeVar("V")


def parts(values: Collection[V]) -> Iterator[list[V]]:
    """`values` in lists short enough for several `IN` of one statement: SQLite takes 32,766 parameters, PostgreSQL 65,535."""
    given = list(values)
    for at in range(0, len(given), _PART):
        yield given[at : at + _PART]


def rows(tx: Connection, query: Query, values: Mapping[str, Any], *, behind: bool = False) -> Sequence[Sequence[Any]]:
    """The rows of `query` with these values of its `bindparam`s, as SQLAlchemy would give them, as plain sequences.

    The query is kept for good, so it must be one that is built once (at the top of a module). Raises what `tx.execute`
    raises. `behind`: without what is held back (`storage.held`), which the caller adds.
    """
    found, converted = raw(tx, query, values, behind=behind)
    return found if converted is _as_it_is else [converted(row) for row in found]


def raw(
    tx: Connection, query: Query, values: Mapping[str, Any], *, behind: bool = False
) -> tuple[Sequence[Sequence[Any]], Callable[[Sequence[Any]], Sequence[Any]]]:
    """As `rows`, but as the driver gives them (so that they can be compared), and what makes of one of them what `rows` gives."""
    sizes: list[tuple[str, int]] = []  # with names: callers may give the same lists in another order
    for name, value in values.items():
        if isinstance(value, (list, tuple)):
            if not value:
                return tx.execute(query, dict(values)).all(), _as_it_is  # an empty IN is written in another way
            sizes.append((name, 1 << (len(value) - 1).bit_length()))
    key = (query, tx.dialect.name, *sizes)
    prepared = _kept.get(key)
    if prepared is None:
        prepared = _prepare(tx, query, values)
        if len(_kept) >= _MOST:
            _kept.clear()
        _kept[key] = prepared
    held = tx.__dict__.get(HELD)
    if held is not None and not behind:
        held.before_reading(tx, prepared.tables)
    return _fetched(tx, prepared, values), prepared.converted


def _as_it_is(row: Sequence[Any]) -> Sequence[Any]:
    return row


def change(tx: Connection, statement: Change, values: Mapping[str, Any]) -> int:
    """Run an INSERT, UPDATE or DELETE with these values of its `bindparam`s; how many rows it met comes back.

    The statement is kept for good, as `rows` keeps its query. It has no lists: a value that is one is a column's (JSON).
    Raises what `tx.execute` raises.
    """
    prepared = _of_change(tx, statement, values)
    held = tx.__dict__.get(HELD)
    if held is not None:
        held.before_writing(tx, _changed(statement))
    cursor = _execute(tx, prepared, values)
    count: int = cursor.rowcount
    cursor.close()
    return count


def returned(tx: Connection, statement: Change, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
    """As `change`, for a statement with RETURNING: what it returns, as the driver gives it."""
    prepared = _of_change(tx, statement, values)
    held = tx.__dict__.get(HELD)
    if held is not None:
        held.before_writing(tx, _changed(statement))
    found = _fetched(tx, prepared, values)
    return found if prepared.converted is _as_it_is else [prepared.converted(row) for row in found]


def change_each(tx: Connection, statement: Change, several: Sequence[Mapping[str, Any]]) -> int:
    """As `change`, once for each of `several` values (which have the same names), in one call of the driver; how many rows
    were met in all comes back."""
    held = tx.__dict__.get(HELD)
    if held is not None:
        held.before_writing(tx, _changed(statement))
    return put_each(tx, statement, several)


def put_each(tx: Connection, statement: Change, several: Sequence[Mapping[str, Any]]) -> int:
    """As `change_each`, for `storage.held` alone, which writes by this what it held back."""
    prepared = _of_change(tx, statement, several[0])
    constants, into = prepared.constants, prepared.into
    names = [name for name in several[0] if name in constants]
    changed = [(name, into[name]) for name in names if name in into]
    parameters: list[Any] = []
    positions = prepared.positions or ()
    if len(positions) > 1 and several[0].keys() >= set(positions):
        # Nothing but what is given: the values in their order, and those few in another form that are not.
        take, other = itemgetter(*positions), [(at, into[one]) for at, one in enumerate(positions) if one in into]
        for values in several:
            row = take(values)
            if other:
                row = list(row)
                for at, change_of in other:
                    value = row[at]
                    if value is not None:
                        row[at] = change_of(value)
            parameters.append(row)
        several = ()
    for values in several:
        named = constants.copy()
        for name in names:
            named[name] = values[name]
        for name, change_of in changed:
            named[name] = change_of(named[name])
        parameters.append(named if prepared.positions is None else tuple(map(named.__getitem__, prepared.positions)))
    count: int = 0
    if tx.dialect.name == "sqlite" and len(parameters) > 1:
        for sql, several_at_once in _together(prepared, parameters):
            cursor = _execute_each(tx, sql, several_at_once)
            count += cursor.rowcount
            cursor.close()
        return count
    cursor = _execute_each(tx, prepared.sql, parameters)
    count = cursor.rowcount
    cursor.close()
    return count


_VALUES = re.compile(r" VALUES (\([?, ]+\))")


def _together(prepared: _Prepared, parameters: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Rows to insert as few statements of many rows: for each statement the driver gives the interpreter away, and waits for
    it up to 5 ms when the process answers requests meanwhile. As long as a power of two, so that there are few to compile."""
    found = _VALUES.search(prepared.sql)
    if found is None or found[1].count("?") != len(prepared.positions or ()):
        yield prepared.sql, parameters
        return
    at = 0
    while at < len(parameters):
        count = min(1 << ((len(parameters) - at).bit_length() - 1), _TOGETHER)
        sql = _of_many(prepared.sql, found.start(1), found.end(1), count)
        yield sql, [tuple(chain.from_iterable(parameters[at : at + count]))]
        at += count


@lru_cache(maxsize=256)
def _of_many(sql: str, start: int, end: int, count: int) -> str:
    return sql[:start] + ", ".join([sql[start:end]] * count) + sql[end:]


def change_among(tx: Connection, statement: Change, values: Mapping[str, Any]) -> int:
    """As `change`, where each value that is a list is that of an `IN`, and has something in it."""
    prepared = _of_change(tx, statement, values, lists=True)
    held = tx.__dict__.get(HELD)
    if held is not None:
        held.before_writing(tx, _changed(statement))
    cursor = _execute(tx, prepared, values)
    count: int = cursor.rowcount
    cursor.close()
    return count


def _changed(statement: Change) -> str | None:
    """The table that a statement changes; None where that may change others as well (ON DELETE CASCADE)."""
    return None if statement.is_delete or not isinstance(statement.table, TableClause) else statement.table.name


def _of_change(tx: Connection, statement: Change, values: Mapping[str, Any], *, lists: bool = False) -> _Prepared:
    key: tuple[Any, ...] = (statement, tx.dialect.name)
    if lists:
        key += tuple((name, 1 << (len(one) - 1).bit_length()) for name, one in values.items() if isinstance(one, list))
    prepared = _kept.get(key)
    if prepared is None:
        prepared = _prepare(tx, statement, values, lists=lists)
        if len(_kept) >= _MOST:
            _kept.clear()
        _kept[key] = prepared
    return prepared


def _fetched(tx: Connection, prepared: _Prepared, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
    driver: Any = tx.dialect.dbapi
    own = tx.__dict__.get(OWN)
    if own is not None:
        try:
            known: Sequence[Sequence[Any]] | None = own.rows(prepared.sql, _named(prepared, values))
        except driver.Error as problem:
            raise exc.DBAPIError.instance(prepared.sql, None, problem, driver.Error, dialect=tx.dialect) from problem
        if known is not None:
            return known
    cursor = _execute(tx, prepared, values)
    try:
        found: Sequence[Sequence[Any]] = cursor.fetchall()
    except driver.Error as problem:
        raise exc.DBAPIError.instance(prepared.sql, None, problem, driver.Error, dialect=tx.dialect) from problem
    finally:
        cursor.close()
    return found


def _named(prepared: _Prepared, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of all places, each in the form that the driver wants."""
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
    return named


def _execute(tx: Connection, prepared: _Prepared, values: Mapping[str, Any]) -> Any:
    """The driver's cursor, after it ran the statement."""
    named = _named(prepared, values)
    parameters = named if prepared.positions is None else tuple(map(named.__getitem__, prepared.positions))
    if not tx.in_transaction() and not tx.__dict__.get(BEGUN):
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


def _prepare(tx: Connection, query: Query | Change, values: Mapping[str, Any], *, lists: bool = False) -> _Prepared:
    reads = lists or isinstance(query, Select | CompoundSelect)
    padded = {
        name: [*value, *[value[-1]] * ((1 << (len(value) - 1).bit_length()) - len(value))]
        if isinstance(value, (list, tuple)) and reads
        else value
        for name, value in values.items()
    }
    dialect = tx.dialect
    compiled: Any = query.compile(dialect=dialect)
    state = compiled.construct_expanded_state(padded, escape_names=False)
    places_of = {name: list(places) for name, places in state.parameter_expansion.items() if name in values}
    into: dict[str, Callable[[Any], Any]] = {}
    for name, bound in compiled.binds.items():
        processor = bound.type.dialect_impl(dialect).bind_processor(dialect)
        if processor is not None:
            into[name] = processor
    into.update(state.processors)
    for name, places in places_of.items():
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
    return _Prepared(state.statement, constants, places_of, positions, into, _tables(query), _converting(out))


def _converting(out: Sequence[tuple[int, Callable[[Any], Any]]]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """What changes the cells of a row that come in another form than they are wanted in."""
    if not out:
        return _as_it_is

    def converted(row: Sequence[Any]) -> Sequence[Any]:
        cells = list(row)
        for index, change in out:
            cells[index] = change(cells[index])
        return cells

    return converted


def _tables(query: Query | Change) -> frozenset[str] | None:
    found: set[str] = set()
    for part in visitors.iterate(query):
        if isinstance(part, TextClause):
            return None
        if isinstance(part, TableClause):
            found.add(part.name)
    return frozenset(found)
