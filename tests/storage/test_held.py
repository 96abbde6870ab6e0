"""What a transaction holds in memory is never seen: neither rows that wait to be written, nor rows that were undone."""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import exc, func, select, text, update

from storage import actors, follows, held, indexed, posts, replies, revisions, timelines
from storage.actors import Actor
from storage.database import Database
from storage.events import note
from storage.mentions import mentioned_in
from storage.metadata import Tx
from storage.posts import Post
from storage.savepoints import savepoint
from storage.tags import tags_of
from storage.timelines import Entry
from tests.storage import rows

Connect = Callable[..., Database]


def _post(author: Actor, number: int, **more: Any) -> Post:
    iri = f"{author.iri}/{number}"
    made = Post(
        number, iri, iri, author.id, None, False, "Note", None, f"<p>word{number}</p>", None, None,
        sensitive=False, language=None, reply_to_id=None, reply_to_iri=None, reply_to_actor_id=None, root_id=number,
        visibility="public", attachments=[], link=None, app_id=None, published_at=1, edited_at=None, deleted_at=None,
        replies_count=0, likes_count=0, boosts_count=0,
    )  # fmt: skip
    return replace(made, **more)


@pytest.fixture
def ada(db: Database) -> Actor:
    return db.write_now(lambda tx: rows.actor(tx, "ada", "far.example"))


def _keep(tx: Tx, post: Post, tags: tuple[str, ...] = ()) -> None:
    assert posts.insert_post(tx, post, [post.author_id], list(tags))
    timelines.insert(tx, Entry(post.author_id, post.id, post.id, False, None), new=True)
    actors.posted(tx, post.author_id, post.published_at)


def _words(db: Database, word: str) -> list[int]:
    found = indexed.with_words(db.kind, [((word,), True)])
    query = select(indexed.id_of(db.kind)).select_from(indexed.searches).where(found)
    return db.read_now(lambda tx: list(tx.scalars(query)))


def test_what_waits_is_seen_by_every_kind_of_question(db: Database, ada: Actor) -> None:
    def unit(tx: Tx) -> None:
        _keep(tx, _post(ada, 5), ("Maths",))
        assert posts.by_iri(tx, f"{ada.iri}/5") is not None
        _keep(tx, _post(ada, 6), ("Maths",))
        assert tx.scalar(select(func.count()).select_from(posts.posts)) == 2
        _keep(tx, _post(ada, 7), ("Maths",))
        assert tx.scalar(text("SELECT count(*) FROM tags")) == 3
        _keep(tx, _post(ada, 8), ("Maths",))
        assert tags_of(tx, [8]) == {8: ["maths"]}
        assert mentioned_in(tx, [8]) == {8: [ada.id]}
        assert (actors.by_ids(tx, [ada.id])[ada.id].posts_count, tx.scalar(select(actors.actors.c.posts_count))) == (
            4,
            4,
        )
        _keep(tx, _post(ada, 9))
        assert [one.post_id for one in timelines.of_actor(tx, ada.id, timelines.Page())] == [9, 8, 7, 6, 5]
        found = indexed.with_words(db.kind, [(("word9",), True)])
        assert tx.scalar(select(func.count()).select_from(indexed.searches).where(found)) == 1
        # What another change depends on is there before it: FOREIGN KEY, and the condition of an UPDATE.
        _keep(tx, _post(ada, 10))
        assert tx.execute(update(posts.posts).where(posts.posts.c.id == 10).values(title="t")).rowcount == 1
        _keep(tx, _post(ada, 11))
        revisions.add(tx, revisions.Revision(1, 11, None, "old", None, False, 1))
        _keep(tx, _post(ada, 12))

    db.write_now(unit)
    assert db.read_now(lambda tx: tx.scalar(select(func.count()).select_from(timelines.entries))) == 8
    assert [_words(db, f"word{number}") for number in range(5, 13)] == [[number] for number in range(5, 13)]


