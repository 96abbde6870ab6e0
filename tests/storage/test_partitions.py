"""What is received on PostgreSQL: each activity once over all weeks, weeks made ahead and dropped; and the step to that."""

from dataclasses import replace
from typing import Any

import psycopg
import pytest
from alembic import command
from sqlalchemy import inspect, text

from storage import migrations, names, partitions, received
from storage.database import Database
from storage.ids import first_at
from storage.metadata import Tx
from storage.partitions import AHEAD, WEEK
from tests.conftest import Databases
from tests.storage.rows import activity
from tests.storage.test_clients_step import add

NOW = 3000 * WEEK + 1000


def at(when: int, number: int = 0, **more: Any) -> received.Received:
    """An activity that came at `when`."""
    return replace(activity(number, **more), id=first_at(when) + number, received_at=when, due_at=when)


def keep(db: Database, row: received.Received) -> bool:
    """Whether it was new."""
    return db.write_now(lambda tx: received.insert(tx, row))


def parts(db: Database) -> dict[int, str]:
    """In which table each row is, by its id."""
    query = text("SELECT id, tableoid::regclass::text FROM received")
    return {row[0]: row[1] for row in db.read_now(lambda tx: tx.execute(query).all())}


def test_an_activity_is_taken_once_over_all_weeks(db: Database) -> None:
    db.write_now(lambda tx: partitions.make(tx, NOW))
    assert keep(db, at(NOW, 1))
    assert not keep(db, at(NOW + WEEK, 2, activity_id=activity(1).activity_id))
    assert keep(db, at(NOW + WEEK, 3))
    several = [
        received.Arrived(first_at(NOW + 5) + n, f"a{n % 3}", "Create", "h", "h", "k", "cavage", b"{}", 0, 0)
        for n in range(9)
    ]
    assert db.write_now(lambda tx: received.insert_arrived(tx, several)) == 3
    assert db.write_now(lambda tx: received.insert_arrived(tx, several)) == 0


def test_what_was_refused_takes_no_id(db: Database) -> None:
    assert keep(db, at(NOW, 1, state="refused"))
    assert keep(db, at(NOW, 2, activity_id=activity(1).activity_id))
    # It was refused after it was taken: its id is free, until an operator has it tried again.
    db.write_now(lambda tx: received.settle(tx, [first_at(NOW) + 2], "refused", NOW))
    assert keep(db, at(NOW + WEEK, 3, activity_id=activity(1).activity_id))


def test_what_is_verified_later_is_taken_once(db: Database) -> None:
    name = activity(1).activity_id
    for number in (1, 2):
        assert keep(db, at(NOW, number, activity_id=name, via=None))
    taken = [db.write_now(lambda tx: received.verified(tx, first_at(NOW) + number, "cavage", "k")) for number in (1, 2)]
    assert taken == [True, False]
    assert not db.write_now(lambda tx: received.verified(tx, 999, "cavage", "k"))


def test_weeks_are_made_ahead(db: Database) -> None:
    db.write_now(lambda tx: partitions.make(tx, NOW))
    db.write_now(lambda tx: partitions.make(tx, NOW + 1))
    if db.kind == "sqlite":
        return
    assert db.read_now(partitions.weeks) == list(range(3000, 3001 + AHEAD))
    for number, weeks in enumerate((0, 1, AHEAD, AHEAD + 1, -1)):
        keep(db, at(NOW + weeks * WEEK, number))
    assert list(parts(db).values()).count("received_rest") == 2
    assert parts(db)[first_at(NOW + WEEK) + 1] == "received_3001"


def test_a_worker_that_was_away_for_months(db: Database) -> None:
    """Nothing is lost, and weeks of which there is something already stay in the rest."""
    db.write_now(lambda tx: partitions.make(tx, NOW))
    late = NOW + 20 * WEEK
    assert keep(db, at(late, 1))
    db.write_now(lambda tx: partitions.make(tx, late))
    assert keep(db, at(late + 1, 2))
    assert keep(db, at(late + WEEK, 3))
    if db.kind == "postgresql":
        assert sorted(parts(db).values()) == ["received_3021", "received_rest", "received_rest"]
        assert 3020 not in db.read_now(partitions.weeks)


