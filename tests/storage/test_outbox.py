import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import select

from storage import actors, audiences, due, follows, held, links, outbox, spreading
from storage.actors import Actor
from storage.database import Database
from storage.links import Link
from storage.metadata import Tx
from storage.outbox import Audience
from tests.storage.rows import actor, follow, said

Connect = Callable[..., Database]


def _spread(db: Database) -> None:
    while db.write_now(lambda tx: spreading.spread(tx, 100)):
        pass


def _link(db: Database, host: str) -> Link:
    found = db.read_now(lambda tx: links.by_host(tx, host))
    assert found is not None
    return found


def _due(db: Database, host: str, limit: int = 50) -> list[int]:
    return list(db.read_now(lambda tx: due.by_hosts(tx, [host], limit))[host].positions)


def _settle(db: Database, host: str) -> None:
    state = _link(db, host)
    db.write_now(lambda tx: links.save(tx, replace(state, cursor=state.wanted, claimed_until=None)))


@pytest.fixture
def ada(db: Database) -> Actor:
    return db.write_now(lambda tx: actor(tx, "ada"))


def test_a_row_goes_to_the_hosts_of_followers_and_of_who_is_named(db: Database, ada: Actor) -> None:
    def begin(tx: Tx) -> int:
        for name, host in (("bo", "b.example"), ("bea", "b.example"), ("cy", "c.example")):
            follow(tx, actor(tx, name, host), ada)
        follow(tx, actor(tx, "neighbour"), ada)
        follow(tx, actor(tx, "waiting", "w.example"), ada, state="pending")
        named = actor(tx, "dee", "d.example")
        actor(tx, "nobody", "e.example")
        return said(tx, ada, to=Audience(followers_of=(ada.id,), actors=(named.id,)))

    position = db.write_now(begin)
    _spread(db)
    assert [link.host for link in db.read_now(links.everyone)] == ["b.example", "c.example", "d.example"]
    for host in ("b.example", "c.example", "d.example"):
        assert _due(db, host) == [position]
    got = db.read_now(lambda tx: audiences.recipients(tx, [position], ["b.example", "d.example", "w.example"]))
    assert got == {
        ("b.example", position): {"https://b.example/inbox": False},  # two followers, one shared inbox
        ("d.example", position): {"https://d.example/inbox": True},
    }


def test_without_a_shared_inbox_each_person_gets_it(db: Database, ada: Actor) -> None:
    def begin(tx: Tx) -> int:
        for name in ("bo", "bea"):
            follow(tx, actor(tx, name, "b.example", shared_inbox=None), ada)
        return said(tx, ada)

    position = db.write_now(begin)
    assert sorted(db.read_now(lambda tx: audiences.inboxes(tx, position, "b.example"))) == [
        "https://b.example/people/bea/inbox",
        "https://b.example/people/bo/inbox",
    ]


def test_a_shared_inbox_that_is_gone_is_not_used_again(db: Database, ada: Actor) -> None:
    def begin(tx: Tx) -> int:
        follow(tx, actor(tx, "bo", "b.example"), ada)
        audiences.forget_shared_inbox(tx, "https://b.example/inbox")
        return said(tx, ada)

    position = db.write_now(begin)
    got = db.read_now(lambda tx: audiences.inboxes(tx, position, "b.example"))
    assert got == ["https://b.example/people/bo/inbox"]


def test_who_stopped_following_a_second_ago_gets_nothing_more(db: Database, ada: Actor) -> None:
    def begin(tx: Tx) -> tuple[int, int]:
        made = follow(tx, actor(tx, "bo", "b.example"), ada)
        return made.id, said(tx, ada)

    follow_id, position = db.write_now(begin)
    _spread(db)
    assert _due(db, "b.example") == [position]
    db.write_now(lambda tx: follows.remove(tx, follow_id))
    assert _due(db, "b.example") == []
    assert db.read_now(lambda tx: audiences.inboxes(tx, position, "b.example")) == []


