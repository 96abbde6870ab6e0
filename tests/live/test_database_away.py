"""A database that goes away under traffic and returns, or that another process keeps locked: nothing gets a 2xx that is not on
disk, everybody is told when to come again, and all goes on by itself."""

import contextlib
import signal
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fedi.cli import postgres
from tests.attacks.hostile import Hostile
from tests.live.client import wait_until
from tests.live.faults import doctor, freeze, thaw
from tests.live.traffic import asked, away, running
from tests.servers import Server

pytestmark = pytest.mark.live

AWAY = 4.0
"""Seconds; `python -m tests.bench.faults` takes a minute."""
IMPATIENT = """
from storage import patience
patience.PATIENCE = 2.0
"""
LOCKED = """
from storage import engines
engines.BUSY_MS = 1000
"""


@pytest.fixture
def postgresql() -> Iterator[Any]:
    """A PostgreSQL server of its own, which may be stopped."""
    with tempfile.TemporaryDirectory(prefix="fedi-away-") as folder:
        Path(folder).chmod(0o755)
        server = postgres.start(Path(folder) / "data", keep=False)
        yield server
        with contextlib.suppress(Exception):
            server.cleanup()


def test_postgresql_goes_away_and_returns(postgresql: Any, hostile: Hostile, tmp_path: Path) -> None:
    away(Server(tmp_path, postgresql.get_uri(), "Away"), hostile, postgresql.stop, postgresql.start, AWAY)


def test_postgresql_hangs_and_goes_on(postgresql: Any, hostile: Hostile, tmp_path: Path) -> None:
    """It stands still with all its connections open: nothing fails by itself, and everybody is told so all the same."""
    server = Server(tmp_path, postgresql.get_uri(), "Frozen", before=IMPATIENT)
    stopped: list[int] = []
    said: list[str] = []

    def come() -> None:
        said.append(doctor(server))
        thaw(stopped)
        stopped.clear()

    try:
        away(server, hostile, lambda: stopped.extend(freeze(postgresql.get_pid())), come, AWAY)
    finally:
        thaw(stopped)
    assert "database: can't be reached" in said[0]
    assert "it gives no answer within 2 s" in server.log.read_text()


def test_a_server_ends_while_postgresql_hangs(postgresql: Any, tmp_path: Path) -> None:
    with running(Server(tmp_path, postgresql.get_uri(), "Ending", before=IMPATIENT)) as target:
        stopped = freeze(postgresql.get_pid())
        try:
            wait_until(lambda: asked(f"{target.server.url}/people/ada")[0] == 503)
            process = target.server.process
            assert process is not None
            process.terminate()
            assert process.wait(20) in (0, -signal.SIGTERM)
        finally:
            thaw(stopped)


def test_a_sqlite_file_is_locked_for_long(hostile: Hostile, tmp_path: Path) -> None:
    """By a backup, or by somebody's shell."""
    server = Server(tmp_path, f"sqlite:///{tmp_path}/fedi.db", "Locked", before=LOCKED)
    holding = sqlite3.connect(tmp_path / "fedi.db", isolation_level=None, check_same_thread=False)
    try:
        away(
            server,
            hostile,
            lambda: holding.execute("BEGIN IMMEDIATE"),
            lambda: holding.execute("ROLLBACK"),
            AWAY,
            reads=200,
        )
        holding.execute("BEGIN IMMEDIATE")
        assert "it can't be written to: database is locked" in doctor(server)
    finally:
        holding.close()
