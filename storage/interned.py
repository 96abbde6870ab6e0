"""Rows that are the same as last time are the same object: made of the database's values once, not for each who asks.

The same few authors and posts fill every home. Reading their JSON columns and making objects of forty fields costs more than
SQLite takes to find them; comparing a row with what it was last time costs next to nothing. What is kept decides nothing: a
row that differs in any column is made anew. So nobody may change what is in such an object (`attachments`, `fields` …).
"""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from sqlalchemy import Select

from storage.metadata import Tx
from storage.prepared import raw

T = TypeVar("T")

_OBJECT = 1_500
"""Bytes that a row takes beside its texts, roughly."""


class Interned(Generic[T]):
    """The objects of one table, by the first column, the key. At most `most` of them and about `most_bytes`; what was not
    asked for for long goes first (two generations, so that several threads may be here without a lock)."""

    def __init__(self, row: type[T], most: int, most_bytes: int) -> None:
        self._row = row
        self._half = most // 2
        self._half_bytes = most_bytes // 2
        self._young: dict[Any, tuple[Any, T]] = {}
        self._old: dict[Any, tuple[Any, T]] = {}
        self._bytes = 0

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._young) + len(self._old)

    def all_of(self, tx: Tx, query: Select[Any], values: Mapping[str, Any]) -> list[T]:
        """As `metadata.all_of`; the query selects the columns of the row, its key first."""
        found, converted = raw(tx, query, values)
        made = []
        for row in found:
            known = self._young.get(row[0])
            if known is None:
                known = self._old.get(row[0])
                if known is not None and known[0] == row:
                    self._keep(row, known[1])
            if known is not None and known[0] == row:
                made.append(known[1])
                continue
            one = self._row(*converted(row))
            self._keep(row, one)
            made.append(one)
        return made

    def _keep(self, row: Any, one: T) -> None:
        size = _OBJECT + 2 * sum(len(cell) for cell in row if type(cell) is str)
        if len(self._young) >= self._half or self._bytes + size > self._half_bytes:
            self._old, self._young, self._bytes = self._young, {}, 0
        if size <= self._half_bytes:
            self._young[row[0]] = row, one
            self._bytes += size