def test_who_follows_later_gets_nothing_from_before(db: Database, ada: Actor) -> None:
    def begin(tx: Tx) -> Actor:
        bo = actor(tx, "bo", "b.example")
        said(tx, ada, 10, to=Audience(actors=(bo.id,)))  # so that the host has a link
        return bo

    bo = db.write_now(begin)
    _spread(db)
    _settle(db, "b.example")
    db.write_now(lambda tx: [said(tx, ada, 20) for _ in range(5)])
    _spread(db)
    db.write_now(lambda tx: follow(tx, bo, ada, at=30))
    new = db.write_now(lambda tx: said(tx, ada, 40))
    _spread(db)
    assert _link(db, "b.example").cursor == new - 1  # and nobody walks through what was before
    assert _due(db, "b.example") == [new]


def test_a_busy_link_does_not_give_a_new_follower_old_rows_either(db: Database, ada: Actor) -> None:
    def begin(tx: Tx) -> int:
        bo = actor(tx, "bo", "b.example")
        pending = said(tx, ada, 10, to=Audience(actors=(bo.id,)))
        said(tx, ada, 20)
        follow(tx, bo, ada, at=30)
        said(tx, ada, 40)
        return pending

    first = db.write_now(begin)
    _spread(db)
    assert _due(db, "b.example") == [first, first + 2]
    assert db.read_now(lambda tx: audiences.inboxes(tx, first + 1, "b.example")) == []


def test_a_link_that_has_rows_waiting_keeps_its_place(db: Database, ada: Actor) -> None:
    db.write_now(lambda tx: follow(tx, actor(tx, "bo", "b.example"), ada))
    first = db.write_now(lambda tx: said(tx, ada))
    _spread(db)
    second = db.write_now(lambda tx: said(tx, ada))
    _spread(db)
    assert (_link(db, "b.example").cursor, _link(db, "b.example").wanted) == (first - 1, second)
    assert _due(db, "b.example") == [first, second]


def test_due_is_cut_and_says_how_far_it_looked(db: Database, ada: Actor) -> None:
    def begin(tx: Tx) -> Actor:
        follow(tx, actor(tx, "bo", "b.example"), ada)
        return actor(tx, "eve")

    eve = db.write_now(begin)
    mine = [db.write_now(lambda tx: said(tx, by)) for by in (ada, eve, eve, ada, eve, ada)]
    _spread(db)

    def looked(limit: int, window: int) -> due.Due:
        return db.read_now(lambda tx: due.by_hosts(tx, ["b.example"], limit, window))["b.example"]

    assert looked(2, 1000) == due.Due((mine[0], mine[3]), mine[3])
    assert looked(9, 1000) == due.Due((mine[0], mine[3], mine[5]), mine[5])
    assert looked(9, 3) == due.Due((mine[0],), mine[2])  # of the window nothing more concerns the host: it may pass


def test_the_same_activity_is_in_the_log_once(db: Database, ada: Actor) -> None:
    def twice(tx: Tx) -> list[int | None]:
        return [
            outbox.append(tx, activity_id="https://here.example/activities/1", actor_id=ada.id, type="Like", body=b"{}",
                          audience=Audience(), now=0)
            for _ in range(2)
        ]  # fmt: skip

    first, second = db.write_now(twice)
    assert first is not None
    assert second is None


def test_positions_are_committed_in_order(connect: Connect) -> None:
    databases = [connect() for _ in range(3)]
    ada = databases[0].write_now(lambda tx: actor(tx, "ada"))
    databases[0].write_now(lambda tx: follow(tx, actor(tx, "bo", "b.example"), ada))
    futures = [databases[number % 3]._submit(lambda tx: said(tx, ada)) for number in range(90)]
    heads = []
    while not all(future.done() for future in futures):
        # Whoever reads up to the newest row may believe that no older one will appear.
        heads.append(
            databases[0].read_now(lambda tx: (outbox.head(tx), len(outbox.of_actor(tx, ada.id, ("Create",), 1000))))
        )
    positions = sorted(future.result(30) for future in futures)
    assert len(set(positions)) == 90
    for head, count in heads:
        assert count == sum(1 for position in positions if position <= head)