def test_a_week_goes_when_all_of_it_is_settled(db: Database) -> None:
    db.write_now(lambda tx: partitions.make(tx, NOW))
    for number in (1, 2):
        keep(db, at(NOW, number))
    keep(db, at(NOW - WEEK, 3))  # in the rest
    later = NOW + 3 * WEEK

    def prune(tx: Tx) -> int:
        return received.prune(tx, bodies_before=later - WEEK, rows_before=later - WEEK)

    def here(tx: Tx) -> set[int]:
        return set(tx.scalars(text("SELECT id FROM received"))) & {
            first_at(NOW) + 1,
            first_at(NOW) + 2,
            first_at(NOW - WEEK) + 3,
        }

    for number, when in ((1, NOW), (3, NOW - WEEK)):
        db.write_now(lambda tx: received.settle(tx, [first_at(when) + number], "done", when + 9))
    db.write_now(prune)
    assert db.read_now(here) == {first_at(NOW) + 2}  # what waits is never dropped
    assert not keep(db, at(later, 4, activity_id=activity(2).activity_id))
    assert keep(db, at(later, 5, activity_id=activity(1).activity_id))
    db.write_now(lambda tx: received.settle(tx, [first_at(NOW) + 2], "done", NOW + 9))
    db.write_now(prune)
    assert db.read_now(here) == set()
    assert keep(db, at(later, 6, activity_id=activity(2).activity_id))
    if db.kind == "postgresql":
        assert 3000 not in db.read_now(partitions.weeks)


def test_a_table_in_use_is_left_for_the_next_time(db: Database) -> None:
    if db.kind == "sqlite":
        return
    with psycopg.connect(db.url) as other:
        other.execute("SELECT count(*) FROM received")  # holds it against changes until the end of its transaction
        db.write_now(lambda tx: partitions.make(tx, NOW))
        assert db.read_now(partitions.weeks) == []
    db.write_now(lambda tx: partitions.make(tx, NOW))
    assert len(db.read_now(partitions.weeks)) == AHEAD + 1


def test_the_step_keeps_what_was_received(bare_url: str) -> None:
    db = Database(bare_url)
    try:
        with db.engine.begin() as tx:
            config = migrations._config()
            config.attributes["connection"] = tx
            command.upgrade(config, "0004_search")
            for number, (state, via) in enumerate(
                (("done", "cavage"), ("working", "cavage"), ("refused", "cavage"), ("new", None), ("unverified", None))
            ):
                add(
                    tx, "received", id=first_at(NOW) + number, activity_id=f"a{number}", type="Create", host="far.example",
                    actor="x", key_id="k", via=via, body=b"{}", state=state, attempts=1, due_at=number, received_at=number,
                )  # fmt: skip
        migrations.upgrade(db.engine)
        rows = db.read_now(
            lambda tx: tx.execute(text("SELECT state, body, activity_id FROM received ORDER BY id")).all()
        )
        assert [row.state for row in rows] == ["done", "new", "refused", "new", "unverified"]
        assert {bytes(row.body) for row in rows} == {b"{}"}
        again = [keep(db, at(NOW, 100 + number, activity_id=f"a{number}")) for number in range(5)]
        assert again == [False, False, True, True, True]
        db.write_now(lambda tx: partitions.make(tx, NOW))
        assert keep(db, at(NOW + WEEK, 200))
        if db.kind == "postgresql":
            assert parts(db)[first_at(NOW + WEEK) + 200] == "received_3001"
        else:
            shape = db.read_now(lambda tx: tx.scalar(text("SELECT sql FROM sqlite_master WHERE name = 'received'")))
            assert "id INTEGER NOT NULL" in str(shape)
    finally:
        db.close()


