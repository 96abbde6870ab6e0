"""The version of a PostgreSQL database, asked for from the event loop; and connections that threads keep to read it."""

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from storage import snapshots
from storage.database import Database
from storage.metadata import Tx
from storage.snapshots import Snapshots
from tests.storage import rows


@pytest.fixture
def db(connect: Callable[..., Database]) -> Database:
    made = connect()
    if made.kind != "postgresql":
        pytest.skip("PostgreSQL's own")
    return made


async def _asks(db: Database) -> Snapshots:
    """Who asks, once connected."""
    found = db._snapshots
    assert found is not None
    for _ in range(1_000):
        if await found.version() is not None:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError("the version is never known")


def _pid(tx: Tx) -> int:
    return int(tx.exec_driver_sql("SELECT pg_backend_pid()").scalar() or 0)


def _end_session(db: Database, pid: int) -> None:
    with psycopg.connect(db.url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


def _total(tx: Tx) -> int:
    return tx.exec_driver_sql("SELECT count(*) FROM actors").scalar() or 0


async def test_who_asks_meanwhile_shares_the_next_question(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the one under way: what was committed after it was sent would be lost on them."""
    asks = await _asks(db)
    sent: list[int] = []
    ask = Snapshots._ask

    def counted(self: Snapshots, *given: Any) -> None:
        sent.append(1)
        ask(self, *given)

    monkeypatch.setattr(Snapshots, "_ask", counted)
    first = asyncio.ensure_future(asks.version())
    await asyncio.sleep(0)
    assert len(sent) == 1
    db.write_now(lambda tx: rows.actor(tx, "ada"))  # the loop has not looked at the answer yet
    others = [asyncio.ensure_future(asks.version()) for _ in range(10)]
    found = await asyncio.gather(*others)
    assert len(sent) <= 3  # for eleven
    assert await first not in found


async def test_who_stops_waiting_takes_the_answer_from_nobody(db: Database) -> None:
    asks = await _asks(db)
    several = [asyncio.ensure_future(asks.version()) for _ in range(6)]
    await asyncio.sleep(0)
    several[0].cancel()
    several[3].cancel()
    found = await asyncio.gather(*several, return_exceptions=True)
    assert [one is not None and not isinstance(one, BaseException) for one in found] == [
        False,
        *[True, True],
        False,
        *[True, True],
    ]


async def test_an_open_transaction_changes_nothing_until_it_is_committed(db: Database) -> None:
    asks = await _asks(db)
    db.write_now(lambda tx: rows.actor(tx, "ada"))
    for _ in range(100):  # others may commit in other databases of this server
        with psycopg.connect(db.url) as other:
            before = await asks.version()
            other.execute("UPDATE actors SET name = 'x'")
            meanwhile = await asks.version()
            other.commit()
            after = await asks.version()
        assert after != before
        if before == meanwhile:
            return
    raise AssertionError("it changes all the time")


async def test_a_connection_that_is_lost_is_made_again_and_what_it_said_holds_no_more(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "_PAUSE", 0.0)
    asks = await _asks(db)
    before = await asks.version()
    assert asks._connection is not None
    _end_session(db, asks._connection.info.backend_pid)
    for _ in range(1_000):
        after = await asks.version()
        assert after != before
        if after is not None:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never comes back")


async def test_nobody_waits_for_a_server_that_says_nothing(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "_PATIENCE", 0.05)
    monkeypatch.setattr(snapshots, "_QUESTION", b"SELECT pg_current_snapshot() FROM pg_sleep(30)")
    found = db._snapshots
    assert found is not None
    while found._connection is None:
        await found.version()
        await asyncio.sleep(0.02)
    assert list(await asyncio.gather(found.version(), found.version())) == [None, None]
    assert found._connection is None


async def test_a_reading_connection_that_was_lost_is_made_again(connect: Callable[..., Database]) -> None:
    db = connect(readers=1)
    if db.kind != "postgresql":
        pytest.skip("PostgreSQL's own")
    pid = db.read_now(_pid)
    assert db.read_now(_pid) == pid
    _end_session(db, pid)
    assert db.read_now(_pid) != pid
    assert db.read_now(_total) == 0


async def test_a_view_ends_with_its_unit_whatever_happens_in_it(connect: Callable[..., Database]) -> None:
    """Else the next would read what was there long ago."""
    db = connect(readers=1)
    if db.kind != "postgresql":
        pytest.skip("PostgreSQL's own")

    def fails(tx: Tx) -> None:
        _total(tx)
        raise LookupError

    def breaks(tx: Tx) -> None:
        tx.exec_driver_sql("SELECT 1 / 0")

    db.write_now(lambda tx: rows.actor(tx, "ada"))
    for number, (unit, problem) in enumerate(((fails, LookupError), (breaks, Exception), (_total, None)), 2):
        if problem is None:
            db.read_now(unit)
        else:
            with pytest.raises(problem):
                db.read_now(unit)
        db.write_now(lambda tx, name=f"a{number}": rows.actor(tx, name))  # type: ignore[misc]
        assert db.read_now(_total) == number