def test_links_are_claimed_by_one_worker_each_and_come_back(connect: Connect) -> None:
    workers = [connect() for _ in range(3)]
    ada = workers[0].write_now(lambda tx: actor(tx, "ada"))
    hosts = [f"h{number}.example" for number in range(60)]
    workers[0].write_now(lambda tx: [follow(tx, actor(tx, "x", host), ada) for host in hosts])
    workers[0].write_now(lambda tx: said(tx, ada))
    _spread(workers[0])

    def work(db: Database) -> list[str]:
        got: list[str] = []
        while claimed := db.write_now(lambda tx: links.claim(tx, 100, 500, 7)):
            got += [link.host for link in claimed]
        return got

    with ThreadPoolExecutor(3) as pool:
        claimed = [one for part in pool.map(work, workers) for one in part]
    assert sorted(claimed) == sorted(hosts)
    assert len(workers[0].write_now(lambda tx: links.claim(tx, 500, 900, 100))) == 60


def _many(db: Database, ada: Actor, hosts: list[str]) -> None:
    db.write_now(lambda tx: [follow(tx, actor(tx, "x", host), ada) for host in hosts])
    db.write_now(lambda tx: said(tx, ada))
    _spread(db)


def test_links_that_fail_are_claimed_apart(db: Database, ada: Actor) -> None:
    _many(db, ada, ["a.example", "b.example", "c.example"])
    bad = replace(_link(db, "b.example"), failures=2, failing_since=1, next_attempt_at=50)
    db.write_now(lambda tx: links.save(tx, bad))
    well = db.write_now(lambda tx: links.claim(tx, 100, 500, 10, failing=False))
    assert [link.host for link in well] == ["a.example", "c.example"]
    assert [link.host for link in db.write_now(lambda tx: links.claim(tx, 100, 500, 10, failing=True))] == ["b.example"]


def test_a_worker_does_not_claim_again_what_it_is_at_work_on(db: Database, ada: Actor) -> None:
    """A clock that is set forward says that its claims ran out: the host would be sent the same twice at once."""
    _many(db, ada, ["a.example", "b.example"])
    assert len(db.write_now(lambda tx: links.claim(tx, 100, 500, 10))) == 2
    ahead = 86_400_000
    again = db.write_now(lambda tx: links.claim(tx, ahead, ahead + 400, 10, held={"a.example"}))
    assert [link.host for link in again] == ["b.example"]
    assert _link(db, "a.example").claimed_until == 500


def test_a_sleeping_link_waits_until_it_is_woken(db: Database, ada: Actor) -> None:
    _many(db, ada, ["a.example"])
    asleep = replace(_link(db, "a.example"), failures=1, next_attempt_at=1_000)
    db.write_now(lambda tx: links.save(tx, asleep))
    assert db.write_now(lambda tx: links.claim(tx, 100, 500, 10)) == []
    db.write_now(lambda tx: links.wake(tx, "a.example", 100))
    assert len(db.write_now(lambda tx: links.claim(tx, 100, 500, 10))) == 1


def test_a_suspended_link_is_reopened_only_by_an_operator(db: Database, ada: Actor) -> None:
    _many(db, ada, ["a.example"])
    stopped = replace(_link(db, "a.example"), state="suspended", refused_in_row=20)
    db.write_now(lambda tx: links.save(tx, stopped))
    db.write_now(lambda tx: links.wake(tx, "a.example", 100))
    assert db.write_now(lambda tx: links.claim(tx, 100, 500, 10)) == []
    db.write_now(lambda tx: links.wake(tx, "a.example", 100, reopen=True))
    [link] = db.write_now(lambda tx: links.claim(tx, 100, 500, 10))
    assert (link.state, link.refused_in_row) == ("open", 0)


def test_what_is_wanted_while_a_turn_runs_is_kept(db: Database, ada: Actor) -> None:
    _many(db, ada, ["a.example"])
    [turn] = db.write_now(lambda tx: links.claim(tx, 0, 500, 10))
    more = db.write_now(lambda tx: said(tx, ada))
    _spread(db)
    db.write_now(lambda tx: links.save(tx, replace(turn, cursor=turn.wanted)))
    after = _link(db, "a.example")
    assert (after.wanted, after.claimed_until) == (more, None)
    assert _due(db, "a.example") == [more]


def test_a_late_turn_never_moves_the_cursor_back(db: Database, ada: Actor) -> None:
    _many(db, ada, ["a.example"])
    [slow] = db.write_now(lambda tx: links.claim(tx, 0, 500, 10))
    _settle(db, "a.example")
    db.write_now(lambda tx: links.save(tx, slow))
    assert _due(db, "a.example") == []


