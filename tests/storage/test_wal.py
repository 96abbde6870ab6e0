"""The write-ahead log of SQLite: it is said when somebody keeps it from being worked off, and it shrinks when that is over."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from storage import engines, wal
from storage.database import Database


def test_a_reader_that_does_not_end_lets_the_log_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(wal, "LARGE", 2 << 20)
    monkeypatch.setattr(engines, "KEPT", 1 << 20)
    file = tmp_path / "fedi.db"
    db = Database(f"sqlite:///{file}")
    reading = sqlite3.connect(file, isolation_level=None)
    try:
        db.write_now(lambda tx: tx.execute(text("CREATE TABLE t (x)")))
        assert wal.trouble(file) == ""
        reading.execute("BEGIN")
        reading.execute("SELECT * FROM t").fetchall()
        for _ in range(40):
            db.write_now(lambda tx: tx.execute(text("INSERT INTO t VALUES (randomblob(100000))")))
        assert "does not end" in wal.trouble(file)
        db.write_now(lambda tx: wal.watch(tx, 0))
        assert "fuser -v" in caplog.text
        reading.execute("COMMIT")
        for _ in range(3):  # the first works it off, the next begins it anew
            db.write_now(lambda tx: tx.execute(text("INSERT INTO t VALUES (1)")))
        assert wal.trouble(file) == ""
        assert Path(f"{file}-wal").stat().st_size <= 1 << 20
    finally:
        reading.close()
        db.close()


def test_other_databases_have_none(db: Database) -> None:
    db.write_now(lambda tx: wal.watch(tx, 0))
    assert wal.trouble(Path("/nowhere/fedi.db")) == ""
