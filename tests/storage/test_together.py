"""Units that are committed together on PostgreSQL; SQLite's writer does the same with all, so that both keep the same promises."""

import asyncio
from collections.abc import Callable

from sqlalchemy import insert, select, text

from storage import held, outbox
from storage.cursors import cursors
from storage.database import Database, StorageUnavailable
from storage.events import note
from storage.metadata import Tx
from tests.storage.rows import actor, follow

Connect = Callable[..., Database]


def _put(name: str) -> Callable[[Tx], str]:
    def unit(tx: Tx) -> str:
        tx.execute(insert(cursors).values(name=name, position=0))
        return name

    return unit


def _names(db: Database) -> list[str]:
    return sorted(db.read_now(lambda tx: list(tx.scalars(select(cursors.c.name)))))


async def test_units_of_one_moment_share_a_transaction(db: Database) -> None:
    found = await asyncio.gather(*(db.write_together(held.of) for _ in range(8)))
    if db.kind == "postgresql":  # SQLite's writer may have begun with the first
        assert len({id(one) for one in found}) == 1
    assert await db.write_together(held.of) not in found


async def test_a_unit_that_fails_takes_nothing_of_the_others_with_it(db: Database) -> None:
    heard = db.events.subscribe("outbox")

    def fails(tx: Tx) -> None:
        note(tx, "outbox", "fails")
        _put("fails")(tx)
        raise ValueError("on its way")

    def refuses(tx: Tx) -> None:
        note(tx, "outbox", "refuses")
        raise LookupError("before anything was written")

    def says(tx: Tx) -> str:
        note(tx, "outbox", "says")
        return _put("says")(tx)

    refused = await asyncio.gather(
        *(db.write_together(one) for one in (says, refuses, _put("b"))), return_exceptions=True
    )
    assert [type(one) for one in refused] == [str, LookupError, str]
    units = (_put("a"), fails, _put("c"), _put("a"), lambda tx: tx.execute(text("SELECT nonsense")))
    failed = await asyncio.gather(*(db.write_together(one) for one in units), return_exceptions=True)
    assert failed[0] == "a"
    assert isinstance(failed[1], ValueError)
    assert failed[2] == "c"
    assert [isinstance(one, Exception) for one in failed[3:]] == [True, True]
    assert _names(db) == ["a", "b", "c", "says"]
    assert [await heard.next(1), await heard.next(0.05)] == ["says", None]


async def test_of_a_unit_that_wrote_and_then_refused_nothing_is_left(db: Database) -> None:
    """Nothing but its own refusal is wrong in this transaction: the database itself would have committed it all."""

    def refuses(tx: Tx) -> None:
        _put("refused")(tx)
        raise LookupError("after it wrote")

    units = (_put("a"), refuses, _put("c"))
    found = await asyncio.gather(*(db.write_together(one) for one in units), return_exceptions=True)
    assert [type(one) for one in found] == [str, LookupError, str]
    assert _names(db) == ["a", "c"]


async def test_who_stops_waiting_hurts_nobody(db: Database) -> None:
    waiting = [asyncio.ensure_future(db.write_together(_put(name))) for name in "abc"]
    await asyncio.sleep(0)
    waiting[1].cancel()
    assert [await waiting[0], await waiting[2]] == ["a", "c"]
    assert {"a", "c"} <= set(_names(db))


async def test_a_closed_database_refuses_all_of_them(connect: Connect) -> None:
    db = connect()
    db.close()
    found = await asyncio.gather(*(db.write_together(_put(name)) for name in "abc"), return_exceptions=True)
    assert [type(one) for one in found] == [StorageUnavailable] * 3


def test_rows_of_the_log_get_their_positions_in_the_order_in_which_they_were_added(db: Database) -> None:
    ada = db.write_now(lambda tx: actor(tx, "ada"))
    bo = db.write_now(lambda tx: actor(tx, "bo", "b.example"))
    db.write_now(lambda tx: follow(tx, bo, ada))

    def say(tx: Tx, name: str, to: outbox.Audience, *, fresh: bool = True) -> int | None:
        return outbox.append(
            tx, activity_id=name, actor_id=ada.id, type="Create", body=b"", audience=to, now=0, fresh=fresh
        )

    def unit(tx: Tx) -> list[str]:
        say(tx, "one", outbox.Audience(followers_of=(ada.id,)))
        say(tx, "two", outbox.Audience())
        say(tx, "three", outbox.Audience(actors=(bo.id,)))
        seen = [one.activity_id for one in outbox.of_actor(tx, ada.id, ("Create",), 9)]
        say(tx, "four", outbox.Audience(actors=(bo.id,)))
        assert say(tx, "five", outbox.Audience(), fresh=False)  # of which the position must be known at once
        say(tx, "six", outbox.Audience(followers_of=(ada.id,)))
        return seen

    assert db.write_now(unit) == ["three", "two", "one"]
    assert say_again(db, say) == [None]
    logged = db.read_now(lambda tx: outbox.of_actor(tx, ada.id, ("Create",), 9))
    assert [one.activity_id for one in logged] == ["six", "five", "four", "three", "two", "one"]
    at = {one.position: one.activity_id for one in logged}
    query = select(outbox.audiences.c.position, outbox.audiences.c.followers_of, outbox.audiences.c.host)
    told = db.read_now(lambda tx: sorted((at[row[0]], row[1], row[2]) for row in tx.execute(query)))
    assert told == [
        ("four", None, "b.example"),
        ("one", ada.id, None),
        ("six", ada.id, None),
        ("three", None, "b.example"),
    ]


def say_again(db: Database, say: Callable[..., int | None]) -> list[int | None]:
    """What comes back for an activity that is in the log."""
    return db.write_now(lambda tx: [say(tx, "two", outbox.Audience(), fresh=False)])
