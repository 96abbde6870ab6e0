"""The rows of the table: what each measures, on one instance. Targets are for one machine with two cores and SQLite."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from tests.bench.instance import Bench
from tests.bench.wire import Host, die, hang, load

Row = Callable[[Bench], Awaitable[None]]


async def prepare(bench: Bench) -> None:
    """All actors follow ada and the group maths, ada follows the first hundred."""
    ada, maths = f"{bench.server.url}/people/ada", f"{bench.server.url}/groups/maths"
    wall = 0.0
    for followed in (ada, maths):
        requests = [actor.request(bench.inbox, actor.follow(followed)) for actor in bench.actors]
        done = await bench.done()
        took, _ = await load(bench.server.url, requests, 32)
        await bench.settled(done + len(requests))
        wall = wall or took
    print(f"{len(bench.actors)} follows from unknown hosts taken in {wall:.1f} s", flush=True)
    for actor in bench.actors[:100]:
        handle = f"u{actor.number}@{actor.host}"
        found = await bench.api("GET", f"/api/v2/search?resolve=true&q=%40{handle}")
        await bench.api("POST", f"/api/v1/accounts/{found['accounts'][0]['id']}/follow")
    while (await bench.api("GET", "/api/v1/accounts/verify_credentials"))["following_count"] < 100:  # noqa: ASYNC110
        await asyncio.sleep(0.1)


async def inbox(bench: Bench) -> None:
    """Distinct signed Creates from a hundred remote actors to the shared inbox."""
    count = 6000 // bench.scale
    accepted, visible, cpu = [], [], []
    for run in range(bench.runs):
        requests = [
            bench.actors[number % 100].request(
                bench.inbox, bench.actors[number % 100].note(f"{time.time_ns()}", number)
            )
            for number in range(count)
        ]
        before, done = await bench.posts(), await bench.done()
        used, begun = bench.cpu(), time.perf_counter()
        wall, _ = await load(bench.server.url, requests, 32)
        end = await bench.settled(done + count)
        accepted.append(count / wall)
        visible.append(count / (end - begun))
        cpu.append(1000 * (bench.cpu() - used) / count)
        now = await bench.posts()
        assert now - before == count, f"run {run}: {now - before} posts instead of {count}"
    newest = await bench.api("GET", "/api/v1/timelines/home?limit=40")
    assert all("lorem ipsum" in status["content"] for status in newest)
    size = await bench.posts()
    bench.figures.add("inbox: signed Creates accepted", "/s", accepted, 3000)
    bench.figures.add(f"inbox: until readable in a timeline, {size:,} posts", "/s", visible, 2000)
    bench.figures.add(f"inbox: server CPU each, {size:,} posts", "ms", cpu, 0.45, most=True)


async def fanout(bench: Bench) -> None:
    """One public post to the hosts of all followers."""
    rates, cpu = [], []
    hosts = len(bench.actors)
    for run in range(bench.runs + 1):
        Host.took.clear()
        used, begun = bench.cpu(), time.perf_counter()
        await bench.api("POST", "/api/v1/statuses", f"status=fan-out+{run}+" + "x" * 200)
        await _taken(bench, hosts, begun)
        assert set(Host.took.values()) == {1}
        if run:  # the first makes the connections and asks each host for its software
            rates.append(hosts / (Host.last - begun))
            cpu.append(1000 * (bench.cpu() - used) / hosts)
        else:
            first = [hosts / (Host.last - begun)]
            bench.figures.add(f"delivery: first post to {hosts} hosts never sent to", "/s", first)
            await asyncio.sleep(3)  # what is asked of new hosts
    bench.figures.add(f"delivery: one post to {hosts} hosts", "/s", rates, 1900)
    bench.figures.add("delivery: server CPU each", "ms", cpu, 0.6, most=True)


async def relay(bench: Bench) -> None:
    """One Note into the group by a member elsewhere; its Announce at every host."""
    rates = await _relayed(bench, len(bench.actors))
    bench.figures.add(f"relay: a Note in, its Announce at {len(bench.actors)} hosts", "/s", rates, 1900)


async def relay_with_dead(bench: Bench) -> None:
    """The same when a tenth of the hosts is gone and a tenth never answers: what the others notice of it."""
    every = len(bench.actors)
    well = every - 2 * (every // 10)
    before = await _relayed(bench, every)
    hanging = await hang(bench.listening, bench.actors, every // 10)
    await die(bench.listening, every // 10)
    await _relayed(bench, well, runs=1)  # in which it is found out
    rates = await _relayed(bench, well)
    name = f"relay: the same, {every - well} more hosts are dead or hang"
    bench.figures.add(name, "/s", rates, 1900)
    last = [every / rate for rate in before], [well / rate for rate in rates]
    shares = [dead / alive for alive, dead in zip(*last, strict=True)]
    bench.figures.add("relay: last healthy host, with dead ones against without", "times", shares, 1.1, most=True)
    for server in hanging:
        server.close()


async def _relayed(bench: Bench, hosts: int, runs: int = 0) -> list[float]:
    """Hosts per second, of each run."""
    rates = []
    for _ in range(runs or bench.runs):
        author = bench.actors[0]
        note = author.note(f"relay{time.time_ns()}", 0, audience=f"{bench.server.url}/groups/maths")
        Host.took.clear()
        begun = time.perf_counter()
        await load(bench.server.url, [author.request(bench.inbox, note)], 1)
        await _taken(bench, hosts, begun)
        rates.append(hosts / (Host.last - begun))
        await asyncio.sleep(0.5)
    return rates


async def _taken(bench: Bench, hosts: int, begun: float) -> None:
    while len(Host.took) < hosts:
        assert time.perf_counter() - begun < 60, f"{len(Host.took)} of {hosts} hosts have it"
        await asyncio.sleep(0.005)


def requests_of(
    name: str, path: str, count: int, targets: tuple[float | None, float | None], accept: str = "application/json"
) -> Row:
    """A row of one GET, 16 connections; `targets`: requests a second, CPU milliseconds each."""

    async def run(bench: Bench) -> None:
        rates, cpu = [], []
        raw = bench.raw("GET", path.replace("{port}", str(bench.server.port)), accept=accept)
        await load(bench.server.url, [raw] * 50, 16)
        for _ in range(bench.runs):
            number = count // bench.scale
            used = bench.cpu()
            wall, _ = await load(bench.server.url, [raw] * number, 16)
            rates.append(number / wall)
            cpu.append(1000 * (bench.cpu() - used) / number)
        bench.figures.add(name, "/s", rates, targets[0])
        bench.figures.add(f"{name}: server CPU each", "ms", cpu, targets[1], most=True)

    run.__name__ = name.replace(" ", "_")
    return run


async def quiet_statuses(bench: Bench) -> None:
    """Posts by somebody whom nobody follows."""
    rates, cpu = [], []
    count = 1500 // bench.scale
    for run in range(bench.runs):
        form = f"status=quiet+{run}+" + "z" * 200
        used = bench.cpu()
        wall, _ = await load(bench.server.url, [bench.raw("POST", "/api/v1/statuses", form, by="bob")] * count, 8)
        rates.append(count / wall)
        cpu.append(1000 * (bench.cpu() - used) / count)
    bench.figures.add("post a status", "/s", rates, 1500)
    bench.figures.add("post a status: server CPU each", "ms", cpu, 0.6, most=True)


async def statuses(bench: Bench) -> None:
    """Posts by one person, with their fan-out going on beside."""
    count = 60 // bench.scale
    requests = [bench.raw("POST", "/api/v1/statuses", f"status=post+{number}+" + "y" * 200) for number in range(count)]
    Host.took.clear()
    used, begun = bench.cpu(), time.perf_counter()
    wall, _ = await load(bench.server.url, requests, 4)
    hosts = len(bench.actors)
    bench.figures.add(f"post a status, {hosts} hosts follow", "/s", [count / wall])
    while sum(Host.took.values()) < count * hosts:
        assert time.perf_counter() - begun < 240, f"{sum(Host.took.values())} of {count * hosts}"
        await asyncio.sleep(0.05)
    sent = sum(Host.took.values())
    bench.figures.add(f"delivery: {count} posts to {hosts} hosts", "/s", [sent / (Host.last - begun)])
    bench.figures.add("delivery of those: server CPU each", "ms", [1000 * (bench.cpu() - used) / sent])


async def memory(bench: Bench) -> None:
    """The most memory that the server took through all of it."""
    bench.figures.add("peak memory of the server", "MB", [bench.peak()], 100, most=True)


HOME = requests_of("home timeline of 20", "/api/v1/timelines/home?limit=20", 4000, (None, None))
HOME_ON_TWO = requests_of("home timeline of 20, two processes", "/api/v1/timelines/home?limit=20", 8000, (4000, 0.2))
ON_ONE: tuple[Row, ...] = (
    prepare,
    inbox,
    HOME,
    requests_of("actor document", "/people/ada", 8000, (10_000, None), "application/activity+json"),
    requests_of("WebFinger", "/.well-known/webfinger?resource=acct:ada@127.0.0.1:{port}", 8000, (12_000, None)),
    quiet_statuses,
    fanout,
    statuses,
    relay,
    memory,
    relay_with_dead,
)
"""The rows on an instance of one process, in this order: the last leaves dead hosts."""
