import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from federation.client import Client
from federation.hosts import Networks
from fedi.actions import people, posts
from fedi.actions.posts import Draft
from fedi.config import Config
from fedi.context import Site, now
from fedi.pressure import Pressure
from fedi.worker import loop
from fedi.worker.deliveries import LEASE
from storage import backlog, jobs, links, peers, received
from storage.actors import Actor
from storage.database import Database
from storage.metadata import Tx
from storage.received import Received
from tests.fedi.outbox.network import Network, follower
from tests.storage import rows

pytestmark = pytest.mark.anyio


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def site(network: Network, config: Config, db: Database) -> Site:
    """An instance in real time, as the loops wait in real time."""
    made = Site(config=config, db=db, client=Client(network, Networks(), "fedi-tests", now), clock=now)
    db.write_now(lambda tx: people.ensure_instance_actor(tx, made))
    return made


@pytest.fixture
def ada(site: Site) -> Actor:
    return site.db.write_now(lambda tx: people.register(tx, site, username="ada", email="ada@alpha.example"))


@asynccontextmanager
async def working(site: Site) -> AsyncIterator[None]:
    """The loops run meanwhile; they are stopped as a server stops them."""
    stop = asyncio.Event()
    task = asyncio.create_task(loop.run(site, stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


async def until(true: object, seconds: float = 10) -> None:
    assert callable(true)
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what is waited for is in the database
            await asyncio.sleep(0.02)


def _received(number: int, **more: object) -> Received:
    return rows.activity(number, received_at=now(), due_at=0, body=b'{"id":"x","type":"View","actor":"y"}', **more)


async def test_a_post_goes_out_as_soon_as_it_is_written(site: Site, ada: Actor, network: Network) -> None:
    site.db.write_now(lambda tx: follower(tx, "far.example", ada, software="mastodon"))
    async with working(site):
        post = await site.db.write(lambda tx: posts.publish(tx, site, ada, Draft("hello")))
        await until(lambda: network.names("far.example") == [f"{post.iri}/activity"])


async def test_what_waited_before_the_start_is_done(site: Site, ada: Actor, network: Network) -> None:
    site.db.write_now(lambda tx: follower(tx, "far.example", ada, software="mastodon"))
    site.db.write_now(lambda tx: posts.publish(tx, site, ada, Draft("hello")))
    site.db.write_now(lambda tx: received.insert(tx, _received(1)))
    site.db.write_now(lambda tx: jobs.add(tx, 1, "nodeinfo", "far.example", {"host": "far.example"}, 0))
    async with working(site):
        await until(lambda: network.names("far.example"))
        await until(lambda: not {"new", "working"} & set(site.db.read_now(received.totals)))
        await until(lambda: not site.db.read_now(jobs.totals))


async def test_what_another_process_wrote_is_found(
    site: Site, ada: Actor, network: Network, config: Config, database_url: str
) -> None:
    site.db.write_now(lambda tx: follower(tx, "far.example", ada, software="mastodon"))
    other = Site(config=config, db=Database(database_url), client=site.client, clock=now)
    async with working(site):
        await asyncio.sleep(0.2)
        await other.db.write(lambda tx: posts.publish(tx, other, ada, Draft("hello")))
        await until(lambda: network.names("far.example"))
    other.db.close()


async def test_rows_of_a_worker_that_died_are_taken_up(site: Site) -> None:
    site.db.write_now(lambda tx: received.insert(tx, _received(1)))
    dead_until = now() + 300
    [row] = site.db.write_now(lambda tx: backlog.claim(tx, now(), dead_until, 10))
    async with working(site):
        await until(lambda: not {"new", "working"} & set(site.db.read_now(received.totals)))
    settled = site.db.read_now(lambda tx: received.by_id(tx, row.id))
    assert settled is not None
    assert (settled.settled_at or 0) >= dead_until


async def test_an_error_does_not_end_the_loops(site: Site, ada: Actor, network: Network) -> None:
    site.db.write_now(lambda tx: follower(tx, "far.example", ada, software="mastodon"))
    site.db.write_now(lambda tx: tx.exec_driver_sql("ALTER TABLE links RENAME TO hidden"))
    async with working(site):
        await site.db.write(lambda tx: posts.publish(tx, site, ada, Draft("hello")))
        await asyncio.sleep(0.3)
        assert network.tried == []
        await site.db.write(lambda tx: tx.exec_driver_sql("ALTER TABLE hidden RENAME TO links"))
        await until(lambda: network.names("far.example"))


async def test_stopping_breaks_off_what_hangs_and_leaves_it_to_others(
    site: Site, ada: Actor, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_STOP_SECONDS", 0.2)
    site.db.write_now(lambda tx: follower(tx, "far.example", ada, software="mastodon"))
    network.hang = {"far.example"}
    async with working(site):
        post = await site.db.write(lambda tx: posts.publish(tx, site, ada, Draft("hello")))
        await until(lambda: network.tried)
    network.hang = set()
    await loop.step(site)
    assert network.names("far.example") == [f"{post.iri}/activity"]


async def test_claims_are_renewed_while_the_work_runs(site: Site, ada: Actor, network: Network) -> None:
    site.db.write_now(lambda tx: follower(tx, "far.example", ada, software="mastodon"))
    network.hang = {"far.example"}
    site.db.write_now(lambda tx: posts.publish(tx, site, ada, Draft("hello")))
    work = loop.Work(site)
    await work.deliver()
    site.db.write_now(lambda tx: links.renew_claims(tx, ["far.example"], 5))
    assert await work.hold() == 1
    link = site.db.read_now(lambda tx: links.by_host(tx, "far.example"))
    assert link is not None
    assert (link.claimed_until or 0) > now() + LEASE - 10_000
    await work.finish(0.01)


async def test_a_host_is_in_one_batch_at_a_time_so_that_its_activities_stay_in_order(site: Site) -> None:
    for number in range(1, 5):
        host = f"h{number % 2}.example"
        site.db.write_now(lambda tx: received.insert(tx, _received(number, host=host)))
    first = site.db.write_now(lambda tx: backlog.claim(tx, now(), 2**60, 1, by=1))
    rest = site.db.write_now(lambda tx: backlog.claim(tx, now(), 2**60, 10, by=2))
    assert {row.host for row in first}.isdisjoint(row.host for row in rest)
    assert len(rest) == 2


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("hosts", [1, 4])
async def test_requests_that_never_pause_hold_a_backlog_up_once_and_not_before_each_batch(
    site: Site, monkeypatch: pytest.MonkeyPatch, hosts: int, late: bool
) -> None:
    """Or a steady flow of requests, each soon after the last, would let the backlog grow as long as it lasts.

    `late`: a claim comes back after the batches have ended that kept their hosts from it.
    """
    for number in range(1, 21):
        host = f"h{number % hosts}.example"
        site.db.write_now(lambda tx, number=number, host=host: received.insert(tx, _received(number, host=host)))  # type: ignore[misc]  # a lambda with a default
    waited = 0

    async def room(_: Pressure) -> bool:
        nonlocal waited
        waited += 1
        return False

    monkeypatch.setattr(loop, "BATCH", 4)
    monkeypatch.setattr(Pressure, "room", room)
    work = loop.Work(site)
    write, me = site.db.write, asyncio.current_task()

    async def write_late(unit: Callable[[Tx], Any]) -> Any:
        found = await write(unit)
        if asyncio.current_task() is me and work.batches:
            await asyncio.wait(work.batches)
        return found

    if late:
        monkeypatch.setattr(site.db, "write", write_late)
    while "new" in site.db.read_now(received.totals):
        await work.receive()
        await work.receive()  # meanwhile, of what may be with hosts that are in hand
        assert waited == 1
        await work.finish()
    await work.receive()
    assert not work.behind


async def test_an_unknown_kind_of_job_fails_and_says_so(site: Site) -> None:
    site.db.write_now(lambda tx: jobs.add(tx, 1, "no-such-kind", "x", {}, 0))
    await loop.step(site)
    job = site.db.read_now(lambda tx: jobs.by_id(tx, 1))
    assert job is not None
    assert job.state == "failed"
    assert "no-such-kind" in (job.problem or "")


async def test_a_job_that_fails_is_tried_again_later(site: Site) -> None:
    site.db.write_now(lambda tx: jobs.add(tx, 1, "nodeinfo", "x", {}, 0))  # without the host that it needs
    await loop.step(site)
    job = site.db.read_now(lambda tx: jobs.by_id(tx, 1))
    assert job is not None
    assert (job.state, job.attempts) == ("due", 1)
    assert job.due_at > now() + 20_000
    assert "KeyError" in (job.problem or "")


async def test_a_host_that_does_not_say_what_it_runs_is_not_asked_again_at_once(site: Site) -> None:
    site.db.write_now(lambda tx: peers.meet(tx, "far.example", 0))
    site.db.write_now(lambda tx: jobs.add(tx, 1, "nodeinfo", "far.example", {"host": "far.example"}, 0))
    await loop.step(site)
    assert site.db.read_now(lambda tx: jobs.by_id(tx, 1)) is None
    peer = site.db.read_now(lambda tx: peers.by_host(tx, "far.example"))
    assert peer is not None
    assert peer.software is None
    assert (peer.nodeinfo_at or 0) > 0
