from dataclasses import replace

import pytest

from fedi.context import Site
from fedi.worker import schedule
from storage import idempotency, received
from storage.metadata import Tx
from tests.conftest import Clock
from tests.storage import rows

pytestmark = pytest.mark.anyio


async def test_timed_work_is_done_when_its_time_has_come_and_once(site: Site, clock: Clock) -> None:
    assert await schedule.run_due(site) == len(schedule.SCHEDULE)
    assert await schedule.run_due(site) == 0
    clock.pass_(seconds=3700)
    assert await schedule.run_due(site) == sum(timed.every <= 3_600_000 for timed in schedule.SCHEDULE)
    clock.pass_(days=7)
    assert await schedule.run_due(site) == len(schedule.SCHEDULE)


async def test_what_is_old_is_forgotten(site: Site, clock: Clock) -> None:
    def begin(tx: Tx) -> None:
        person = rows.actor(tx, "ada")
        idempotency.claim(tx, person.id, "old", 1, clock.at)
        for number in (1, 2):
            received.insert(tx, rows.activity(number))
        received.settle(tx, [1], "done", clock.at)

    site.db.write_now(begin)
    clock.pass_(days=15)
    await schedule.run_due(site)
    bodies = {row.id: row.body for row in site.db.read_now(lambda tx: received.newest(tx, 10))}
    assert bodies == {1: b"", 2: b"{}"}  # what is settled loses its text, what waits does not
    clock.pass_(days=23)
    await schedule.run_due(site)
    assert [row.id for row in site.db.read_now(lambda tx: received.newest(tx, 10))] == [2]
    assert site.db.read_now(lambda tx: tx.exec_driver_sql("SELECT count(*) FROM idempotency").scalar()) == 0


async def test_much_that_is_old_is_forgotten_in_several_transactions(
    site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that was away for weeks finds weeks to forget, and holds nobody up for it."""
    monkeypatch.setattr(received, "PRUNED", 2)
    several = [replace(one, full=one.full and 2) for one in schedule.SCHEDULE]
    monkeypatch.setattr(schedule, "SCHEDULE", several)

    def begin(tx: Tx) -> None:
        for number in range(5):
            received.insert(tx, rows.activity(number))
        received.settle(tx, range(5), "done", clock.at)

    site.db.write_now(begin)
    for days, lasts in ((15, lambda row: row.body), (23, lambda row: True)):
        clock.pass_(days=days)
        left = []
        for _ in range(4):
            await schedule.run_due(site)
            found = site.db.read_now(lambda tx: received.newest(tx, 10))
            left.append(sum(1 for row in found if lasts(row)))
        assert left == [3, 1, 0, 0]
