"""Nothing that is asked often reads all of what grows: every statement of every path, as each database would run it.

The instance is a thousandth of what `tests.bench.growth` measures, with the same shape. On SQLite plans are looked at
without statistics, as fedi gathers none, with those of now, and with those of a time when columns that are mostly empty
held nothing, which is what made another server ten times slower (they say of an index that all its rows are alike). On
PostgreSQL it is asked whether indexes can serve; what it chooses with the statistics of a large instance is measured there.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from storage import walks
from tests.bench.bulk import fill
from tests.bench.crowd import Crowd
from tests.conftest import Databases
from tests.growth import plans
from tests.growth.allowed import ALLOWED
from tests.growth.chosen import ON_POSTGRESQL, ON_SQLITE
from tests.growth.paths import NOW, ORIGIN, everything, opened, pair
from tests.growth.recording import Recorder, recording

SCALE = 0.001
Look = Callable[[str, Any], tuple[list[str], list[str]]]


def crowd_of(scale: float, *, sparse: bool = True) -> Crowd:
    """The instance of that size."""
    return Crowd(scale, ORIGIN, NOW, sparse=sparse, key=pair().public, private=pair().private)


async def record(url: str, crowd: Crowd, folder: Path) -> Recorder:
    """What is asked when every path is gone once on the instance that `crowd` filled."""
    with recording() as recorder:
        paths = opened(url, crowd, folder)
        try:
            for name, path in everything(crowd):
                recorder.path = name
                await path(paths)
        finally:
            paths.site.db.close()
    assert paths.failed == []
    return recorder


def bad(recorder: Recorder, look: Look) -> list[str]:
    """What is wrong with the plans of what was asked, but for what is allowed with a reason."""
    told = []
    for short, (sql, values, path) in recorder.asked.items():
        wrong, plan = look(sql, values)
        left = [one for one in wrong if not any(one.startswith(found) and part in short for found, part, _ in ALLOWED)]
        if left:
            told.append(f"{left} for {path}\n  {short}\n    " + "\n    ".join(plan))
    return told


def unchosen(recorder: Recorder, chosen: list[tuple[str, str]], look: Look) -> list[str]:
    """Of these statements those that nobody asked, and those that are not run by their index."""
    told = []
    for part, index in chosen:
        asked = [given for short, given in recorder.asked.items() if part in " ".join(short.split())]
        told += [] if asked else [f"nobody asked {part}"]
        for sql, values, path in asked:
            plan = look(sql, values)[1]
            if not any(index in line for line in plan):
                told.append(f"{path}: not by {index}: {part}\n    " + "\n    ".join(plan))
    return told


def larger(connection: sqlite3.Connection) -> None:
    """Statistics of tables a thousand times larger: of an index the number of its rows, then how many are alike in its
    first column, in the first two …; those that are a part of the whole grow with it."""
    for row, told in connection.execute("SELECT rowid, stat FROM sqlite_stat1").fetchall():
        everything_, *alike = (int(number) for number in told.split(" ") if number.isdigit())
        grown = [number * 1000 if number > 1 and number * 20 > everything_ else number for number in alike]
        stat = " ".join(map(str, [everything_ * 1000, *grown]))
        connection.execute("UPDATE sqlite_stat1 SET stat = ? WHERE rowid = ?", (stat, row))


def statistics(url: str) -> list[tuple[Any, ...]]:
    """What ANALYZE says of a database."""
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("ANALYZE")
        return connection.execute("SELECT tbl, idx, stat FROM sqlite_stat1").fetchall()


@pytest.fixture
async def on_sqlite(sqlite_url: str, tmp_path: Path) -> tuple[str, Recorder]:
    """A filled database, and what it was asked."""
    crowd = crowd_of(SCALE)
    fill(sqlite_url, crowd)
    return sqlite_url, await record(sqlite_url, crowd, tmp_path)


async def test_on_sqlite(on_sqlite: tuple[str, Recorder], databases: Databases) -> None:
    url, recorder = on_sqlite
    assert len(recorder.asked) > 300
    empty = databases.new("sqlite")
    fill(empty, crowd_of(SCALE, sparse=False))
    found = []
    for when, said in (("none", None), ("now", statistics(url)), ("before", statistics(empty))):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            connection.execute("DELETE FROM sqlite_stat1")
            connection.executemany("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", said or [])
            larger(connection)
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:  # statistics are read when it is opened
            look = lambda sql, values, asked=connection: plans.of_sqlite(asked, sql, values)  # noqa: E731
            missed = unchosen(recorder, ON_SQLITE, look)
            found += [f"statistics {when}: {one}" for one in (*bad(recorder, look), *missed)]
        connection.close()
    databases.drop(empty)
    assert found == [], f"{len(found)}\n" + "\n\n".join(found)


async def test_on_postgresql(databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walks, "_WINDOW", 50)  # of 300 posts, so that the index is asked, too
    url = databases.new("postgresql")
    crowd = crowd_of(SCALE)
    await asyncio.to_thread(fill, url, crowd)
    recorder = await record(url, crowd, tmp_path)
    with psycopg.connect(url, autocommit=True) as connection:
        # PostgreSQL does this of itself at some minute, and may choose otherwise after it: here it is always after it.
        connection.execute("VACUUM ANALYZE")
        # A small table is rightly read as a whole, and a small index that has all that is asked: so what is asked here
        # is whether there is a way without that.
        for way in ("seqscan", "indexonlyscan", "hashjoin", "mergejoin"):
            connection.execute(f"SET enable_{way} = off".encode())
        found = bad(recorder, lambda sql, values: plans.of_postgresql(connection, sql, values))
        found += unchosen(recorder, ON_POSTGRESQL[:1], lambda sql, values: plans.of_postgresql(connection, sql, values))
        connection.execute("SET enable_indexscan = off")  # as `storage.walks` does
        found += unchosen(recorder, ON_POSTGRESQL[1:], lambda sql, values: plans.of_postgresql(connection, sql, values))
    databases.drop(url)
    assert found == [], f"{len(found)}\n" + "\n\n".join(found)


async def test_a_scan_is_seen(on_sqlite: tuple[str, Recorder]) -> None:
    """Without the index that a page of an account needs, this would say so."""
    url, recorder = on_sqlite
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("DROP INDEX ix_notifications_person_id")
        connection.execute("DROP INDEX uq_notifications_once")
        found = bad(recorder, lambda sql, values: plans.of_sqlite(connection, sql, values))
        connection.execute("DROP INDEX ix_follows_notify")
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        missed = unchosen(recorder, ON_SQLITE, lambda sql, values: plans.of_sqlite(connection, sql, values))
    assert any("all of notifications" in one for one in found)
    assert len(missed) == 1
