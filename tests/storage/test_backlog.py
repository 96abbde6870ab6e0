import itertools
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text, update

from storage import backlog, claims, received
from storage.database import Database
from storage.metadata import Tx
from storage.received import Received
from tests.storage.rows import activity

Connect = Callable[..., Database]


def _fill(db: Database, count: int, first: int = 1, host: str = "far.example") -> None:
    db.write_now(lambda tx: [received.insert(tx, activity(n, host=host)) for n in range(first, first + count)])


def _finish(tx: Tx, rows: list[Received], claim: int) -> None:
    hosts = {row.host for row in rows}
    assert claims.mine(tx, claim, hosts) == hosts
    received.settle(tx, [row.id for row in rows], "done", 6)
    claims.release(tx, claim, hosts)


def test_of_many_workers_each_row_is_handled_by_one_and_a_host_is_with_one_at_a_time(connect: Connect) -> None:
    workers = [connect() for _ in range(4)]
    for number in range(20):
        _fill(workers[0], 10, 1 + 10 * number, f"h{number}.example")
    busy: set[str] = set()
    order: dict[str, list[int]] = defaultdict(list)
    lock = threading.Lock()
    numbers = itertools.count(1)

    def work(db: Database) -> None:
        idle = 0
        while idle < 3:
            claim = next(numbers)
            rows = db.write_now(lambda tx: backlog.claim(tx, 5, 1_000, 7, by=claim))
            idle = 0 if rows else idle + 1
            assert len(rows) <= 7
            with lock:
                hosts = {row.host for row in rows}
                assert busy.isdisjoint(hosts)
                busy.update(hosts)
            time.sleep(0.002)
            with lock:
                for row in rows:
                    order[row.host].append(row.id)
                busy.difference_update(hosts)
            db.write_now(lambda tx: _finish(tx, rows, claim))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, workers * 2))
    assert {host: ids for host, ids in order.items() if ids != sorted(ids)} == {}
    assert sorted(itertools.chain(*order.values())) == list(range(1, 201))


def test_a_host_of_a_dead_worker_comes_back_and_that_of_a_living_one_does_not(db: Database) -> None:
    _fill(db, 2)
    first = db.write_now(lambda tx: backlog.claim(tx, 5, 1_000, 1, by=1))
    assert [(row.id, row.attempts) for row in first] == [(1, 1)]
    assert db.write_now(lambda tx: backlog.claim(tx, 999, 2_000, 10, by=2)) == []
    db.write_now(lambda tx: claims.renew(tx, [1], 1_500))
    assert db.write_now(lambda tx: backlog.claim(tx, 1_499, 2_000, 10, by=2)) == []
    again = db.write_now(lambda tx: backlog.claim(tx, 1_500, 2_000, 10, by=3))
    assert [row.id for row in again] == [1, 2]
    # Who was only slow keeps nothing of it, and takes nothing from who came after.
    assert db.write_now(lambda tx: claims.mine(tx, 1, ["far.example"])) == set()
    db.write_now(lambda tx: claims.release(tx, 1, ["far.example"]))
    assert db.write_now(lambda tx: claims.mine(tx, 3, ["far.example"])) == {"far.example"}


def test_oldest_first_and_what_is_put_off_waits(db: Database) -> None:
    _fill(db, 4)
    [row] = db.write_now(lambda tx: backlog.claim(tx, 5, 6, 1))
    db.write_now(lambda tx: received.later(tx, row, 50, "its key was not to be had"))
    assert [row.id for row in db.write_now(lambda tx: backlog.claim(tx, 10, 11, 2))] == [2, 3]
    put_off = db.write_now(lambda tx: backlog.claim(tx, 60, 1_000, 5))
    assert [(row.id, row.attempts) for row in put_off] == [(1, 2), (2, 1), (3, 1), (4, 1)]
    assert put_off[0].problem == "its key was not to be had"


def test_a_million_rows_of_one_host_do_not_keep_ten_of_another(db: Database) -> None:
    _fill(db, 300, host="loud.example")
    _fill(db, 10, 5_001, "quiet.example")
    _fill(db, 300, 6_001, "zealous.example")
    rows, after = db.write_now(lambda tx: backlog.claim_next(tx, 5, 1_000, 90))
    hosts = [row.host for row in rows]
    assert hosts.count("quiet.example") == 10
    assert hosts.count("loud.example") == hosts.count("zealous.example") == 40
    assert after == "zealous.example"


