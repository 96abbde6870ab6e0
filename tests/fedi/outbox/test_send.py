import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from federation.errors import Unreachable
from federation.signatures.keys import generate_ed25519, generate_rsa
from fedi.actions import people, posts
from fedi.actions.posts import Draft
from fedi.config import Config
from fedi.context import Site
from fedi.outbox import ledger, traffic
from fedi.worker import deliveries
from fedi.worker.deliveries import LEASE, Deliveries
from fedi.worker.jobs import run as run_job
from storage import actors, decisions, follows, jobs, links, outbox, peers, troubles
from storage.actors import Actor
from storage.database import Database, StorageUnavailable
from storage.links import Link
from storage.metadata import Tx
from storage.outbox import Audience
from tests.conftest import Clock
from tests.fedi.outbox.network import Network, follower, site_on

pytestmark = pytest.mark.anyio


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def site(network: Network, config: Config, db: Database, clock: Clock) -> Site:
    return site_on(network, config, db, clock)


@pytest.fixture
def ada(site: Site) -> Actor:
    return site.db.write_now(lambda tx: people.register(tx, site, username="ada", email="ada@alpha.example"))


async def deliver(site: Site) -> None:
    """Everything that is due now."""
    work = Deliveries(site)
    while await work.begin():
        await work.finish()


def publish(site: Site, author: Actor, text: str, **more: Any) -> str:
    """A post; the id of its Create comes back."""
    post = site.db.write_now(lambda tx: posts.publish(tx, site, author, Draft(text, **more)))
    return f"{post.iri}/activity"


def log(site: Site, by: Actor, number: int, audience: Audience, **more: Any) -> str:
    """A row of the log, written directly."""
    iri = site.iri(f"/activities/{number}")
    body = msgspec.json.encode({"id": iri, "type": "Announce", "actor": by.iri, "object": "https://far.example/1"})
    site.db.write_now(
        lambda tx: outbox.append(
            tx, activity_id=iri, actor_id=by.id, type="Announce", body=body, audience=audience, now=site.clock(), **more
        )
    )
    return iri


def link(site: Site, host: str) -> Link:
    found = site.db.read_now(lambda tx: links.by_host(tx, host))
    assert found is not None
    return found


async def test_each_host_gets_each_post_once_in_order(site: Site, ada: Actor, network: Network) -> None:
    hosts = [f"h{number}.example" for number in range(30)]
    site.db.write_now(lambda tx: [follower(tx, host, ada) for host in hosts])
    names = [publish(site, ada, f"post {number}") for number in range(5)]
    await deliver(site)
    await deliver(site)
    for host in hosts:
        assert network.names(host) == names
        assert link(site, host).cursor == link(site, host).wanted


async def test_a_host_that_was_down_gets_everything_when_it_returns(
    site: Site, ada: Actor, network: Network, clock: Clock
) -> None:
    site.db.write_now(lambda tx: [follower(tx, host, ada) for host in ("down.example", "well.example")])
    network.answers["down.example"] = lambda url, document: Unreachable("asleep")
    names = [publish(site, ada, f"post {number}") for number in range(40)]
    await deliver(site)
    assert network.names("well.example") == names
    assert network.tried.count("down.example") == 1  # the oldest row is the probe, and the rest waits behind it
    assert link(site, "down.example").failures == 1
    clock.pass_(days=2)
    del network.answers["down.example"]
    await deliver(site)
    assert network.names("down.example") == names
    assert link(site, "down.example").failures == 0


async def test_what_fails_is_tried_again_later_and_not_before(
    site: Site, ada: Actor, network: Network, clock: Clock
) -> None:
    site.db.write_now(lambda tx: follower(tx, "down.example", ada))
    network.answers["down.example"] = lambda url, document: 500
    publish(site, ada, "hello")
    await deliver(site)
    await deliver(site)
    assert network.tried.count("down.example") == 1
    clock.pass_(seconds=46)
    await deliver(site)
    assert network.tried.count("down.example") == 2


async def test_busy_waits_as_long_as_the_peer_asks(site: Site, ada: Actor, network: Network, clock: Clock) -> None:
    site.db.write_now(lambda tx: follower(tx, "busy.example", ada))
    network.answers["busy.example"] = lambda url, document: (429, {"retry-after": "600"})
    publish(site, ada, "hello")
    await deliver(site)
    assert link(site, "busy.example").next_attempt_at - clock.at >= 599_000