@pytest.mark.parametrize("seed", range(4))
def test_every_host_gets_exactly_the_rows_of_whom_it_followed_then(
    db: Database, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Follows, unfollows, posts and turns in any order: a host gets a row if and only if it followed when the row was
    written and still does when its turn comes; never twice, never out of order; however many follow.
    """
    monkeypatch.setattr(due, "_CROWD", -1 if seed % 2 else 5000)
    chance = random.Random(seed)
    authors = db.write_now(lambda tx: [actor(tx, f"author{number}") for number in range(3)])
    readers = db.write_now(lambda tx: [actor(tx, f"reader{number}", f"h{number % 4}.example") for number in range(8)])
    edges: dict[tuple[int, int], int] = {}
    waiting: dict[str, list[tuple[int, int, int]]] = {reader.host: [] for reader in readers}
    got: dict[str, list[int]] = {reader.host: [] for reader in readers}
    expected: dict[str, list[int]] = {reader.host: [] for reader in readers}
    for now in range(1, 160):
        reader, author = chance.choice(readers), chance.choice(authors)
        match chance.choice(["follow", "unfollow", "post", "post", "turn"]):
            case "follow" if (reader.id, author.id) not in edges:
                db.write_now(lambda tx: follow(tx, reader, author, at=now))
                edges[reader.id, author.id] = now
            case "unfollow" if (reader.id, author.id) in edges:
                known = db.read_now(lambda tx: follows.find(tx, reader.id, author.id))
                assert known is not None
                db.write_now(lambda tx: follows.remove(tx, known.id))
                del edges[reader.id, author.id]
            case "post":
                position = db.write_now(lambda tx: said(tx, author, now))
                _spread(db)
                for host in {one.host for one in readers if (one.id, author.id) in edges}:
                    waiting[host].append((position, author.id, now))
            case "turn":
                host = reader.host
                here = [one.id for one in readers if one.host == host]
                positions = _due(db, host, 3) if db.read_now(lambda tx: links.by_host(tx, host)) else []
                still = [
                    position for position, by, at in waiting[host]
                    if any(edges.get((one, by), at + 1) <= at for one in here)
                ]  # fmt: skip
                assert positions == still[:3]
                if positions:
                    state = _link(db, host)
                    db.write_now(lambda tx: links.save(tx, replace(state, cursor=positions[-1])))
                    waiting[host] = [row for row in waiting[host] if row[0] > positions[-1]]
                    got[host] += positions
                    expected[host] += still[:3]
            case _:
                pass
    assert got == expected
    for positions in got.values():
        assert positions == sorted(set(positions))


def test_actors_of_the_host_that_are_gone_get_nothing(db: Database, ada: Actor) -> None:
    bo = db.write_now(lambda tx: actor(tx, "bo", "b.example"))
    db.write_now(lambda tx: follow(tx, bo, ada))
    position = db.write_now(lambda tx: said(tx, ada, to=Audience((ada.id,), (bo.id,))))
    _spread(db)
    db.write_now(lambda tx: actors.change(tx, bo.id, state="gone"))
    assert db.read_now(lambda tx: audiences.recipients(tx, [position], ["b.example"])) == {}


def test_a_claim_that_was_given_up_is_not_renewed(db: Database, ada: Actor) -> None:
    _many(db, ada, ["a.example"])
    [turn] = db.write_now(lambda tx: links.claim(tx, 0, 500, 10))
    db.write_now(lambda tx: links.save(tx, turn))  # the turn ended while its renewal waited for the database
    db.write_now(lambda tx: links.renew_claims(tx, ["a.example"], 90_000))
    assert len(db.write_now(lambda tx: links.claim(tx, turn.next_attempt_at, 500, 10))) == 1


def test_who_has_a_row_already_does_not_get_it_but_others_at_its_host_do(db: Database, ada: Actor) -> None:
    bo = db.write_now(lambda tx: actor(tx, "bo", "b.example"))
    db.write_now(lambda tx: follow(tx, bo, ada))
    first = db.write_now(lambda tx: said(tx, ada, to=Audience((ada.id,), but_not=bo.id)))
    _spread(db)
    assert _due(db, "b.example") == []
    db.write_now(lambda tx: follow(tx, actor(tx, "bea", "b.example"), ada, at=5))
    assert _due(db, "b.example") == [first]
    later = db.write_now(lambda tx: actor(tx, "late", "c.example"))
    db.write_now(lambda tx: follow(tx, later, ada, at=2**40))
    old = db.write_now(lambda tx: actor(tx, "old", "c.example"))
    db.write_now(lambda tx: follow(tx, old, ada))
    db.write_now(lambda tx: said(tx, ada, to=Audience((ada.id,), but_not=old.id)))
    _spread(db)
    assert _due(db, "c.example") == [], "the one has it, and the other follows since later"


def test_hosts_whose_cursors_are_far_apart_each_get_theirs(db: Database, ada: Actor) -> None:
    """Cursors further apart than a window are looked at one after another."""
    eve = db.write_now(lambda tx: actor(tx, "eve"))
    db.write_now(lambda tx: follow(tx, actor(tx, "bo", "b.example"), ada))
    first = db.write_now(lambda tx: said(tx, ada))
    _spread(db)
    db.write_now(lambda tx: [said(tx, eve) for _ in range(20)])
    db.write_now(lambda tx: follow(tx, actor(tx, "cy", "c.example"), ada, at=1))
    second = db.write_now(lambda tx: said(tx, ada, 2))
    _spread(db)
    found = db.read_now(lambda tx: due.by_hosts(tx, ["b.example", "c.example"], 9, 5))
    assert found["b.example"] == due.Due((first,), first + 4)
    assert found["c.example"] == due.Due((second,), second)


def test_what_is_put_off_while_a_turn_runs_stays_put_off(db: Database, ada: Actor) -> None:
    _many(db, ada, ["a.example"])
    [turn] = db.write_now(lambda tx: links.claim(tx, 0, 500, 10))
    db.write_now(lambda tx: tx.execute(links.links.update().values(next_attempt_at=9_000)))
    db.write_now(lambda tx: links.save(tx, replace(turn, next_attempt_at=100)))
    assert _link(db, "a.example").next_attempt_at == 9_000
    failed = replace(turn, failures=1, next_attempt_at=200)
    db.write_now(lambda tx: links.save(tx, failed))
    assert _link(db, "a.example").next_attempt_at == 200, "a failure says itself when to try again"


def test_a_long_log_is_spread_by_authors_and_not_by_rows(db: Database, ada: Actor) -> None:
    eve = db.write_now(lambda tx: actor(tx, "eve"))
    db.write_now(lambda tx: [follow(tx, actor(tx, "x", f"h{number}.example"), ada) for number in range(5)])
    db.write_now(lambda tx: follow(tx, actor(tx, "y", "h0.example"), eve))
    rows = [db.write_now(lambda tx: said(tx, by)) for by in (ada, eve, ada, ada, eve)]
    assert db.write_now(lambda tx: spreading.spread(tx, 3)) == 3
    assert (_link(db, "h0.example").cursor, _link(db, "h0.example").wanted) == (rows[0] - 1, rows[2])
    assert db.write_now(lambda tx: spreading.spread(tx, 3)) == 2
    assert db.write_now(lambda tx: spreading.spread(tx, 3)) == 0
    assert _link(db, "h0.example").wanted == rows[4]
    assert _link(db, "h1.example").wanted == rows[3]


def test_rows_that_are_held_back_come_behind_those_that_were_not(db: Database) -> None:
    """Fresh ones wait in memory with their position (SQLite); one that may be known already is written at once, between."""
    ben = db.write_now(lambda tx: actor(tx, "ben", "uni.example", local=True))

    def append(tx: Tx, name: str, *, fresh: bool) -> None:
        iri = f"https://uni.example/activities/{name}"
        outbox.append(
            tx, activity_id=iri, actor_id=ben.id, type="Follow", body=b"{}", audience=Audience(), now=1, fresh=fresh
        )

    def unit(tx: Tx) -> None:
        holds = held.of(tx)
        assert holds is not None
        assert not holds.eager, "it is run again, as a row was overtaken by one that came after it"
        for number, fresh in enumerate((True, False, True, True, False, True)):
            append(tx, str(number), fresh=fresh)

    db.write_now(unit)
    query = select(outbox.outbox.c.activity_id).order_by(outbox.outbox.c.position)
    found = [iri.rpartition("/")[2] for iri in db.read_now(lambda tx: list(tx.scalars(query)))]
    assert sorted(found) == [str(number) for number in range(6)]
