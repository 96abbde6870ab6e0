"""What a transaction holds in memory: rows that it read before (identity map) and rows that it will write (write-behind).

A batch of received activities asks for the same actors and posts again and again, and writes the same kinds of rows: read
at once and written at once they cost a tenth. Nobody needs to know: what is held back is written before any statement that
could see it or depends on it, and at the end of the transaction; what was read is forgotten when its table is changed in a
way that is not followed here, and all of it when the transaction, or a savepoint, is undone.

`Database` begins it with each transaction. Only who asked for a batch of rows (`fill`) has an identity map.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Engine, Insert, Table, Update, bindparam, event, func

from storage.prepared import HELD, put_each

_READS = ("SELECT", "WITH", "EXPLAIN")
_LATE: Final = "searches"
"""The index of words: nothing refers to its rows, and it is the one that gains most by writing many at once."""
_FIRST = frozenset({"posts", "outbox"})
"""What rows of other tables refer to."""
_ASKED: Final = {
    "writers": frozenset({"tokens", "people", "apps", "actors"}),  # who is behind a token
    "followed": frozenset({"follows"}),  # whether anybody follows an actor
    "bells": frozenset({"follows"}),  # who wants to be told of each post of some actors
}
"""Answers that units of one transaction share, with the tables that each depends on."""


_NOTHING: Final[Mapping[str, Any]] = {}
Last = Callable[[Connection, list[Any]], None]


class Overtaken(Exception):
    """Another transaction wrote a row that this one was about to write: it must run again, writing each row at once."""


class Held:
    """What one transaction holds. `eager`: nothing is held back, as every insert must tell at once whether it was new."""

    __slots__ = (
        *("_added", "_answers", "_broken", "_last", "_rows", "_set", "_tables"),
        *("eager", "known", "position", "writes"),
    )

    def __init__(self, *, eager: bool = False) -> None:
        self.eager = eager
        self.writes = 0
        """How often anything was written so far, now or later: a unit that compares it knows whether it wrote."""
        self.known: dict[str, dict[Any, Any]] = {}
        """Table -> key -> row, or None where there is known to be none. Other tables are read from the database."""
        self.position: int | None = None
        """The newest position of the outbox log, with rows that are held back; None before the first one (SQLite)."""
        self._tables: set[str] = set()
        self._rows: dict[Insert, list[Mapping[str, Any]]] = {}
        self._added: dict[tuple[Table, int], dict[str, int]] = {}
        self._set: dict[tuple[Table, int], dict[str, Any]] = {}
        self._last: dict[Last, list[Any]] = {}
        self._answers: dict[str, dict[Any, Any]] = {}
        self._broken: Exception | None = None

    @property
    def broken(self) -> bool:
        """Whether something that was held back could not be written: then nothing more can be done in this transaction."""
        return self._broken is not None

    # What is read once.

    def fill(self, table: str, rows: Mapping[Any, Any]) -> None:
        """Remember these rows of a table by their keys; None where there is no such row."""
        self.known.setdefault(table, {}).update(rows)

    def lacks(self, table: str, keys: Iterable[Any]) -> list[Any]:
        """Those of `keys` of which nothing is known yet, each once."""
        known = self.known.get(table)
        return list(dict.fromkeys(keys if known is None else (key for key in keys if key not in known)))

    def answered(self, kind: str, key: Any) -> Any:
        """What was answered to this before, in this transaction, if it still holds; else None."""
        known = self._answers.get(kind)
        return None if known is None else known.get(key)

    def answer(self, kind: str, key: Any, value: Any) -> None:
        """Remember an answer, as the tables have it; what is held back for a row of it comes on top (`pending`)."""
        self._answers.setdefault(kind, {})[key] = value

    def _forget(self, table: str | None) -> None:
        for kind in [one for one in self._answers if table is None or table in _ASKED[one]]:
            del self._answers[kind]

    # What is written later.

    def pending(self, table: Table, row_id: int) -> tuple[Mapping[str, int], Mapping[str, Any]]:
        """(what is to be added to columns of a row, what others are to be set to) of what is held back."""
        return self._added.get((table, row_id), _NOTHING), self._set.get((table, row_id), _NOTHING)

    def insert(self, table: str, statement: Insert, row: Mapping[str, Any]) -> None:
        """Insert a row that is known to be new, later. `statement` leaves out what meets a constraint."""
        self.writes += 1
        self._tables.add(table)
        if self._answers:
            self._forget(table)
        several = self._rows.get(statement)
        if several is None:
            self._rows[statement] = [row]
        else:
            several.append(row)

    def add(self, table: Table, row_id: int, added: Mapping[str, int]) -> None:
        """Add to counts of a row, later; what is known of the row has them at once."""
        self._change(table, row_id)
        counts = self._added.setdefault((table, row_id), {})
        for name, by in added.items():
            counts[name] = counts.get(name, 0) + by
        self._follow(table.name, row_id, added, {})

    def set(self, table: Table, row_id: int, values: Mapping[str, Any]) -> None:
        """Set columns of a row, later; what is known of the row has them at once."""
        self._change(table, row_id)
        self._set.setdefault((table, row_id), {}).update(values)
        self._follow(table.name, row_id, {}, values)

    def last(self, write: Last, row: Any, *tables: str) -> None:
        """Have `write(tx, rows)` called with this and the others that it is for, after all else that is held back, as what it
        does holds up others until the transaction ends; it writes to these `tables`."""
        self.writes += 1
        self._tables.update(tables)
        self._last.setdefault(write, []).append(row)

    def _change(self, table: Table, row_id: int) -> None:
        self.writes += 1
        self._tables.add(table.name)

    def _follow(self, table: str, row_id: int, added: Mapping[str, int], values: Mapping[str, Any]) -> None:
        known = self.known.get(table)
        row = known.get(row_id) if known is not None else None
        if known is None or row is None:
            return
        # In its place: whoever holds the row in this transaction sees it as it is now, and copying 40 columns takes longer
        # than all else that is done here.
        for name, by in added.items():
            object.__setattr__(row, name, max(getattr(row, name) + by, 0))
        for name, value in values.items():
            object.__setattr__(row, name, value)

    # What keeps both true.

    def before_reading(self, tx: Connection, tables: frozenset[str] | None) -> None:
        """Write what a query of these tables (None: any) would miss."""
        if self._tables and (tables is None or not self._tables.isdisjoint(tables)):
            self.flush(tx, late=tables is None or _LATE in tables)

    def before_writing(self, tx: Connection, table: str | None) -> None:
        """Write what another change must come after, and forget the rows of the `table` that it changes (None: any)."""
        self.writes += 1
        if self._tables:
            self.flush(tx, late=table is None or table == _LATE)
        if self._answers:
            self._forget(table)
        if self.known:
            if table is None:
                self.known.clear()
            else:
                self.known.pop(table, None)

    def before_statement(self, tx: Connection, sql: str) -> None:
        """The same for a statement of which only the text is known."""
        if sql.startswith(("ROLLBACK", "BEGIN")):
            self.drop()  # also what could not be written, when nothing else is known: it was undone
        elif not (self._tables or self.known or self._answers):
            if not sql.startswith(_READS):
                self.writes += 1
        elif not sql.startswith(_READS):
            self.writes += 1
            self.flush(tx)
            if not sql.startswith(("SAVEPOINT", "RELEASE")):
                self.known.clear()
                self._answers.clear()
        elif any(table in sql for table in self._tables):
            self.flush(tx, late=_LATE in sql)

    def flush(self, tx: Connection, *, late: bool = True) -> None:
        """Write what is held back. Raises Overtaken where a row that was new is new no more, and what the database says;
        after that nothing more can be done in this transaction, whoever caught it."""
        if self._broken is not None:
            raise self._broken
        if not self._tables:
            return
        rows, added, changed, last = self._rows, self._added, self._set, self._last
        self._rows, self._added, self._set, self._last, self._tables = {}, {}, {}, {}, set()
        if not late:
            for statement in [one for one in rows if one.table.name == _LATE]:
                self._rows[statement] = rows.pop(statement)
                self._tables.add(_LATE)
        try:
            for statement in sorted(rows, key=lambda one: one.table.name not in _FIRST):
                several = rows[statement]
                if put_each(tx, statement, several) < len(several):
                    raise Overtaken(statement.table.name)
            _write_changes(tx, added, changed)
            for write, several in last.items():
                write(tx, several)
            if self._answers:
                for name in {table.name for table, _ in (*added, *changed)}:
                    self._forget(name)
        except Exception as problem:
            self._broken = problem
            raise

    def drop(self) -> None:
        """Forget everything: it was undone."""
        self.known.clear()
        self._answers.clear()
        self.position = None
        self._rows, self._added, self._set, self._last, self._tables = {}, {}, {}, {}, set()
        self._broken = None


def begin(tx: Connection, *, eager: bool = False) -> Held:
    """What the transaction that begins on this connection holds: nothing yet. Whatever the last one held is forgotten."""
    made = Held(eager=eager)
    tx.__dict__[HELD] = made
    return made


@contextlib.contextmanager
def begun(tx: Connection, *, eager: bool = False) -> Iterator[Held]:
    """A transaction on this connection, and what it holds back; whoever is done writes that (`flush`)."""
    holds = begin(tx, eager=eager)
    try:
        with tx.begin():
            yield holds
    finally:
        holds.drop()


def of(tx: Connection) -> Held | None:
    """What this transaction holds; None for a connection that `Database` did not open."""
    found: Held | None = tx.__dict__.get(HELD)
    return found


def behind(tx: Connection) -> Held | None:
    """What this transaction holds, where rows may be held back; None where each must be written at once."""
    found: Held | None = tx.__dict__.get(HELD)
    return None if found is None or found.eager else found


def listen(engine: Engine) -> None:
    """Have statements that SQLAlchemy itself runs on this engine looked at; `storage.prepared` looks at its own."""

    @event.listens_for(engine, "before_cursor_execute")
    def look(tx: Connection, _cursor: Any, sql: str, _values: Any, _context: Any, _many: bool) -> None:
        found = tx.__dict__.get(HELD)
        if found is not None:
            found.before_statement(tx, sql)


def _write_changes(
    tx: Connection, added: dict[tuple[Table, int], dict[str, int]], changed: dict[tuple[Table, int], dict[str, Any]]
) -> None:
    several: dict[Update, list[Mapping[str, Any]]] = {}
    # By id, so that of two transactions none waits for what the other has.
    for table, row_id in sorted(added.keys() | changed.keys(), key=lambda one: (one[0].name, one[1])):
        counts, values = added.get((table, row_id), {}), changed.get((table, row_id), {})
        statement = _update(tx.dialect.name, table, tuple(sorted(counts)), tuple(sorted(values)))
        row = {f"by_{name}": by for name, by in counts.items()} | {f"to_{name}": to for name, to in values.items()}
        several.setdefault(statement, []).append(row | {"key": row_id})
    for statement, rows in several.items():
        put_each(tx, statement, rows)


@cache
def _update(dialect: str, table: Table, counts: tuple[str, ...], values: tuple[str, ...]) -> Update:
    most = func.max if dialect == "sqlite" else func.greatest
    new: dict[str, ColumnElement[Any]] = {
        name: most(table.c[name] + bindparam(f"by_{name}", type_=table.c[name].type), 0) for name in counts
    }
    new |= {name: bindparam(f"to_{name}", type_=table.c[name].type) for name in values}
    return table.update().where(table.c.id == bindparam("key", type_=table.c.id.type)).values(new)
