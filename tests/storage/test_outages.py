"""A database that can't be used: said once, and what waits for it has a bound."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

import pytest
from sqlalchemy import text

from storage import database, outages, patience
from storage.database import Database, StorageUnavailable, Unit
from storage.metadata import Tx
from storage.outages import Outage


def test_an_outage_is_said_when_it_begins_and_when_it_is_over(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("WARNING")
    outage = Outage("written to")
    assert outage.problem == ""
    for _ in range(1000):
        outage.failed("disk full\nreally")
    assert outage.problem == "it can't be written to: disk full really"
    outage.over()  # some are done in between, as on a disk that is full
    outage.failed("disk full")
    assert len(caplog.records) == 1
    monkeypatch.setattr(outages, "QUIET", 0)
    outage.over()
    outage.over()
    assert outage.problem == ""
    assert len(caplog.records) == 2
    assert "1001 failures" in caplog.text


def test_what_waits_for_a_thread_has_a_bound(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that hangs must not fill the memory with what waits for it."""
    monkeypatch.setattr(database, "_WAITING", 20)
    go = threading.Event()

    def hang(_: Tx) -> None:
        go.wait(30)

    running: list[Future[None]] = []

    def fill(begin: Callable[[Unit[None]], "Future[None]"]) -> None:
        running.extend(begin(hang) for _ in range(60))

    try:
        for begin in (db._ask, db._submit):
            with pytest.raises(StorageUnavailable):
                fill(begin)
        assert db.reading.problem
        assert db.writing.problem
        assert len(running) >= 40
    finally:
        go.set()
    for one in running:
        one.result(30)
    assert db.read_now(lambda tx: tx.exec_driver_sql("SELECT 1").scalar()) == 1


async def test_who_waits_is_told_that_there_is_no_answer(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """First after a while, then at once, until there is one; what was given up is not committed afterwards."""
    monkeypatch.setattr(patience, "PATIENCE", 0.3)
    monkeypatch.setattr(patience, "_LOOK", 0.05)
    go = threading.Event()
    db.write_now(lambda tx: tx.execute(text("CREATE TABLE told (x INTEGER)")))

    def hang(tx: Tx) -> None:
        go.wait(30)
        tx.execute(text("INSERT INTO told VALUES (1)"))

    try:
        for ask, outage in ((db.read, db.reading), (db.write, db.writing)):
            # As many as there are threads: the last ones are not even begun.
            several = await asyncio.gather(*(ask(hang) for _ in range(9)), return_exceptions=True)
            assert {type(one) for one in several} == {StorageUnavailable}
            assert "no answer" in outage.problem
            begun = time.monotonic()
            for _ in range(100):
                with pytest.raises(StorageUnavailable, match="no answer"):
                    await ask(lambda tx: tx.exec_driver_sql("SELECT 1").scalar())
            assert time.monotonic() - begun < 0.3
    finally:
        go.set()
    for _ in range(200):
        if not (db.reading.silent or db.writing.silent):
            break
        await asyncio.sleep(0.05)
    assert await db.read(lambda tx: tx.exec_driver_sql("SELECT 1").scalar()) == 1
    if db.kind == "postgresql":  # SQLite's writer has them all in one transaction, which others may be in
        assert await db.read(lambda tx: tx.scalar(text("SELECT count(*) FROM told"))) == 0
