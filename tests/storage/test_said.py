"""What one process of an instance on SQLite says reaches the others, and costs nothing where there are none."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from storage.database import Database
from storage.events import note
from storage.metadata import Tx
from storage.said import said

ANOTHER = """
import sys
from storage.database import Database
from storage.events import note
db = Database(sys.argv[1])
print("open", flush=True)
for line in sys.stdin:
    topic, _, payload = line.strip().partition(" ")
    db.write_now(lambda tx: note(tx, topic, payload))
    print("said", flush=True)
db.close()
"""


class Another:
    """Another process with the same database."""

    def __init__(self, url: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", ANOTHER, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        self.line()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def says(self, words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()
        assert self.line() == "said"

    def end(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


@pytest.fixture
def db(sqlite_url: str) -> Iterator[Database]:
    opened = Database(sqlite_url)
    yield opened
    opened.close()


def rows(db: Database) -> int:
    return db.read_now(lambda tx: tx.scalar(select(func.count()).select_from(said))) or 0


async def test_another_process_is_heard_and_hears(db: Database) -> None:
    heard = db.events.subscribe("news")
    there = Another(db.url)
    there.says("news from elsewhere")
    assert await heard.next(5) == "from elsewhere"
    there.says("other not for us")
    there.says("news again")
    assert await heard.next(5) == "again"

    await db.write(lambda tx: note(tx, "news", "our own"))
    assert await heard.next(5) == "our own"
    assert await heard.next(0.4) is None, "our own words come back to us"
    assert rows(db) == 4
    there.end()
    heard.close()


async def test_what_was_said_before_a_process_listened_is_not_news(db: Database) -> None:
    there = Another(db.url)
    there.says("news old")
    heard = db.events.subscribe("news")
    await asyncio.sleep(0.3)
    there.says("news new")
    assert await heard.next(5) == "new"
    there.end()
    heard.close()


def test_a_process_alone_writes_nothing(db: Database) -> None:
    assert not db._slot.others()
    db.write_now(lambda tx: note(tx, "news", "to nobody"))
    assert rows(db) == 0
    there = Another(db.url)
    assert db._slot.others()
    db.write_now(lambda tx: note(tx, "news", "to somebody"))
    assert rows(db) == 1
    there.end()
    assert not db._slot.others()


def test_what_failed_is_not_said(db: Database) -> None:
    there = Another(db.url)

    def unit(tx: Tx) -> None:
        note(tx, "news", "no")
        raise ValueError

    with pytest.raises(ValueError):
        db.write_now(unit)
    assert rows(db) == 0
    there.end()


def test_it_is_kept_for_a_minute(db: Database) -> None:
    there = Another(db.url)
    old = time.time_ns() // 1_000_000 - 61_000
    insert = "INSERT INTO said (process, topic, payload, created_at) VALUES ('x', 'news', 'old', :at)"
    db.write_now(lambda tx: tx.execute(text(insert), {"at": old}).rowcount)
    there.says("news new")
    left = db.read_now(lambda tx: tx.execute(select(said.c.payload)).all())
    assert left == [("new",)]
    there.end()


def test_a_database_without_tables_can_be_written(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path}/bare.db")
    there = Another(db.url)
    db.write_now(lambda tx: note(tx, "news", "of no table"))
    there.says("news too")
    there.end()
    db.close()
