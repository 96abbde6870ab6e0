import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import exc, insert, select, text

from storage import held, jobs
from storage.cursors import cursors
from storage.database import Database, StorageUnavailable
from storage.events import note
from storage.held import Overtaken
from storage.metadata import Tx

Connect = Callable[..., Database]


def _put(name: str, position: int = 0) -> Callable[[Tx], str]:
    def unit(tx: Tx) -> str:
        tx.execute(insert(cursors).values(name=name, position=position))
        return name

    return unit


def _names(db: Database) -> list[str]:
    return sorted(db.read_now(lambda tx: list(tx.scalars(select(cursors.c.name)))))


def test_what_write_returned_is_seen_by_another_connection(connect: Connect) -> None:
    one, other = connect(), connect()
    assert one.write_now(_put("a")) == "a"
    assert _names(other) == ["a"]


def test_a_read_cannot_write(db: Database) -> None:
    with pytest.raises((exc.DBAPIError, StorageUnavailable)):
        db.read_now(_put("a"))
    assert _names(db) == []


def _block(db: Database) -> tuple[threading.Event, threading.Event]:
    """Hold the writer, so that the units that follow are gathered into one commit."""
    begun, go = threading.Event(), threading.Event()

    def wait(tx: Tx) -> None:
        begun.set()
        go.wait(10)

    db._submit(wait)
    begun.wait(10)
    return begun, go


def test_a_failing_unit_fails_alone(db: Database) -> None:
    _, go = _block(db)

    def wrong(tx: Tx) -> None:
        _put("half")(tx)
        raise LookupError("mine")

    def nonsense(tx: Tx) -> None:
        tx.execute(text("SELECT * FROM no_such_table"))

    good, bad, worse, last = (db._submit(unit) for unit in (_put("a"), wrong, nonsense, _put("z")))
    go.set()
    assert good.result(10) == "a"
    assert last.result(10) == "z"
    with pytest.raises(LookupError, match="mine"):
        bad.result(10)
    with pytest.raises(exc.DBAPIError):
        worse.result(10)
    assert _names(db) == ["a", "z"]


def test_a_unit_that_breaks_a_constraint_fails_alone(db: Database) -> None:
    _, go = _block(db)
    first, twice, last = (db._submit(unit) for unit in (_put("a"), _put("a"), _put("z")))
    go.set()
    failed = [future for future in (first, twice) if isinstance(future.exception(10), exc.IntegrityError)]
    assert len(failed) == 1
    assert last.result(10) == "z"
    assert _names(db) == ["a", "z"]


@pytest.mark.anyio
async def test_who_stops_waiting_does_not_hurt_others(db: Database) -> None:
    _, go = _block(db)
    impatient = [asyncio.ensure_future(db.write(_put(f"cancelled{number}"))) for number in range(20)]
    patient = asyncio.ensure_future(db.write(_put("patient")))
    await asyncio.sleep(0)
    for task in impatient:
        task.cancel()
    await asyncio.gather(*impatient, return_exceptions=True)
    go.set()
    assert await asyncio.wait_for(patient, 10) == "patient"
    assert await asyncio.wait_for(db.write(_put("after")), 10) == "after"


@pytest.mark.anyio
async def test_events_are_told_after_the_commit_and_never_of_a_failed_unit(db: Database) -> None:
    heard = db.events.subscribe("person")

    def good(tx: Tx) -> None:
        note(tx, "person", "1")
        note(tx, "person", "1")

    def bad(tx: Tx) -> None:
        note(tx, "person", "2")
        raise LookupError

    with pytest.raises(LookupError):
        await db.write(bad)
    await db.write(good)
    assert await heard.next(5) == "1"
    assert await heard.next(0.2) is None
    heard.close()
    await db.write(good)
    assert await heard.next(0.1) is None


@pytest.mark.anyio
async def test_other_processes_hear_of_it_on_postgresql(connect: Connect) -> None:
    one, other = connect(), connect()
    if one.kind != "postgresql":
        pytest.skip("SQLite's other processes poll")
    here, there = one.events.subscribe("person"), other.events.subscribe("person")
    for attempt in range(50):  # the listener needs a moment to begin
        await one.write(lambda tx: note(tx, "person", str(attempt)))
        if await there.next(0.2) is not None:
            break
    else:
        pytest.fail("nothing was heard")
    said = [here._heard.get_nowait() for _ in range(here._heard.qsize())]
    assert said == [str(number) for number in range(attempt + 1)]  # once each, though it listens to itself as well


def test_a_listener_whose_loop_ended_stops_nothing(db: Database) -> None:
    async def listen() -> None:
        db.events.subscribe("person")

    asyncio.run(listen())
    db.write_now(lambda tx: note(tx, "person", "1"))
    assert db.write_now(_put("a")) == "a"