def test_hosts_have_their_turn_one_after_the_other(db: Database) -> None:
    for number in range(1, 10):
        _fill(db, 2, 10 * number, f"h{number}.example")
    turns: list[list[str]] = []
    after = ""
    for at in range(10, 22):
        now = 10 * at
        rows, after = db.write_now(lambda tx: backlog.claim_next(tx, now, now + 1, 4, after=after))
        turns.append(sorted({row.host for row in rows}))
    assert turns[0] == [f"h{number}.example" for number in (1, 2, 3, 4)]
    seen = Counter(itertools.chain(*turns))
    assert len(seen) == 9
    assert max(seen.values()) - min(seen.values()) <= 1


def test_what_is_tried_again_has_its_turn_beside_what_is_new(db: Database) -> None:
    _fill(db, 500, host="loud.example")
    _fill(db, 1, 900, "quiet.example")
    [row] = [one for one in db.write_now(lambda tx: backlog.claim(tx, 5, 6, 10)) if one.host == "quiet.example"]
    db.write_now(lambda tx: received.later(tx, row, 50, "not now"))
    assert 900 not in [row.id for row in db.write_now(lambda tx: backlog.claim(tx, 49, 50, 10))]
    assert 900 in [row.id for row in db.write_now(lambda tx: backlog.claim(tx, 50, 51, 10))]


def test_what_a_host_has_in_hand_hides_nothing_of_another(db: Database) -> None:
    _fill(db, backlog._TRIED + 50, host="loud.example")
    _fill(db, 1, 5_000, "quiet.example")

    def put_off(tx: Tx) -> None:
        tx.execute(update(received.received).values(attempts=1, due_at=received.received.c.id))

    db.write_now(put_off)
    [row, *_] = db.write_now(lambda tx: backlog.claim(tx, 10_000, 11_000, 100, by=1))
    assert row.host == "loud.example"
    assert [row.id for row in db.write_now(lambda tx: backlog.claim(tx, 10_000, 11_000, 100, by=2))] == [5_000]


def test_bodies_of_one_claim_are_bounded(db: Database) -> None:
    body = b" " * 1_000_000
    db.write_now(lambda tx: [received.insert(tx, activity(number, body=body)) for number in range(1, 9)])
    assert [row.id for row in db.write_now(lambda tx: backlog.claim(tx, 5, 6, 100))] == [1, 2, 3, 4]


def test_the_claim_looks_into_indexes_alone(db: Database) -> None:
    if db.kind != "sqlite":
        pytest.skip("a small table is read whole by PostgreSQL, rightly; tests/growth asks whether indexes can serve")
    asked: dict[Any, dict[str, Any]] = {
        backlog._FRESH_HOSTS: {"after": "", "most": 5},
        backlog._fresh("sqlite"): {"claim": 1, "hosts": ["far.example"], "most": 5},
        backlog._AGAIN: {"now": 5},
    }
    for query, values in asked.items():
        sql = str(query.params(values).compile(db.engine, compile_kwargs={"literal_binds": True}))
        plan = db.read_now(lambda tx: [row[3] for row in tx.execute(text("EXPLAIN QUERY PLAN " + sql))])
        assert not [line for line in plan if line.startswith("SCAN received") or "TEMP B-TREE" in line], plan
        assert [line for line in plan if "ix_received_fresh" in line or "ix_received_again" in line], plan


def test_what_is_tried_again_is_not_taken_twice_by_workers_that_meet(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL one sees which rows are due, then another claims their host, is done with them and lets go; then the
    first one claims it."""
    one, other = connect(), connect()
    if one.kind != "postgresql":
        pytest.skip("SQLite has one writer")
    _fill(one, 3)

    def put_off(tx: Tx) -> None:
        for row in backlog.claim(tx, 5, 1_000, 3, by=1):
            received.later(tx, row, 10, "not now")
        claims.release(tx, 1, {"far.example"})

    one.write_now(put_off)
    take, met = claims.take, []

    def meet(tx: Tx, claim: int, *more: Any) -> list[str]:
        if claim == 2:
            met.append(other.write_now(lambda tx: backlog.claim(tx, 20, 1_000, 2, by=3)))
            other.write_now(lambda tx: _finish(tx, met[0], 3))
        return take(tx, claim, *more)

    monkeypatch.setattr(claims, "take", meet)
    rows = one.write_now(lambda tx: backlog.claim(tx, 20, 1_000, 3, by=2))
    assert [[row.id for row in found] for found in met] == [[1, 2]]
    assert [row.id for row in rows] == [3]