@pytest.mark.parametrize("way", ["ours", "nested", "text"])
def test_nothing_is_left_of_what_a_savepoint_undid(db: Database, ada: Actor, way: str) -> None:
    heard: list[tuple[str, str]] = []

    def part(tx: Tx) -> None:
        _keep(tx, _post(ada, 6))
        assert posts.by_iri(tx, f"{ada.iri}/6") is not None
        if way == "ours":
            note(tx, "person", "6")
        raise LookupError

    def unit(tx: Tx) -> None:
        actors.remember(tx, [ada.iri])
        posts.remember(tx, [f"{ada.iri}/{number}" for number in (5, 6, 7)])
        _keep(tx, _post(ada, 5))
        with contextlib.suppress(LookupError):
            if way == "ours":
                with savepoint(tx):
                    part(tx)
            elif way == "nested":
                with tx.begin_nested():
                    part(tx)
            else:
                tx.exec_driver_sql("SAVEPOINT one")
                try:
                    part(tx)
                finally:
                    tx.exec_driver_sql("ROLLBACK TO SAVEPOINT one")
        assert posts.by_iri(tx, f"{ada.iri}/6") is None
        assert posts.by_id(tx, 6) is None
        assert posts.by_iri(tx, f"{ada.iri}/5") is not None
        found = actors.by_iri(tx, ada.iri)
        assert found is not None
        assert found.posts_count == 1
        heard.extend(tx.info["after"])
        _keep(tx, _post(ada, 7))

    db.write_now(unit)
    assert db.read_now(lambda tx: sorted(replies.thread(tx, number)[0].id for number in (5, 7))) == [5, 7]
    assert db.read_now(lambda tx: posts.by_id(tx, 6)) is None
    assert db.read_now(lambda tx: actors.by_ids(tx, [ada.id])[ada.id].posts_count) == 2
    assert _words(db, "word6") == []
    assert ("person", "6") not in heard


def test_nothing_of_a_unit_that_failed_comes_with_the_next(db: Database, ada: Actor) -> None:
    def wrong(tx: Tx) -> None:
        posts.remember(tx, [f"{ada.iri}/5"])
        _keep(tx, _post(ada, 5))
        raise LookupError

    for _ in range(8):  # every connection of the pool
        with pytest.raises(LookupError):
            db.write_now(wrong)
        db.write_now(lambda tx: _keep(tx, _post(ada, 900)) if posts.by_id(tx, 900) is None else None)
    assert db.read_now(lambda tx: posts.by_iri(tx, f"{ada.iri}/5")) is None
    assert db.read_now(lambda tx: actors.by_ids(tx, [ada.id])[ada.id].posts_count) == 1


def test_what_is_known_follows_every_change(db: Database, ada: Actor) -> None:
    ben = db.write_now(lambda tx: rows.actor(tx, "ben"))
    db.write_now(lambda tx: _keep(tx, _post(ada, 5)))

    def unit(tx: Tx) -> None:
        def seen() -> tuple[str | None, int, str, bool, bool]:
            post, actor = posts.by_iri(tx, f"{ada.iri}/5"), actors.by_iri(tx, ada.iri)
            assert post is not None
            assert actor is not None
            assert posts.by_id(tx, 5) == post
            assert actors.by_id(tx, ada.id) == actor == actors.by_iris(tx, [ada.iri])[ada.iri]
            told = follows.to_be_told(tx, [ada.id]) == [ben.id]
            return post.title, post.likes_count, actor.name, follows.has_local_follower(tx, ada.id), told

        def remember() -> None:
            actors.remember(tx, [ada.iri])
            posts.remember(tx, [f"{ada.iri}/5"])
            follows.remember(tx, [ada.id])

        remember()
        assert seen() == (None, 0, "ada", False, False)
        posts.change(tx, 5, title="by us")
        remember()
        posts.count(tx, 5, likes=2)
        assert seen() == ("by us", 2, "ada", False, False)
        posts.count(tx, 5, likes=-5)
        remember()
        assert seen() == ("by us", 0, "ada", False, False)
        tx.execute(update(posts.posts).values(title="by SQLAlchemy"))
        remember()
        tx.exec_driver_sql("UPDATE actors SET name = 'by text'")
        assert seen() == ("by SQLAlchemy", 0, "by text", False, False)
        remember()
        made = rows.follow(tx, ben, ada)
        assert seen()[3:] == (True, False)
        remember()
        follows.change(tx, made.id, notify=True)
        assert seen()[3:] == (True, True)
        remember()
        follows.remove(tx, made.id)
        assert seen()[3:] == (False, False)

    db.write_now(unit)