async def test_a_refusal_is_not_repeated_and_stays_visible(site: Site, ada: Actor, network: Network) -> None:
    site.db.write_now(lambda tx: follower(tx, "no.example", ada))
    refused = publish(site, ada, "not this one")
    taken = publish(site, ada, "but this one")
    network.answers["no.example"] = lambda url, document: 422 if document["id"] == refused else 202
    await deliver(site)
    assert network.names("no.example") == [taken]
    [trouble] = site.db.read_now(lambda tx: troubles.newest(tx, 10))
    assert (trouble.host, trouble.activity_id, trouble.kind) == ("no.example", refused, "refused")
    assert "422" in trouble.reason
    [decision] = site.db.read_now(lambda tx: decisions.newest(tx, 10))
    assert (decision.direction, decision.host, decision.activity_id) == ("out", "no.example", refused)


async def test_what_a_server_fails_at_holds_up_nothing_else(
    site: Site, ada: Actor, network: Network, clock: Clock
) -> None:
    """activitypub-express answers 500 to what its parser can't take, and takes everything else."""
    site.db.write_now(lambda tx: follower(tx, "apex.example", ada))
    first, stuck, third, last = (publish(site, ada, text) for text in ("one", "two", "three", "four"))
    broken = {stuck}
    network.answers["apex.example"] = lambda url, document: 500 if document["id"] in broken else 202
    for _ in range(4):
        await deliver(site)
        clock.pass_(seconds=3600)
    assert network.names("apex.example") == [first, third, last]
    (trouble,) = site.db.read_now(lambda tx: troubles.newest(tx, 10))
    assert (trouble.host, trouble.activity_id, trouble.kind) == ("apex.example", stuck, "stuck")
    assert link(site, "apex.example").failures == 0

    async def work() -> None:
        for job in site.db.write_now(lambda tx: jobs.claim(tx, site.clock(), site.clock() + 1000, 10)):
            if job.kind == "redeliver":
                await run_job(site, job)

    await work()
    assert site.db.read_now(lambda tx: troubles.newest(tx, 10)) == [trouble]
    clock.pass_(days=0.3)
    broken.clear()
    await work()
    assert network.names("apex.example") == [first, third, last, stuck]
    assert site.db.read_now(lambda tx: troubles.newest(tx, 10)) == []


async def test_a_server_that_fails_at_everything_gets_it_in_order(
    site: Site, ada: Actor, network: Network, clock: Clock
) -> None:
    site.db.write_now(lambda tx: follower(tx, "down.example", ada))
    said = [publish(site, ada, text) for text in ("one", "two", "three")]
    network.answers["down.example"] = lambda url, document: 500
    for _ in range(6):
        await deliver(site)
        clock.pass_(days=0.3)
    assert link(site, "down.example").failures == 6
    del network.answers["down.example"]
    await deliver(site)
    assert network.names("down.example") == said
    assert site.db.read_now(lambda tx: troubles.newest(tx, 10)) == []


async def test_a_key_that_changes_while_it_is_sent_loses_nothing(site: Site, ada: Actor, network: Network) -> None:
    """The peer has read the new key, and so refuses what the old one signed."""
    site.db.write_now(lambda tx: follower(tx, "far.example", ada))
    said = publish(site, ada, "signed by the old key")
    asked: list[str] = []

    def answer(url: str, document: Any) -> int:
        asked.append(document["id"])
        if len(asked) == 1:
            pairs = generate_rsa(), generate_ed25519()
            site.db.write_now(lambda tx: people.rotate_keys(tx, site, ada, *pairs))
            return 403
        return 202

    network.answers["far.example"] = answer
    await deliver(site)
    assert network.names("far.example")[0] == said
    assert site.db.read_now(lambda tx: troubles.newest(tx, 10)) == []


async def test_refused_twenty_times_the_link_is_suspended(site: Site, ada: Actor, network: Network) -> None:
    site.db.write_now(lambda tx: follower(tx, "no.example", ada))
    network.answers["no.example"] = lambda url, document: 403
    for number in range(25):
        publish(site, ada, f"post {number}")
    await deliver(site)
    assert link(site, "no.example").state == "suspended"
    assert network.tried.count("no.example") == 20