def test_a_full_disk_is_storage_unavailable_and_keeps_nothing(db: Database) -> None:
    if db.kind != "sqlite":
        pytest.skip("SQLite's own limit stands for the disk")
    db.write_now(_put("before"))
    db.write_now(lambda tx: tx.exec_driver_sql("PRAGMA max_page_count=1"))
    _, go = _block(db)
    innocent = db._submit(_put("innocent"))
    big = db._submit(_put("big" * 2_000_000))
    go.set()
    with pytest.raises(StorageUnavailable):
        big.result(10)
    with pytest.raises(StorageUnavailable):  # in the same commit: it must not be told that it is on disk
        innocent.result(10)
    db.write_now(lambda tx: tx.exec_driver_sql("PRAGMA max_page_count=1000000"))
    assert db.write_now(_put("after")) == "after"
    assert _names(db) == ["after", "before"]


def test_a_file_that_is_no_database_is_storage_unavailable(tmp_path: Path) -> None:
    (tmp_path / "fedi.db").write_bytes(b"this is not a database, it is a letter" * 100)
    db = Database(f"sqlite:///{tmp_path}/fedi.db")
    with pytest.raises(StorageUnavailable):
        db.write_now(_put("a"))
    with pytest.raises(StorageUnavailable):
        db.read_now(_put("a"))
    db.close()


def test_a_database_that_cannot_be_reached_is_storage_unavailable() -> None:
    with pytest.raises(StorageUnavailable):
        Database("postgresql://nobody@127.0.0.1:1/fedi")


def test_a_locked_database_is_waited_for(db: Database, url: str) -> None:
    if db.kind != "sqlite":
        pytest.skip("PostgreSQL has no lock on the whole database")
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = db._submit(_put("a"))
    time.sleep(0.1)
    assert not waiting.done()
    other.execute("COMMIT")
    other.close()
    assert waiting.result(10) == "a"


def test_a_refusal_undoes_nobodys_work(db: Database) -> None:
    if db.kind != "sqlite":
        pytest.skip("PostgreSQL's units each have a transaction of their own")
    _, go = _block(db)
    runs: list[str] = []

    def put(name: str) -> Callable[[Tx], str]:
        def unit(tx: Tx) -> str:
            runs.append(name)
            return _put(name)(tx)

        return unit

    def refuse(tx: Tx) -> None:
        note(tx, "never")
        tx.execute(select(cursors.c.name)).all()
        raise ValueError("no")

    kept = [db._submit(put("a")), db._submit(put("b"))]
    refused = db._submit(refuse)
    last = db._submit(put("c"))
    go.set()
    with pytest.raises(ValueError, match="no"):
        refused.result(10)
    assert [one.result(10) for one in (*kept, last)] == ["a", "b", "c"]
    assert runs == ["a", "b", "c"]  # none of them again
    assert _names(db) == ["a", "b", "c"]


def test_a_closed_database_refuses(connect: Connect) -> None:
    db = connect()
    db.close()
    db.close()
    with pytest.raises(StorageUnavailable):
        db.write_now(_put("a"))
    with pytest.raises(StorageUnavailable):
        db.read_now(_put("a"))


def test_what_was_begun_is_finished_before_closing(connect: Connect) -> None:
    db = connect()
    futures = [db._submit(_put(f"{number:04}")) for number in range(600)]
    db.close()
    assert len([future.result(0) for future in futures]) == 600
    assert len(_names(connect())) == 600


def test_on_postgresql_what_is_asked_again_and_again_is_prepared(connect: Connect) -> None:
    """psycopg forgets what it prepared with every rollback, and each query is then planned anew."""
    db = connect(readers=1, writers=1)
    if db.kind != "postgresql":
        pytest.skip("SQLite keeps its statements")
    asked = text("SELECT count(*) FROM pg_prepared_statements")

    def often(tx: Tx) -> None:
        tx.execute(select(cursors.c.name).where(cursors.c.name == "a"))

    for _ in range(10):
        db.read_now(often)
        db.write_now(often)
    assert db.read_now(lambda tx: tx.scalar(asked)) > 0
    assert db.write_now(lambda tx: tx.scalar(asked)) > 0


def test_a_unit_undone_by_a_deadlock_runs_again(db: Database) -> None:
    if db.kind != "postgresql":
        pytest.skip("SQLite has one writer")
    for name in ("a", "b"):
        db.write_now(_put(name))
    meet = threading.Barrier(2)
    runs: list[str] = []

    def add(first: str, second: str) -> Callable[[Tx], None]:
        met = False

        def unit(tx: Tx) -> None:
            nonlocal met
            runs.append(first)
            tx.execute(text("UPDATE cursors SET position = position + 1 WHERE name = :n"), {"n": first})
            if not met:
                met = True
                meet.wait(30)
            tx.execute(text("UPDATE cursors SET position = position + 1 WHERE name = :n"), {"n": second})

        return unit

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(db.write_now, add("a", "b")), pool.submit(db.write_now, add("b", "a"))]
        for one in both:
            one.result(60)
    assert len(runs) >= 3  # one of the two was undone, and ran again
    assert db.read_now(lambda tx: list(tx.scalars(select(cursors.c.position)))) == [2, 2]


