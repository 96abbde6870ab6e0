from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, text

from storage import jobs, received
from storage.database import Database
from storage.metadata import one_among
from tests.storage.rows import activity

Connect = Callable[..., Database]


def _fill(db: Database, count: int) -> None:
    db.write_now(lambda tx: [received.insert(tx, activity(number)) for number in range(1, count + 1)])


def test_claims_are_exclusive_with_many_workers(connect: Connect) -> None:
    workers = [connect() for _ in range(4)]
    _fill(workers[0], 200)

    def work(db: Database) -> list[int]:
        got: list[int] = []
        while rows := db.write_now(lambda tx: received.claim(tx, 5, 1_000, 7)):
            assert len(rows) <= 7
            got += [row.id for row in rows]
        return got

    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(work, workers * 2))
    claimed = [one for part in parts for one in part]
    assert sorted(claimed) == list(range(1, 201))


def test_jobs_are_claimed_by_one_worker_each(connect: Connect) -> None:
    workers = [connect() for _ in range(4)]
    workers[0].write_now(lambda tx: [jobs.add(tx, n, "kind", str(n), {}, 0) for n in range(100)])

    def work(db: Database) -> list[int]:
        got: list[int] = []
        while rows := db.write_now(lambda tx: jobs.claim(tx, 5, 1_000, 3)):
            got += [row.id for row in rows]
        return got

    with ThreadPoolExecutor(4) as pool:
        claimed = [one for part in pool.map(work, workers) for one in part]
    assert sorted(claimed) == list(range(100))


def test_rows_of_a_dead_worker_come_back_and_rows_of_a_living_one_do_not(db: Database) -> None:
    _fill(db, 2)
    first = db.write_now(lambda tx: received.claim(tx, 5, 1_000, 10))
    assert [row.attempts for row in first] == [1, 1]
    db.write_now(lambda tx: received.settle(tx, [1], "done", 6))
    assert db.write_now(lambda tx: received.claim(tx, 999, 2_000, 10)) == []
    [again] = db.write_now(lambda tx: received.claim(tx, 1_000, 2_000, 10))
    assert (again.id, again.attempts, again.state) == (2, 2, "working")


def test_oldest_first_and_what_is_put_off_waits(db: Database) -> None:
    _fill(db, 4)
    db.write_now(lambda tx: received.later(tx, 1, 50, "its key was not to be had"))
    assert [row.id for row in db.write_now(lambda tx: received.claim(tx, 10, 1_000, 2))] == [2, 3]
    assert [row.id for row in db.write_now(lambda tx: received.claim(tx, 60, 1_000, 5))] == [1, 4]
    row = db.read_now(lambda tx: received.by_id(tx, 1))
    assert row is not None
    assert row.problem == "its key was not to be had"


def test_the_same_activity_is_taken_once(db: Database) -> None:
    assert db.write_now(lambda tx: received.insert(tx, activity(1)))
    assert not db.write_now(lambda tx: received.insert(tx, activity(2, activity_id=activity(1).activity_id)))


def test_nobody_takes_an_id_from_others_before_it_is_authenticated(db: Database) -> None:
    forged = activity(1, via=None, key_id=None, actor="https://evil.example/x", host="evil.example")
    assert db.write_now(lambda tx: received.insert(tx, forged))
    assert db.write_now(lambda tx: received.insert(tx, activity(2, activity_id=forged.activity_id)))
    assert not db.write_now(lambda tx: received.verified(tx, 1, "cavage", "key"))


def test_a_refused_one_does_not_stand_in_the_way_of_the_true_one(db: Database) -> None:
    refused = activity(1, state="refused")
    db.write_now(lambda tx: received.insert(tx, refused))
    assert db.write_now(lambda tx: received.insert(tx, activity(2, activity_id=refused.activity_id)))


def test_of_two_workers_that_verify_the_same_activity_one_gets_it(connect: Connect) -> None:
    first, second = connect(), connect()
    same = activity(1).activity_id
    for number in (1, 2):
        row = activity(number, activity_id=same, via=None, key_id=None)
        first.write_now(lambda tx: received.insert(tx, row))
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(first.write_now, lambda tx: received.verified(tx, 1, "cavage", "key"))
        other = pool.submit(second.write_now, lambda tx: received.verified(tx, 2, "cavage", "key"))
        assert sorted([one.result(10), other.result(10)]) == [False, True]


def test_old_rows_lose_their_bodies_first_and_then_go(db: Database) -> None:
    _fill(db, 4)
    for number, settled in ((1, 100), (2, 200), (3, 300)):
        db.write_now(lambda tx: received.settle(tx, [number], "done", settled))
    assert db.write_now(lambda tx: received.prune(tx, bodies_before=300, rows_before=200)) == 1
    left = {row.id: row.body for row in db.read_now(lambda tx: received.newest(tx, 10))}
    assert left == {2: b"", 3: b"{}", 4: b"{}"}
    assert not db.write_now(lambda tx: received.replay(tx, 2, 400))
    assert db.write_now(lambda tx: received.replay(tx, 3, 400))


def test_the_claim_walks_its_index(db: Database) -> None:
    if db.kind != "sqlite":
        pytest.skip("a small table is read whole by PostgreSQL, rightly")
    query = (
        select(received.received.c.id)
        .where(one_among(received.received.c.state, "new", "working"), received.received.c.due_at <= 5)
        .order_by(received.received.c.due_at, received.received.c.id)
    )
    sql = str(query.compile(compile_kwargs={"literal_binds": True}))
    plan = db.read_now(lambda tx: [row[3] for row in tx.execute(text("EXPLAIN QUERY PLAN " + sql))])
    assert any("ix_received_due" in line for line in plan)
    assert not any("TEMP B-TREE" in line for line in plan)