async def test_a_personal_inbox_that_is_gone_is_dropped(site: Site, ada: Actor, network: Network) -> None:
    def begin(tx: Any) -> None:
        follower(tx, "small.example", ada, name="bo", shared_inbox=None)
        follower(tx, "small.example", ada, name="cy", shared_inbox=None)

    site.db.write_now(begin)
    network.answers["small.example"] = lambda url, document: 410 if "/bo/" in url else 202
    publish(site, ada, "one")
    await deliver(site)
    publish(site, ada, "two")
    await deliver(site)
    assert [url for url, _ in network.got["small.example"]] == ["https://small.example/people/cy/inbox"] * 2
    assert len(site.db.read_now(lambda tx: follows.followers(tx, ada.id, 10))) == 1
    assert site.db.read_now(lambda tx: troubles.newest(tx, 10))[0].kind == "gone"


async def test_when_a_shared_inbox_is_gone_each_persons_own_gets_it(site: Site, ada: Actor, network: Network) -> None:
    site.db.write_now(lambda tx: follower(tx, "moved.example", ada, name="bo"))
    network.answers["moved.example"] = lambda url, document: 410 if url == "https://moved.example/inbox" else 202
    name = publish(site, ada, "one")
    await deliver(site)
    assert network.got["moved.example"][0][0] == "https://moved.example/people/bo/inbox"
    assert network.names("moved.example") == [name]
    assert site.db.read_now(lambda tx: troubles.newest(tx, 10)) == []


async def test_rows_too_old_expire_with_a_reason(site: Site, ada: Actor, network: Network, clock: Clock) -> None:
    site.db.write_now(lambda tx: [follower(tx, host, ada) for host in ("ends.example", "agreed.example")])
    site.db.write_now(lambda tx: peers.change(tx, "agreed.example", stance="agreed"))
    for host in ("ends.example", "agreed.example"):
        network.answers[host] = lambda url, document: Unreachable("asleep")
    old = publish(site, ada, "old")
    await deliver(site)
    clock.pass_(days=8)
    network.answers.clear()
    new = publish(site, ada, "new")
    await deliver(site)
    assert network.names("ends.example") == [new]
    assert network.names("agreed.example") == [old, new]  # agreed peers have thirty days
    [trouble] = site.db.read_now(lambda tx: troubles.newest(tx, 10))
    assert (trouble.host, trouble.kind, trouble.activity_id) == ("ends.example", "expired", old)


async def test_a_blocked_host_gets_nothing_and_the_reason_is_kept(site: Site, ada: Actor, network: Network) -> None:
    site.db.write_now(lambda tx: follower(tx, "blocked.example", ada))
    site.db.write_now(lambda tx: peers.change(tx, "blocked.example", stance="blocked"))
    publish(site, ada, "hello")
    await deliver(site)
    assert network.tried == []
    assert link(site, "blocked.example").cursor == link(site, "blocked.example").wanted
    assert site.db.read_now(lambda tx: decisions.newest(tx, 10))[0].direction == "out"


async def test_who_lost_the_right_to_see_a_post_a_moment_ago_does_not_get_it(
    site: Site, ada: Actor, network: Network
) -> None:
    reader = site.db.write_now(lambda tx: follower(tx, "far.example", ada))
    publish(site, ada, "for followers", visibility="followers")
    known = site.db.read_now(lambda tx: follows.find(tx, reader.id, ada.id))
    assert known is not None
    site.db.write_now(lambda tx: follows.remove(tx, known.id))
    await deliver(site)
    assert network.tried == []


async def test_a_post_deleted_before_it_was_sent_is_not_sent_but_its_delete_is(
    site: Site, ada: Actor, network: Network
) -> None:
    site.db.write_now(lambda tx: follower(tx, "far.example", ada))
    post = site.db.write_now(lambda tx: posts.publish(tx, site, ada, Draft("a mistake")))
    site.db.write_now(lambda tx: posts.delete(tx, site, post, ada))
    await deliver(site)
    assert [document["type"] for _, document in network.got["far.example"]] == ["Delete"]


@pytest.mark.parametrize(
    ("software", "forms"),
    [
        ("lemmy", ["forum"]),
        ("mastodon", ["microblog"]),
        (None, ["forum", "microblog"]),
        ("unheard-of", ["forum", "microblog"]),
    ],
)
async def test_each_software_gets_the_form_that_it_understands(
    site: Site, ada: Actor, network: Network, software: str | None, forms: list[str]
) -> None:
    site.db.write_now(lambda tx: follower(tx, "far.example", ada, software=software))
    wanted = []
    for number, form in enumerate(("forum", "microblog"), 1):
        name = log(site, ada, number, Audience(followers_of=(ada.id,)), form=form)
        if form in forms:
            wanted.append(name)
    await deliver(site)
    assert network.names("far.example") == wanted
    assert link(site, "far.example").cursor == link(site, "far.example").wanted


