"""A database that can't be used: said once, and what waits for it has a bound."""

import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from storage import database
from storage.database import Database, StorageUnavailable, Unit
from storage.metadata import Tx
from storage.outages import Outage


def test_an_outage_is_said_when_it_begins_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING")
    outage = Outage("written to")
    assert outage.problem == ""
    for _ in range(1000):
        outage.failed("disk full\nreally")
    assert outage.problem == "it can't be written to: disk full really"
    assert len(caplog.records) == 1
    outage.over()
    outage.over()
    assert outage.problem == ""
    assert len(caplog.records) == 2
    assert "1000 failures" in caplog.text


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
