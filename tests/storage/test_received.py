from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from storage import backlog, jobs, received
from storage.database import Database
from storage.metadata import Tx
from tests.storage.rows import activity

Connect = Callable[..., Database]


def _fill(db: Database, count: int, first: int = 1, host: str = "far.example") -> None:
    db.write_now(lambda tx: [received.insert(tx, activity(n, host=host)) for n in range(first, first + count)])


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


def test_a_worker_does_not_claim_again_the_jobs_that_it_does(db: Database) -> None:
    """A clock that is set forward says that its claims ran out."""
    db.write_now(lambda tx: [jobs.add(tx, number, "kind", str(number), {}, 0) for number in (1, 2)])
    assert len(db.write_now(lambda tx: jobs.claim(tx, 5, 1_000, 3))) == 2
    [again] = db.write_now(lambda tx: jobs.claim(tx, 86_400_000, 86_401_000, 3, held={1}))
    assert (again.id, again.attempts) == (2, 2)


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


def _arrived(number: int, name: str) -> received.Arrived:
    return received.Arrived(
        number, f"https://far.example/{name}", "Like", "far.example", "https://far.example/u", "https://far.example/u#k",
        "cavage", b"{}", 5, 5,
    )  # fmt: skip


def test_what_comes_in_together_is_kept_once_each_and_as_one_by_one(db: Database) -> None:
    several = [_arrived(number, f"a{number % 70}") for number in range(1, 101)]
    assert db.write_now(lambda tx: received.insert_arrived(tx, several)) == 70
    assert db.write_now(lambda tx: received.insert_arrived(tx, several[:5])) == 0
    one = activity(1001, host="far.example")
    db.write_now(lambda tx: received.insert(tx, one))
    kept = db.read_now(lambda tx: received.newest(tx, 1000))
    assert sorted(row.id for row in kept) == [*range(1, 71), 1001]
    last = next(row for row in kept if row.id == 70)
    assert (last.activity_id, last.state, last.attempts, last.body) == ("https://far.example/a0", "new", 0, b"{}")
    assert (last.headers, last.settled_at, last.code, last.problem) == (None, None, None, None)
    claimed = db.write_now(lambda tx: backlog.claim(tx, 5, 1000, 1000, by=7))
    assert [row.id for row in claimed] == [*range(1, 71), 1001]


def test_what_comes_in_together_wakes_who_works_unless_all_of_it_was_here(db: Database) -> None:
    heard: list[list[tuple[str, str]]] = []

    def insert(tx: Tx) -> None:
        received.insert_arrived(tx, [_arrived(1, "a"), _arrived(2, "b")])
        heard.append(list(tx.info["after"]))

    db.write_now(insert)
    db.write_now(insert)
    assert heard == [[("received", "")], []]