def test_an_answer_that_came_before_its_parent_is_found_though_both_wait(db: Database, ada: Actor) -> None:
    def unit(tx: Tx) -> list[int]:
        parent = _post(ada, 9)
        posts.remember(tx, [parent.iri, f"{ada.iri}/5"])
        assert posts.orphans(tx, parent.iri) == []
        _keep(tx, _post(ada, 5, reply_to_iri=parent.iri))
        _keep(tx, parent)
        return [one.id for one in posts.orphans(tx, parent.iri)]

    assert db.write_now(unit) == [5]


def test_units_that_are_committed_together_see_each_other_and_fail_alone(db: Database, ada: Actor) -> None:
    go, begun = threading.Event(), threading.Event()

    def wait(tx: Tx) -> None:
        begun.set()
        go.wait(10)

    def wrong(tx: Tx) -> None:
        _keep(tx, _post(ada, 7))
        raise LookupError

    def look(tx: Tx) -> bool:
        return posts.by_iri(tx, f"{ada.iri}/5") is not None

    db._submit(wait)
    begun.wait(10)
    first = db._submit(lambda tx: _keep(tx, _post(ada, 5)))
    if db.kind == "postgresql":
        first.result(10)
    seen, bad, last = db._submit(look), db._submit(wrong), db._submit(lambda tx: _keep(tx, _post(ada, 8)))
    go.set()
    first.result(10)
    assert seen.result(10)
    assert isinstance(bad.exception(10), LookupError)
    last.result(10)
    assert db.read_now(lambda tx: sorted(tx.scalars(select(posts.posts.c.id)))) == [5, 8]
    assert db.read_now(lambda tx: actors.by_ids(tx, [ada.id])[ada.id].posts_count) == 2


def test_who_comes_second_with_a_post_is_told_so_on_postgresql(connect: Connect) -> None:
    one, other = connect(), connect()
    if one.kind != "postgresql":
        pytest.skip("SQLite has one writer")
    ada = one.write_now(lambda tx: rows.actor(tx, "ada", "far.example"))
    tried: list[bool] = []

    def second(tx: Tx) -> bool:
        if not tried:
            # Between our looking and our writing another process keeps the same post.
            assert posts.by_iri(tx, f"{ada.iri}/5") is None
            other.write_now(lambda tx: _keep(tx, _post(ada, 5)))
        tried.append(posts.insert_post(tx, _post(ada, 6, iri=f"{ada.iri}/5"), [], []))
        return tried[-1]

    assert one.write_now(second) is False
    assert tried == [True, False]
    assert one.read_now(lambda tx: list(tx.scalars(select(posts.posts.c.id)))) == [5]


def test_after_a_failure_to_write_what_waited_nothing_more_is_done(db: Database, ada: Actor) -> None:
    def unit(tx: Tx) -> None:
        holds = held.of(tx)
        assert holds is not None
        if holds.eager:
            raise LookupError  # it is run again with nothing held back, and must fail by itself
        _keep(tx, _post(ada, 5, reply_to_id=404))  # no such post: FOREIGN KEY
        _keep(tx, _post(ada, 6))
        try:
            posts.by_iri(tx, "https://far.example/other")
        except exc.IntegrityError:  # as code that lives with a constraint would
            return
        pytest.fail("the question was answered")

    with pytest.raises(exc.IntegrityError):
        db.write_now(unit)
    assert db.read_now(lambda tx: tx.scalar(select(func.count()).select_from(posts.posts))) == 0


def test_what_could_not_be_written_is_over_with_its_savepoint(db: Database, ada: Actor) -> None:
    """What is run again after a savepoint was undone can be done: a batch is handled once more, one by one."""

    def unit(tx: Tx) -> None:
        holds = held.of(tx)
        assert holds is not None
        if holds.eager:
            raise LookupError
        with contextlib.suppress(exc.IntegrityError), savepoint(tx, "part"):
            assert posts.insert_post(tx, _post(ada, 5, reply_to_id=404), [ada.id], [])  # no such post: FOREIGN KEY
            holds.flush(tx)
        assert not holds.broken
        actors.remember(tx, [ada.iri])
        _keep(tx, _post(ada, 6))

    db.write_now(unit)
    assert db.read_now(lambda tx: list(tx.scalars(select(posts.posts.c.id)))) == [6]