def test_a_unit_undone_often_and_then_overtaken_runs_once_more(db: Database) -> None:
    if db.kind != "postgresql":
        pytest.skip("SQLite has one writer")
    undone = exc.OperationalError("", {}, psycopg.errors.SerializationFailure("the other side won"))
    ends: list[Exception] = [undone, undone, undone, undone, undone, Overtaken("posts")]

    def unit(tx: Tx) -> str:
        if ends:
            raise ends.pop(0)
        return _put("a")(tx)

    assert db.write_now(unit) == "a"
    assert _names(db) == ["a"]
    ends += [undone] * 6
    with pytest.raises(StorageUnavailable, match="undone 6 times"):
        db.write_now(unit)


@pytest.mark.parametrize("address", ["mysql://localhost/fedi", "sqlite://", "sqlite:///:memory:"])
def test_other_kinds_of_databases_are_refused_at_once(address: str) -> None:
    with pytest.raises(ValueError, match="database:"):
        Database(address)


def test_many_writers_in_several_processes_lose_nothing(connect: Connect) -> None:
    databases = [connect(), connect(), connect()]

    def count(tx: Tx) -> None:
        at = tx.scalar(select(cursors.c.position).where(cursors.c.name == "n").with_for_update())
        tx.execute(text("UPDATE cursors SET position = :p WHERE name = 'n'"), {"p": (at or 0) + 1})

    databases[0].write_now(_put("n"))
    futures = [databases[number % 3]._submit(count) for number in range(150)]
    for future in futures:
        future.result(30)
    assert databases[0].read_now(lambda tx: tx.scalar(select(cursors.c.position))) == 150


def test_jobs_are_unique_by_name_while_they_wait(db: Database) -> None:
    assert db.write_now(lambda tx: jobs.add(tx, 1, "nodeinfo", "a.example", {}, 0))
    assert not db.write_now(lambda tx: jobs.add(tx, 2, "nodeinfo", "a.example", {}, 0))
    [job] = db.write_now(lambda tx: jobs.claim(tx, 5, 10, 10))
    assert (job.attempts, job.state) == (1, "working")
    db.write_now(lambda tx: jobs.done(tx, job.id))
    assert db.write_now(lambda tx: jobs.add(tx, 3, "nodeinfo", "a.example", {}, 0))


def test_what_somebody_waits_for_goes_before_long_work_and_does_not_starve_it(db: Database) -> None:
    if db.kind != "sqlite":
        pytest.skip("PostgreSQL has threads of their own for either")
    _, go = _block(db)
    done: list[str] = []

    def says(name: str) -> Callable[[Tx], None]:
        return lambda _tx: done.append(name)

    long = [db._submit(says(f"long{number}"), patient=True) for number in range(3)]
    quick = [db._submit(says(f"quick{number}")) for number in range(300)]
    go.set()
    for one in (*long, *quick):
        one.result(10)
    assert done.index("quick299") < done.index("long0")
    assert [one for one in done if one.startswith("long")] == ["long0", "long1", "long2"]

    turn = threading.Event()
    urgent: list[object] = []

    def again(_tx: Tx) -> None:
        """Somebody always has something to write."""
        if not turn.is_set() and len(urgent) < 1000:
            urgent.append(db._submit(again))

    db._submit(again)
    db._submit(lambda _tx: turn.set(), patient=True).result(10)
    assert turn.is_set()
    assert len(urgent) < 1000
    db.write_now(lambda _tx: None)


def test_patient_work_is_finished_before_closing(connect: Connect) -> None:
    db = connect()
    kept = [db._submit(_put(f"n{number}"), patient=True) for number in range(5)]
    db.close()
    assert sorted(one.result(10) for one in kept) == [f"n{number}" for number in range(5)]


def test_who_comes_back_with_others_is_waited_for_and_who_comes_alone_is_not(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if db.kind != "sqlite":
        pytest.skip("one writer is SQLite's")
    looks: list[int] = []
    late: list[Future[object]] = []

    def sleep(_seconds: float) -> None:
        looks.append(len(looks))
        if len(looks) in arrives:
            late.append(db._submit(held.of))

    monkeypatch.setattr("storage.sqlite_writer.time.sleep", sleep)
    arrives = {2}
    assert db.write_now(held.of) is not db.write_now(held.of)
    assert looks == []  # nobody was there with them
    _, go = _block(db)
    three = [db._submit(held.of) for _ in range(3)]
    go.set()
    assert len({id(one.result(10)) for one in three}) == 1
    assert len(looks) == 1  # with who blocked them they were four
    first = db.write_now(held.of)
    assert [one.result(10) for one in late] == [first]  # it came while `first` looked for the others
    assert len(looks) == 3
    db.write_now(held.of)
    assert len(looks) == 4
    db.write_now(held.of)
    assert len(looks) == 4
