"""Prepared queries give what SQLAlchemy gives, on both databases, whatever the number of values."""

import pytest
from sqlalchemy import Text, bindparam, exc, literal_column, select, union_all

from storage.actors import Actor, actors
from storage.database import Database, StorageUnavailable
from storage.metadata import Id, Tx, columns, one_among
from storage.peers import peers
from storage.prepared import rows
from tests.storage import rows as made

_IDS = bindparam("ids", type_=Id(), expanding=True)
_ACTORS = select(*columns(actors, Actor)).where(actors.c.id.in_(_IDS)).order_by(actors.c.id)
_LOCAL = select(actors.c.id).where(
    actors.c.local == bindparam("local"), actors.c.state == "active", one_among(actors.c.kind, "Person", "Group")
)
_BOTH = union_all(
    select(literal_column("'a'"), actors.c.id).where(actors.c.id.in_(_IDS)),
    select(literal_column("'b'"), actors.c.id).where(actors.c.id.in_(_IDS)),
)
_BROKEN = select(literal_column("no_such_column", Text)).select_from(peers).where(peers.c.host == bindparam("host"))


def _three(tx: Tx) -> list[Actor]:
    return [made.actor(tx, name) for name in ("ada", "ben", "chi")]


async def test_the_same_rows_for_every_size(db: Database) -> None:
    def unit(tx: Tx) -> None:
        ids = [one.id for one in _three(tx)]
        for wanted in ([], ids[:1], ids[:2], ids, [*ids, 5, 6, 7], list(range(1000)) + ids):
            told = [tuple(row) for row in rows(tx, _ACTORS, {"ids": wanted})]
            assert told == [tuple(row) for row in tx.execute(_ACTORS, {"ids": wanted})]
            assert len(told) == len(set(wanted) & set(ids))

    await db.write(unit)


async def test_kinds_of_values_come_back_as_they_are(db: Database) -> None:
    def unit(tx: Tx) -> None:
        one = _three(tx)[0]
        (row,) = rows(tx, _ACTORS, {"ids": [one.id]})
        assert Actor(*row) == one
        assert Actor(*row).local is one.local
        assert isinstance(Actor(*row).fields, list)
        for local in (True, False):
            told = sorted(row[0] for row in rows(tx, _LOCAL, {"local": local, "more": "than asked"}))
            assert told == sorted(tx.scalars(_LOCAL, {"local": local}))
        assert sorted(map(tuple, rows(tx, _BOTH, {"ids": [one.id]}))) == [("a", one.id), ("b", one.id)]

    await db.write(unit)


async def test_a_read_sees_one_moment(db: Database) -> None:
    await db.write(lambda tx: _three(tx) and None)

    def unit(tx: Tx) -> tuple[int, int]:
        before = len(rows(tx, _LOCAL, {"local": True}))
        db.write_now(lambda other: made.actor(other, "dan"))
        return before, len(rows(tx, _LOCAL, {"local": True}))

    before, after = await db.read(unit)
    assert before == after
    assert len(await db.read(lambda tx: rows(tx, _LOCAL, {"local": True}))) == before + 1


async def test_errors_are_those_of_sqlalchemy(db: Database) -> None:
    # A broken statement is a bug, and tells so by the class SQLAlchemy gives it on that database.
    with pytest.raises((exc.DBAPIError, StorageUnavailable)):
        await db.read(lambda tx: rows(tx, _BROKEN, {"host": "x"}))
