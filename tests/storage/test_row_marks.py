"""Rows that are kept while their mark is the same: whatever changes one, and in whatever way, the next view shows it."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, text, update

from fedi import visibility
from storage import actors, posts
from storage.actors import Actor
from storage.database import Database
from storage.interned import KeptRows
from storage.metadata import Tx, set_later
from storage.posts import Post
from tests.storage import rows

WRITTEN = 117309440000983040
"""The id of the post in each test."""


def _post(author: Actor, group: Actor, content: str = "words") -> Post:
    iri = f"{author.iri}/posts/1"
    return Post(
        id=WRITTEN,
        iri=iri,
        url=iri,
        author_id=author.id,
        group_id=group.id,
        local=True,
        kind="Note",
        title=None,
        content=content,
        source=None,
        summary=None,
        sensitive=False,
        language=None,
        reply_to_id=None,
        reply_to_iri=None,
        reply_to_actor_id=group.id,
        root_id=WRITTEN,
        visibility="public",
        attachments=[{"url": "https://here.example/1.png"}],
        link=None,
        app_id=None,
        published_at=1,
        edited_at=None,
        deleted_at=None,
        replies_count=0,
        likes_count=0,
        boosts_count=0,
    )


@pytest.fixture
def people(db: Database) -> tuple[Actor, Actor]:
    """Who wrote a post, and the group that it is in."""

    def unit(tx: Tx) -> tuple[Actor, Actor]:
        ada, maths = rows.actor(tx, "ada"), rows.actor(tx, "maths", kind="Group")
        assert posts.insert_post(tx, _post(ada, maths), [], [])
        return ada, maths

    return db.write_now(unit)


def _seen(tx: Tx) -> Post | None:
    return visibility.seen(tx, visibility.NOBODY, [WRITTEN]).get(WRITTEN)


def _raw(statement: str) -> Callable[[Tx, Actor, Actor], Any]:
    return lambda tx, ada, maths: tx.execute(text(statement), {"post": WRITTEN, "ada": ada.id, "maths": maths.id})


POST: dict[str, Callable[[Tx, Actor, Actor], Any]] = {
    "changed": lambda tx, ada, maths: posts.change(tx, WRITTEN, content="others"),
    "counted": lambda tx, ada, maths: posts.count(tx, WRITTEN, likes=1),
    "counted up and down": lambda tx, ada, maths: [posts.count(tx, WRITTEN, boosts=by) for by in (2, -1)],  # type: ignore[func-returns-value]  # all are None
    "set later": lambda tx, ada, maths: set_later(tx, posts.posts, WRITTEN, {"locked": True}),
    "rewritten": lambda tx, ada, maths: posts.rewrite(tx, _post(ada, maths), [], ["x"], title="a title"),
    "updated": lambda tx, ada, maths: tx.execute(update(posts.posts).values(sensitive=True)),
    "by hand": _raw("UPDATE posts SET content = 'by hand' WHERE id = :post AND :ada <> :maths"),
    "its group is gone": lambda tx, ada, maths: tx.execute(delete(actors.actors).where(actors.actors.c.id == maths.id)),
}
ACTOR: dict[str, Callable[[Tx, Actor, Actor], Any]] = {
    "changed": lambda tx, ada, maths: actors.change(tx, ada.id, name="Countess"),
    "counted": lambda tx, ada, maths: actors.count(tx, ada.id, followers=1),
    "wrote": lambda tx, ada, maths: actors.posted(tx, ada.id, 5),
    "updated": lambda tx, ada, maths: tx.execute(update(actors.actors).values(icon="https://here.example/a.png")),
    "by hand": _raw("UPDATE actors SET name = 'by hand' WHERE id = :ada AND :post <> :maths"),
}


@pytest.mark.parametrize("how", POST)
def test_what_changed_of_a_post_is_seen_at_once(how: str, db: Database, people: tuple[Actor, Actor]) -> None:
    before = db.read_now(_seen)
    assert db.read_now(_seen) is before, "it is not read again"
    db.write_now(lambda tx: POST[how](tx, *people))
    after = db.read_now(_seen)
    assert after != before
    assert after == db.read_now(lambda tx: posts.by_id(tx, WRITTEN))


@pytest.mark.parametrize("how", ACTOR)
def test_what_changed_of_an_actor_is_seen_at_once(how: str, db: Database, people: tuple[Actor, Actor]) -> None:
    ada = people[0].id

    def found(tx: Tx) -> Actor:
        return actors.by_ids(tx, [ada])[ada]

    before = db.read_now(found)
    assert db.read_now(found) is before, "it is not read again"
    db.write_now(lambda tx: ACTOR[how](tx, *people))
    after = db.read_now(found)
    assert after != before
    assert after == db.read_now(lambda tx: actors.by_id(tx, ada))


def test_what_another_process_changed_is_seen_at_once(
    db: Database, people: tuple[Actor, Actor], connect: Callable[..., Database]
) -> None:
    other = connect()
    assert db.read_now(_seen) == other.read_now(_seen)
    for number in range(3):
        (db, other)[number % 2].write_now(lambda tx, n=number: posts.change(tx, WRITTEN, content=f"text {n}"))  # type: ignore[misc]  # a lambda with a default
        for one in (db, other):
            found = one.read_now(_seen)
            assert found is not None
            assert found.content == f"text {number}"


def test_what_was_undone_is_never_seen(db: Database, people: tuple[Actor, Actor]) -> None:
    """Who writes sees rows with marks that another may give again."""

    def undone(tx: Tx) -> None:
        posts.change(tx, WRITTEN, content="never said")
        found = _seen(tx)
        assert found is not None
        assert found.content == "never said"
        raise LookupError

    with pytest.raises(LookupError):
        db.write_now(undone)
    db.write_now(lambda tx: posts.change(tx, WRITTEN, content="said"))
    found = db.read_now(_seen)
    assert found is not None
    assert found.content == "said"


def test_databases_with_the_same_ids_have_nothing_in_common(
    db: Database, people: tuple[Actor, Actor], databases: Any
) -> None:
    other = Database(databases.new(db.kind))
    try:

        def unit(tx: Tx) -> None:
            eve, group = rows.actor(tx, "eve"), rows.actor(tx, "group", kind="Group")
            assert posts.insert_post(tx, _post(eve, group, "of another university"), [], [])

        other.write_now(unit)
        here, there = db.read_now(_seen), other.read_now(_seen)
        assert here is not None
        assert there is not None
        assert (here.content, there.content) == ("words", "of another university")
    finally:
        other.close()
        databases.drop(other.url)


def test_what_the_gate_shuts_is_not_seen_however_well_it_is_known(db: Database, people: tuple[Actor, Actor]) -> None:
    assert db.read_now(_seen) is not None
    db.write_now(lambda tx: actors.change(tx, people[0].id, state="suspended"))
    assert db.read_now(_seen) is None


def test_what_is_kept_is_bounded() -> None:
    kept = KeptRows().of("posts", 100, 10_000)
    for number in range(1_000):
        kept.put(number, 0, object(), 10)
    assert len(kept) <= 100
    for number in range(1_000):
        kept.put(number, 0, object(), 1_000)
    assert len(kept) <= 10
    kept.put(7, 0, object(), 1_000_000)
    found = kept.get(7)
    assert found is None or found[2] == 1_000
