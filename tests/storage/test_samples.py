"""Figures over time for the console: taken once in five minutes, from what is there, and thinned as they get old."""

from storage import jobs, samples
from storage.database import Database
from storage.metadata import Tx

HOUR = 3_600_000
NOW = 1_790_000_000_000


async def test_figures_are_taken_once_in_five_minutes(db: Database) -> None:
    def add(tx: Tx) -> None:
        jobs.add(tx, db.ids.next(NOW), "card", "https://x.example/", {}, NOW - 90_000)

    await db.write(add)
    assert await db.write(lambda tx: samples.take(tx, NOW)) > 5
    assert await db.write(lambda tx: samples.take(tx, NOW + 1)) == 0
    found = await db.read(lambda tx: samples.since(tx, NOW - HOUR))
    assert [value for _, value in found["jobs.due"]] == [1.0]
    assert [value for _, value in found["jobs.age"]] == [90.0]
    assert found["bytes"][0][1] > 10_000


async def test_old_figures_are_thinned_and_forgotten(db: Database) -> None:
    full = NOW - 49 * HOUR - (NOW - 49 * HOUR) % HOUR
    times = {NOW - 33 * 24 * HOUR: 1, full: 2, full + samples.EVERY: 3, NOW - HOUR + samples.EVERY: 4}

    def put(tx: Tx) -> None:
        for at, value in times.items():
            tx.execute(samples.samples.insert().values(name="bytes", at=at, value=value))

    await db.write(put)
    assert await db.write(lambda tx: samples.thin(tx, NOW)) == 2
    left = await db.read(lambda tx: samples.since(tx, 0, ("bytes",)))
    assert [value for _, value in left["bytes"]] == [2.0, 4.0]