def test_a_step_that_breaks_off_leaves_all_as_it_was(bare_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    db = Database(bare_url)
    try:
        with db.engine.begin() as tx:
            config = migrations._config()
            config.attributes["connection"] = tx
            command.upgrade(config, "0004_search")
            texts = dict.fromkeys(("name", "summary", "url", "inbox"), "Ada")
            switches = dict.fromkeys(("approves_followers", "discoverable", "indexable"), False)
            add(
                tx, "actors", id=7, iri="https://far.example/7", kind="Person", username="ada", domain="far.example",
                host="far.example", local=False, fields="[]", also_known_as="[]", state="active", followers_count=0,
                following_count=0, posts_count=0, created_at=0, **texts, **switches,
            )  # fmt: skip

        def break_off(*_: Any) -> None:
            raise OSError("the power went")

        with monkeypatch.context() as broken:
            broken.setattr(names, "fill", break_off)
            with pytest.raises(OSError, match="power"):
                migrations.upgrade(db.engine)
        assert migrations.current(db.engine) == "0004_search"
        columns = [one["name"] for one in inspect(db.engine).get_columns("received")]
        assert "claimed_until" in columns
        assert migrations.upgrade(db.engine)[0] == (
            "0005_scale: Speed and scale: what lets the tables grow to millions of rows."
        )
        words = db.read_now(lambda tx: tx.execute(text("SELECT word, actor_id FROM names")).all())
        assert [tuple(row) for row in words] == [("ada", 7)]
    finally:
        db.close()


def test_a_table_that_was_filled_before_there_were_weeks_is_a_part_of_its_own(databases: Databases) -> None:
    """It is never read for the weeks that come, and goes as a whole when it is over, with what is known of it."""
    url = databases.bare("postgresql")
    db = Database(url)
    try:
        with db.engine.begin() as tx:
            config = migrations._config()
            config.attributes["connection"] = tx
            command.upgrade(config, "0004_search")
            for number in range(40):
                when = NOW - number * WEEK // 10
                add(
                    tx, "received", id=first_at(when) + number, activity_id=f"old{number}", type="Create", host="far.example",
                    actor="x", key_id="k", via="cavage", body=b"{}", state="done", attempts=1, due_at=when,
                    received_at=when, settled_at=when,
                )  # fmt: skip
        migrations.upgrade(db.engine)
        before = "received_until_3001"
        assert set(parts(db).values()) == {before}
        read = text(
            "SELECT sum(seq_tup_read) + sum(coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables"
            " WHERE relname ~ '^received_(until_3001|rest)$'"
        )
        with db.engine.begin() as tx:
            so_far = tx.scalar(read)
            partitions.make(tx, NOW)
            assert tx.scalar(read) == so_far
            tx.scalar(text("SELECT sum(attempts) FROM received"))
            assert tx.scalar(read) == so_far + 40  # so it would be seen
        assert db.read_now(partitions.weeks) == list(range(3001, 3001 + AHEAD))
        assert keep(db, at(NOW, 100))  # this week's go there yet
        assert keep(db, at(NOW + WEEK, 101))
        assert not keep(db, at(NOW + WEEK, 102, activity_id="old39"))
        assert parts(db)[first_at(NOW) + 100] == before
        assert parts(db)[first_at(NOW + WEEK) + 101] == "received_3001"

        def prune(moment: int) -> int:
            return db.write_now(lambda tx: received.prune(tx, bodies_before=moment, rows_before=moment))

        assert prune(NOW - 2 * WEEK) == 19  # it is not over: row by row
        assert keep(db, at(NOW + WEEK, 103, activity_id="old39"))
        later = NOW + 2 * WEEK
        assert prune(later) == 21  # something in it waits yet
        assert before in parts(db).values()
        db.write_now(lambda tx: received.settle(tx, [first_at(NOW) + 100], "done", NOW + 9))
        prune(later)
        tables = "SELECT count(*) FROM pg_class WHERE relname LIKE 'received_until%' AND relkind = 'r'"
        assert db.read_now(lambda tx: tx.scalar(text(tables))) == 0
        for name in ("old0", "old20", activity(100).activity_id):
            assert keep(db, at(NOW + WEEK, 200 + len(name), activity_id=name))
    finally:
        db.close()
        databases.drop(url)