async def test_a_host_whose_software_is_not_known_is_asked_by_a_job(site: Site, ada: Actor) -> None:
    site.db.write_now(lambda tx: follower(tx, "new.example", ada))
    site.db.write_now(lambda tx: follower(tx, "known.example", ada, software="mastodon"))
    publish(site, ada, "hello")
    await deliver(site)
    claimed = site.db.write_now(lambda tx: jobs.claim(tx, site.clock(), 2**60, 10))
    assert [(job.kind, job.payload) for job in claimed] == [("nodeinfo", {"host": "new.example"})]


async def test_rows_of_one_actor_stay_in_order_and_the_window_is_eight(
    site: Site, network: Network, ada: Actor
) -> None:
    others = [
        site.db.write_now(lambda tx: people.register(tx, site, username=f"p{n}", email=f"p{n}@alpha.example"))
        for n in range(10)
    ]
    target = site.db.write_now(lambda tx: follower(tx, "far.example", ada))
    to = Audience(actors=(target.id,))
    by_actor: dict[str, list[str]] = {}
    for number in range(30):
        by = others[number % 10]
        by_actor.setdefault(by.iri, []).append(log(site, by, number, to))
    await deliver(site)
    assert sorted(network.names("far.example")) == sorted(name for names in by_actor.values() for name in names)
    for iri, names in by_actor.items():
        assert [document["id"] for _, document in network.got["far.example"] if document["actor"] == iri] == names
    assert 1 < network.most["far.example"] <= 8


async def test_after_a_failure_what_was_not_reached_is_not_lost(
    site: Site, network: Network, ada: Actor, clock: Clock
) -> None:
    others = [
        site.db.write_now(lambda tx: people.register(tx, site, username=f"p{n}", email=f"p{n}@alpha.example"))
        for n in range(4)
    ]
    target = site.db.write_now(lambda tx: follower(tx, "far.example", ada))
    names = [log(site, others[n % 4], n, Audience(actors=(target.id,))) for n in range(24)]
    failing = {names[5], names[11]}

    def answer(url: str, document: Any) -> int:
        if document["id"] in failing:
            failing.discard(document["id"])
            return 502
        return 202

    network.answers["far.example"] = answer
    for _ in range(5):
        await deliver(site)
        clock.pass_(days=0.3)
    assert set(network.names("far.example")) == set(names)
    for other in others:
        firsts = list(dict.fromkeys(d["id"] for _, d in network.got["far.example"] if d["actor"] == other.iri))
        assert firsts == [name for n, name in enumerate(names) if others[n % 4].iri == other.iri]


async def test_hosts_that_hang_do_not_hold_up_others(site: Site, ada: Actor, network: Network) -> None:
    dead = [f"dead{number}.example" for number in range(60)]
    well = [f"well{number}.example" for number in range(60)]
    network.hang = set(dead)
    site.db.write_now(lambda tx: [follower(tx, host, ada) for host in dead + well])
    first = publish(site, ada, "one")
    work = Deliveries(site)
    await work.begin()
    second = ""
    for _ in range(200):
        await asyncio.sleep(0.02)
        await work.begin()
        if not second and all(network.names(host) == [first] for host in well):
            second = publish(site, ada, "two")
        if second and all(network.names(host) == [first, second] for host in well):
            break
    assert all(network.names(host) == [first, second] for host in well)
    assert all(network.most[host] == 1 for host in dead)
    for task in work.running:
        task.cancel()
    await work.finish()


