"""Rows that were read before are not read again: of them only the mark is asked for (`storage.row_marks`).

The same few authors and posts fill every home. Reading forty columns, some of them JSON, and making an object of them costs
more than the database takes to find the row. What is kept decides nothing: which rows are found says the query, and a row whose
mark differs is read anew. So nobody may change what is in such an object (`attachments`, `fields` …).

Only for views, which see what is committed: a transaction that writes sees rows, and marks, that may be undone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, Table, bindparam, select

from storage import metadata
from storage.metadata import Tx
from storage.prepared import parts, raw, rows

T = TypeVar("T")

_OBJECT = 1_500
"""Bytes that a row takes beside its texts, roughly."""
_KEPT = "_fedi_kept"
"""Attribute of a view's connection with what is kept of its database."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A query for rows of one table: for all of their columns, and for their ids and marks alone."""

    whole: Select[Any]
    marks: Select[Any]


class KeptRows:
    """What was read of the tables of one database, for all threads that read it."""

    def __init__(self) -> None:
        self._of: dict[object, _Rows] = {}

    def given_to(self, tx: Tx) -> None:
        """This connection reads views of the database, and nothing else."""
        tx.__dict__[_KEPT] = self

    def of(self, table: object, most: int, most_bytes: int) -> "_Rows":
        """Those of one table."""
        found = self._of.get(table)
        return found if found is not None else self._of.setdefault(table, _Rows(most, most_bytes))


class Interned(Generic[T]):
    """The rows of one table, by id. At most `most` of them and about `most_bytes` in one database; what was not asked for for
    long goes first."""

    def __init__(self, table: Table, row: type[T], most: int, most_bytes: int) -> None:
        self._table = table
        self._row = row
        self._bounds = most, most_bytes
        self._columns = metadata.columns(table, row)
        ids = bindparam("ids", type_=metadata.Id(), expanding=True)
        self._whole = select(table.c.mark, *self._columns).where(table.c.id.in_(ids))

    def asked(self, *conditions: ColumnElement[bool]) -> Asked:
        """A query for the rows under these conditions; make it once."""
        of_all = select(*self._columns).where(*conditions)
        return Asked(of_all, select(self._table.c.id, self._table.c.mark).where(*conditions))

    def all_of(self, tx: Connection, asked: Asked, values: Mapping[str, Any]) -> list[T]:
        """Every row that is found, as an object."""
        shared: KeptRows | None = tx.__dict__.get(_KEPT)
        if shared is None:
            return metadata.all_of(tx, asked.whole, self._row, **values)
        kept = shared.of(self, *self._bounds)
        found: dict[int, T] = {}
        marks = rows(tx, asked.marks, values)
        lacking = []
        for row_id, mark in marks:
            known = kept.get(row_id)
            if known is not None and known[0] == mark:
                found[row_id] = known[1]
            else:
                lacking.append(row_id)
        for part in parts(lacking):
            given, converted = raw(tx, self._whole, {"ids": part})
            for row in given:
                one = found[row[1]] = self._row(*converted(row)[1:])
                kept.put(row[1], row[0], one, _OBJECT + 2 * sum(len(cell) for cell in row if type(cell) is str))
        return [found[row_id] for row_id, _ in marks]


class _Rows:
    """Two generations, so that several threads may be here without a lock."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._half = most // 2
        self._half_bytes = most_bytes // 2
        self._young: dict[int, tuple[int, Any, int]] = {}
        self._old: dict[int, tuple[int, Any, int]] = {}
        self._bytes = 0

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._young) + len(self._old)

    def get(self, row_id: int) -> tuple[int, Any, int] | None:
        """(mark, object, its bytes) of a row."""
        known = self._young.get(row_id)
        if known is None:
            known = self._old.get(row_id)
            if known is not None:
                self.put(row_id, *known)
        return known

    def put(self, row_id: int, mark: int, one: Any, size: int) -> None:
        """Keep what a row with this mark is, in so many bytes."""
        if len(self._young) >= self._half or self._bytes + size > self._half_bytes:
            self._old, self._young, self._bytes = self._young, {}, 0
        if size <= self._half_bytes:
            self._young[row_id] = mark, one, size
            self._bytes += size
