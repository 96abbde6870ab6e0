"""A group's threads by their last activity, and the shape of one, on both databases."""

from collections.abc import Callable

import pytest
from sqlalchemy import true

from storage import posts, threads
from storage.database import Database
from storage.metadata import Tx
from storage.posts import Post
from tests.storage.rows import actor

GROUP, AUTHOR = 1, 2


def _post(post_id: int, root: int, answers: int | None = None, **values: object) -> Post:
    made = {
        "id": post_id,
        "iri": f"https://a.example/{post_id}",
        "url": "",
        "author_id": AUTHOR,
        "group_id": GROUP,
        "local": True,
        "kind": "Note",
        "title": None,
        "content": "",
        "source": None,
        "summary": None,
        "sensitive": False,
        "language": None,
        "reply_to_id": answers,
        "reply_to_iri": None,
        "reply_to_actor_id": None,
        "root_id": root,
        "visibility": "public",
        "attachments": [],
        "link": None,
        "app_id": None,
        "published_at": post_id,
        "edited_at": None,
        "deleted_at": None,
        "replies_count": 0,
        "likes_count": 0,
        "boosts_count": 0,
    }
    return Post(**(made | values))  # type: ignore[arg-type]


@pytest.fixture
def keep(db: Database) -> Callable[..., None]:
    """Keeps posts in a group."""

    def write(tx: Tx) -> None:
        for number in (GROUP, AUTHOR):
            actor(tx, f"n{number}", id=number)

    db.write_now(write)

    def keep_all(*made: Post) -> None:
        db.write_now(lambda tx: [posts.insert_post(tx, one, [], []) for one in made])

    return keep_all


def _active(db: Database, limit: int, before: int | None = None) -> list[tuple[int, int, int]]:
    found = db.read_now(lambda tx: threads.active(tx, GROUP, posts.posts.c.deleted_at.is_(None), limit, before))
    return [(one.root_id, one.last_id, one.posts) for one in found]


def test_last_active_first(db: Database, keep: Callable[..., None]) -> None:
    keep(_post(10, 10), _post(20, 20), _post(30, 30), _post(40, 10, 10), _post(50, 20, 20), _post(60, 10, 40))
    assert _active(db, 9) == [(10, 60, 3), (20, 50, 2), (30, 30, 1)]


def test_pages_neither_repeat_nor_lose(db: Database, keep: Callable[..., None]) -> None:
    keep(*(_post(number, number) for number in range(100, 150)), _post(200, 101, 101), _post(201, 140, 140))
    seen: list[int] = []
    before: int | None = None
    while page := _active(db, 7, before):
        seen += [root for root, _, _ in page]
        before = page[-1][1]
    assert seen[:2] == [140, 101]
    assert sorted(seen) == list(range(100, 150))


def test_thread_of_thousands_hides_no_other(db: Database, keep: Callable[..., None]) -> None:
    keep(_post(1, 1), _post(2, 2), *(_post(number, 3, 3) for number in range(3, 2000)))
    assert _active(db, 3) == [(3, 1999, 1997), (2, 2, 1), (1, 1, 1)]


def test_what_is_not_shown_neither_counts_nor_orders(db: Database, keep: Callable[..., None]) -> None:
    keep(_post(10, 10), _post(20, 20), _post(30, 10, 10, deleted_at=1), _post(40, 40, deleted_at=1))
    assert _active(db, 9) == [(20, 20, 1), (10, 10, 1)]


def test_shape(db: Database, keep: Callable[..., None]) -> None:
    keep(_post(10, 10), _post(20, 10, 10), _post(30, 10, 20), _post(40, 40), _post(50, 10, 10))
    assert db.read_now(lambda tx: threads.shape(tx, 10, true())) == [(10, None), (20, 10), (30, 20), (50, 10)]
    assert db.read_now(lambda tx: threads.shape(tx, 10, true(), limit=2)) == [(10, None), (20, 10)]