async def test_hosts_that_hang_give_their_places_to_others(
    site: Site, ada: Actor, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of them than there are places, so that nobody else would have his turn before they time out."""
    for module, names in ((deliveries, ("TURNS",)), (traffic, ("POSTS",))):
        for name in names:
            monkeypatch.setattr(module, name, 10)
    monkeypatch.setattr(deliveries, "SLOW_AFTER", 0.05)
    monkeypatch.setattr(traffic, "SLOW_AFTER", 0.05)
    dead = [f"a{number}.example" for number in range(30)]
    well = [f"b{number}.example" for number in range(30)]
    network.hang = set(dead)
    site.db.write_now(lambda tx: [follower(tx, host, ada) for host in dead + well])
    name = publish(site, ada, "one")
    work = Deliveries(site)
    for _ in range(400):
        await work.begin()
        await asyncio.sleep(0.01)
        if all(network.names(host) == [name] for host in well):
            break
    assert all(network.names(host) == [name] for host in well)
    assert len(work.well) <= 10
    assert {host for host, _ in work.slow.values()} == set(dead)
    for task in work.running:
        task.cancel()
    await work.finish()
    assert (work.traffic.slow, work.well, work.slow) == (0, {}, {})


async def test_places_that_hanging_posts_give_back_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "POSTS", 3)
    monkeypatch.setattr(traffic, "SLOW_POSTS", 2)
    monkeypatch.setattr(traffic, "SLOW_AFTER", 0.02)
    shared, running = traffic.Traffic(), 0

    async def hang() -> None:
        nonlocal running
        async with shared:
            running += 1
            await asyncio.sleep(60)

    tasks = [asyncio.create_task(hang()) for _ in range(20)]
    await asyncio.sleep(0.3)
    assert (running, shared.slow) == (5, 2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert shared.slow == 0
    running, tasks = 0, [asyncio.create_task(hang()) for _ in range(20)]
    await asyncio.sleep(0.01)
    assert running == 3, "all places are back, and not one more"
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_turn_that_can_t_be_written_down_takes_no_other_with_it(
    site: Site, ada: Actor, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = [f"h{number}.example" for number in range(8)]
    site.db.write_now(lambda tx: [follower(tx, host, ada, software="mastodon") for host in hosts])
    name = publish(site, ada, "one")
    real = ledger._written

    def broken(tx: Tx, site: Site, entry: ledger.Entry, now: int) -> Link:
        if entry.turn.link.host == "h3.example":
            raise RuntimeError("a bug")
        return real(tx, site, entry, now)

    monkeypatch.setattr(ledger, "_written", broken)
    work = Deliveries(site)
    await work.begin()
    await work.finish()
    assert all(network.names(host) == [name] for host in hosts)
    for host in hosts:
        known = link(site, host)
        assert (known.cursor == known.wanted, known.claimed_until is None) == (host != "h3.example",) * 2


async def test_turns_that_could_not_be_kept_are_run_again(
    site: Site, ada: Actor, network: Network, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    hosts = [f"h{number}.example" for number in range(8)]
    site.db.write_now(lambda tx: [follower(tx, host, ada, software="mastodon") for host in hosts])
    name = publish(site, ada, "one")
    real, tried = ledger.write_down, []

    def away(tx: Tx, site: Site, entries: list[ledger.Entry]) -> None:
        tried.append(len(entries))
        raise StorageUnavailable("the disk is full")

    monkeypatch.setattr(ledger, "write_down", away)
    work = Deliveries(site)
    await work.begin()
    await work.finish()
    assert sum(tried) == 8, "none is tried by itself: that could as little be written"
    monkeypatch.setattr(ledger, "write_down", real)
    clock.pass_(seconds=LEASE / 1000)
    await deliver(site)
    assert all(network.names(host) == [name, name] for host in hosts)
    assert all(link(site, host).cursor == link(site, host).wanted for host in hosts)


async def test_turns_that_end_together_are_written_in_one_transaction(
    site: Site, ada: Actor, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = [f"h{number}.example" for number in range(100)]
    site.db.write_now(lambda tx: [follower(tx, host, ada, software="mastodon") for host in hosts])
    publish(site, ada, "one")
    real, sizes = ledger.write_down, []

    def counted(tx: Tx, site: Site, entries: list[ledger.Entry]) -> None:
        sizes.append(len(entries))
        real(tx, site, entries)

    monkeypatch.setattr(ledger, "write_down", counted)
    monkeypatch.setattr(ledger, "GATHER", 0.3)
    await deliver(site)
    assert sum(sizes) == 100
    assert len(sizes) < 20
    assert all(link(site, host).cursor == link(site, host).wanted for host in hosts)


async def test_every_host_has_its_first_row_before_others_have_all_of_theirs(
    site: Site, ada: Actor, network: Network
) -> None:
    hosts = [f"h{number}.example" for number in range(150)]
    site.db.write_now(lambda tx: [follower(tx, host, ada, software="mastodon") for host in hosts])
    names = [publish(site, ada, f"post {number}") for number in range(3)]
    await deliver(site)
    # Turns begin some at a time, and those that began may be quick. But before third ones everybody has heard of it.
    assert set(network.tried[:300]) == set(hosts)
    assert all(network.names(host) == names for host in hosts)


async def test_a_turn_that_no_other_runs_beside_is_written_down_at_once(
    site: Site, ada: Actor, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "GATHER", 3600)
    site.db.write_now(lambda tx: follower(tx, "far.example", ada, software="mastodon"))
    publish(site, ada, "one")
    async with asyncio.timeout(20):
        await deliver(site)
    assert link(site, "far.example").cursor == link(site, "far.example").wanted


async def look_until_idle(work: Deliveries, names: list[str], network: Network, hosts: list[str]) -> None:
    """As the worker's loop does, but for its looks now and then, until these hosts have these."""
    async with asyncio.timeout(20):
        while not all(network.names(host) == names for host in hosts):
            work.again.clear()
            await work.look()
            await work.again.wait()
    await work.finish()


async def test_what_is_written_during_a_turn_follows_when_it_ends(site: Site, ada: Actor, network: Network) -> None:
    site.db.write_now(lambda tx: follower(tx, "far.example", ada, software="mastodon"))
    network.wait["far.example"] = let_go = asyncio.Event()
    names = [publish(site, ada, "one")]
    work = Deliveries(site)
    await work.begin()
    names.append(publish(site, ada, "two"))
    assert await work.begin() == 0, "its turn is under way"
    asyncio.get_running_loop().call_soon(let_go.set)
    async with asyncio.timeout(20):
        await work.again.wait()
    await look_until_idle(work, names, network, ["far.example"])


async def test_hosts_wait_for_a_place_and_no_longer(
    site: Site, ada: Actor, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "TURNS", 4)
    hosts = [f"h{number}.example" for number in range(40)]
    site.db.write_now(lambda tx: [follower(tx, host, ada, software="mastodon") for host in hosts])
    await look_until_idle(Deliveries(site), [publish(site, ada, "one")], network, hosts)


async def test_failing_hosts_have_a_tenth_of_the_places(site: Site, ada: Actor, network: Network, clock: Clock) -> None:
    dead = [f"dead{number}.example" for number in range(50)]
    site.db.write_now(lambda tx: [follower(tx, host, ada) for host in dead])
    for host in dead:
        network.answers[host] = lambda url, document: Unreachable("asleep")
    publish(site, ada, "one")
    await deliver(site)
    clock.pass_(days=1)
    network.hang = set(dead)
    work = Deliveries(site)
    await work.begin()
    await asyncio.sleep(0.1)
    assert len(work.failing) == 19
    assert not work.well
    for task in work.running:
        task.cancel()
    await work.finish()


async def test_the_turn_of_a_worker_that_died_comes_back(
    site: Site, ada: Actor, network: Network, clock: Clock
) -> None:
    site.db.write_now(lambda tx: follower(tx, "far.example", ada))
    name = publish(site, ada, "one")
    network.hang = {"far.example"}
    dying = Deliveries(site)
    await dying.begin()
    await asyncio.sleep(0.05)
    for task in dying.running:
        task.cancel()
    network.hang = set()
    await deliver(site)
    assert network.names("far.example") == []  # the claim of the dead one still stands
    clock.pass_(seconds=LEASE / 1000)
    await deliver(site)
    assert network.names("far.example") == [name]


async def test_a_host_may_have_its_next_turn_before_the_last_one_is_cleared_away(
    site: Site, ada: Actor, network: Network
) -> None:
    """A turn is written down a moment before its task ends; what is new in that moment begins at once and is kept."""
    site.db.write_now(lambda tx: follower(tx, "far.example", ada, software="mastodon"))
    work = Deliveries(site)
    names = []
    for number in range(20):
        names.append(publish(site, ada, f"post {number}"))
        await work.begin()
        await asyncio.sleep(0.005)
    for _ in range(50):
        await work.finish()
        if not await work.begin():
            break
    assert network.names("far.example") == names
    assert not work.running


async def test_an_actor_without_a_key_stops_nothing(site: Site, ada: Actor, network: Network) -> None:
    target = site.db.write_now(lambda tx: follower(tx, "far.example", ada))
    stranger = replace(ada, id=77, iri="https://alpha.example/people/keyless", username="keyless")
    site.db.write_now(lambda tx: actors.insert(tx, stranger))
    log(site, stranger, 1, Audience(actors=(target.id,)))
    name = publish(site, ada, "hello")
    await deliver(site)
    assert network.names("far.example") == [name]
    assert site.db.read_now(lambda tx: troubles.newest(tx, 10))[0].kind == "dropped"
