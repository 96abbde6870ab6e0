"""What waits is found as a whole by walking over it, some at a time."""

from collections.abc import Callable

import pytest

from storage import received, waiting
from storage.database import Database
from storage.metadata import Tx
from tests.storage.rows import activity

Connect = Callable[..., Database]


def _walked(db: Database) -> tuple[dict[str, tuple[int, int]], int]:
    """(rows and bytes by host, steps)."""
    every: dict[str, tuple[int, int]] = {}
    steps, place = 0, waiting.START
    while True:
        found, following = db.read_now(lambda tx, place=place: waiting.sizes(tx, place))  # type: ignore[misc]  # a lambda with a default
        steps += 1
        for host, (rows, size) in found.items():
            before = every.get(host, (0, 0))
            every[host] = before[0] + rows, before[1] + size
        if following is None:
            return every, steps
        place = following


def test_every_row_that_waits_counts_once(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_WALKED", 3)
    db = connect()

    def fill(tx: Tx) -> None:
        for n in range(1, 11):
            received.insert(tx, activity(n, host="one.example", body=b"x" * 10))
        for n in range(11, 15):
            received.insert(tx, activity(n, host="two.example", body=b"x" * 7))
        for n in range(15, 22):  # all due at the same moment
            received.insert(tx, activity(n, host="two.example", body=b"x" * 5, attempts=1))
        received.insert(tx, activity(22, host="done.example", body=b"x"))
        received.settle(tx, [22], "done", 1)

    db.write_now(fill)
    every, steps = _walked(db)
    assert every == {"one.example": (10, 100), "two.example": (11, 4 * 7 + 7 * 5)}
    assert steps > 6
