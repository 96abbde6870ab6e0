"""Reading at once, in the event loop's thread; and the versions by which kept answers are told from old ones."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import text

from storage import events, views
from storage.database import Database, StorageUnavailable
from storage.metadata import Tx
from tests.storage import rows

_SLOW = text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :most) SELECT max(i) FROM n")


def _name(db: Database, name: str) -> None:
    db.write_now(lambda tx: rows.actor(tx, name))


def _total(tx: Tx) -> int:
    return tx.exec_driver_sql("SELECT count(*) FROM actors").scalar() or 0


async def test_a_short_unit_is_read_where_it_is_asked(db: Database) -> None:
    _name(db, "ada")
    where: list[str] = []

    def unit(tx: Tx) -> int:
        where.append(threading.current_thread().name)
        return _total(tx)

    assert await db.read_quickly(unit) == 1  # the first compiles and connects, and may be too long
    where.clear()
    assert await db.read_quickly(unit) == 1
    assert (where[0] == threading.current_thread().name) == (db.kind == "sqlite")
    await db.write(lambda tx: rows.actor(tx, "ben"))
    assert await db.read_quickly(unit) == 2


@pytest.mark.parametrize("steps", [1, views._STEPS])
async def test_a_unit_that_takes_long_goes_to_a_thread(
    steps: int, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its view ends undisturbed, however late it is: with 1 the clock is looked at in every step."""
    monkeypatch.setattr(views, "_STEPS", steps)
    where: list[str] = []

    def unit(tx: Tx) -> int:
        where.append(threading.current_thread().name)
        return int(tx.execute(_SLOW, {"most": 1_000_000}).scalar() or 0)

    assert await db.read_quickly(unit) == 1_000_000
    assert where[-1] != threading.current_thread().name
    for _ in range(3):
        assert await db.read_quickly(_total) == 0  # and the connection is as before


async def test_a_unit_that_takes_long_beside_the_database_is_no_failure(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "_STEPS", 1)

    def unit(tx: Tx) -> int:
        found = _total(tx)
        time.sleep(0.15)  # the process did not get its turn
        return found

    for _ in range(3):
        assert await db.read_quickly(unit) == 0


@pytest.mark.parametrize("ask", ["read", "read_quickly"])
async def test_a_unit_that_fails_leaves_no_view_open(ask: str, db: Database) -> None:
    def fails(tx: Tx) -> None:
        assert _total(tx) >= 0
        raise RuntimeError("on purpose")

    for _ in range(20):
        with pytest.raises(RuntimeError, match="on purpose"):
            await getattr(db, ask)(fails)
        await db.write(lambda tx: rows.actor(tx, f"a{time.monotonic_ns()}"))
    assert await getattr(db, ask)(_total) == 20


@pytest.mark.parametrize("ask", ["read", "read_quickly"])
async def test_a_view_is_one_moment(ask: str, db: Database, connect: Callable[..., Database]) -> None:
    """What is committed while a unit reads is not in it, whichever way its statements run."""
    other = connect()
    _name(db, "ada")

    def unit(tx: Tx) -> tuple[int, int]:
        before = _total(tx)
        if before == 1:
            other.write_now(lambda tx: rows.actor(tx, "ben"))
        return before, _total(tx)

    before, after = await getattr(db, ask)(unit)
    assert before == after
    assert await getattr(db, ask)(_total) == 2


@pytest.mark.parametrize("ask", ["read", "read_quickly"])
async def test_a_reading_unit_can_not_write(ask: str, db: Database) -> None:
    with pytest.raises(Exception, match=r"read-?only"):
        await getattr(db, ask)(lambda tx: rows.actor(tx, "ada"))
    assert await getattr(db, ask)(_total) == 0


async def test_after_close_nothing_is_read(db: Database) -> None:
    assert await db.read_quickly(_total) == 0
    db.close()
    with pytest.raises(StorageUnavailable):
        await db.read_quickly(_total)
    assert await db.version() is None


async def _version(db: Database) -> object:
    """The version, once there is a connection to ask it by."""
    for _ in range(1_000):
        version = await db.version()
        if version is not None:
            return version
        await asyncio.sleep(0.02)
    raise AssertionError("the version is never known")


async def test_the_version_changes_with_every_commit_and_stays_without(
    db: Database, connect: Callable[..., Database]
) -> None:
    other = connect()
    assert db.read_now(_total) == other.read_now(_total) == 0  # connections that are opened may change it too
    for _ in range(200):
        first = await _version(db)
        assert db.read_now(_total) == 0
        if db.kind == "sqlite":
            with pytest.raises(RuntimeError):
                db.write_now(_fail)
        if await _version(db) == first:
            break  # else others, on PostgreSQL of other tests, committed meanwhile
    else:
        raise AssertionError("it changes all the time")
    for changing in (db, other, db):
        before, theirs = await _version(db), await _version(other)
        changing.write_now(lambda tx: rows.actor(tx, f"a{time.monotonic_ns()}"))
        assert await _version(db) != before
        assert await _version(other) != theirs


def _fail(tx: Tx) -> None:
    rows.actor(tx, "gone")
    raise RuntimeError


def test_what_another_process_said_is_known_as_soon_as_it_can_be_read(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if db.kind != "sqlite":
        assert not db.changes("actor").any()
        return
    monkeypatch.setattr(type(db._slot), "others", lambda self: True)  # as if another process had the file open
    changes = db.changes("actor")
    _name(db, "ada")
    assert not changes.any()
    db.write_now(lambda tx: events.note(tx, "person", "1"))
    assert not changes.any()
    db.write_now(lambda tx: events.note(tx, "actor"))
    assert changes.any()
    assert not changes.any()
