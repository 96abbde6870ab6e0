"""The benchmarks: `python -m tests.bench [--quick] [--database URL] [--out FILE]`; a table, and `bench.json`.

One real `fedi serve` process, its remote hosts in this process, everything on loopback and on the same machine: trust
the CPU time of the server per unit more than the rates. Each figure is the median of several runs, with their spread.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from storage import received
from storage.database import Database
from storage.metadata import Tx
from storage.posts import posts
from tests.bench.wire import Connection, Host, Remote, die, load, remotes, serve
from tests.servers import Server, free_port


@dataclass(slots=True)
class Figure:
    """One figure, as `bench.json` has it; `spread` is (highest - lowest) / median of the runs."""

    name: str
    value: float
    unit: str
    median_of: int
    spread: float


class Bench:
    """The instance that is measured, and its remote hosts."""

    def __init__(self, server: Server, actors: list[Remote], *, quick: bool) -> None:
        self.server = server
        self.actors = actors
        self.runs = 1 if quick else 3
        self.scale = 4 if quick else 1
        self.figures: list[Figure] = []
        self.listening: list[asyncio.Server] = []
        self.token = ""
        self.other = ""
        self.db = Database(server.database)

    def add(self, name: str, unit: str, values: list[float]) -> None:
        """Keep the median of some runs and print it."""
        middle = statistics.median(values)
        spread = (max(values) - min(values)) / middle if middle else 0.0
        self.figures.append(Figure(name, round(middle, 3), unit, len(values), round(spread, 3)))
        print(f"{name:<58} {middle:>10,.2f} {unit:<14} spread {100 * spread:.0f} %", flush=True)

    def cpu(self) -> float:
        """CPU seconds of the server so far."""
        assert self.server.process is not None
        fields = Path(f"/proc/{self.server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def api(self, method: str, path: str, form: str = "") -> Any:
        """What the client API answers."""
        connection = Connection(self.server.url)
        status, body = await connection.send(self.raw(method, path, form))
        connection.close()
        assert status == 200, (path, status, body[:300])
        return json.loads(body)

    def raw(self, method: str, path: str, form: str = "", accept: str = "application/json") -> bytes:
        """The bytes of a request with the person's token."""
        lines = [f"{method} {path} HTTP/1.1", f"host: 127.0.0.1:{self.server.port}", f"accept: {accept}"]
        if path.startswith("/api/"):
            lines.append(f"authorization: Bearer {self.token}")
        if method == "POST":
            lines += ["content-type: application/x-www-form-urlencoded", f"content-length: {len(form)}"]
        return ("\r\n".join([*lines, "", ""]) + form).encode()


async def prepare(bench: Bench) -> None:
    """500 actors at 500 hosts follow ada; ada follows the first hundred."""
    ada = f"{bench.server.url}/people/ada"
    inbox = f"{bench.server.url}/inbox"
    requests = [actor.request(inbox, actor.follow(ada)) for actor in bench.actors]
    wall, _ = await load(bench.server.url, requests, 32)
    await _settled(bench, len(requests))
    print(f"{len(requests)} follows from unknown hosts taken in {wall:.1f} s", flush=True)
    for actor in bench.actors[:100]:
        handle = f"u{actor.number}@{actor.host}"
        found = await bench.api("GET", f"/api/v2/search?resolve=true&q=%40{handle}")
        await bench.api("POST", f"/api/v1/accounts/{found['accounts'][0]['id']}/follow")
    while (await bench.api("GET", "/api/v1/accounts/verify_credentials"))["following_count"] < 100:  # noqa: ASYNC110
        await asyncio.sleep(0.1)


def _posts(tx: Tx) -> int:
    return tx.scalar(select(func.count()).select_from(posts)) or 0


async def _settled(bench: Bench, at_least: int) -> float:
    """Wait until nothing received waits; the moment when that was so."""
    while True:
        totals = await bench.db.read(received.totals)
        if not totals.get("new") and not totals.get("working") and totals.get("done", 0) >= at_least:
            return time.perf_counter()
        await asyncio.sleep(0.02)


async def inbox(bench: Bench) -> None:
    """Distinct signed Creates from a hundred remote actors to the shared inbox."""
    count = 6000 // bench.scale
    address = f"{bench.server.url}/inbox"
    accepted, visible, seconds, cpu = [], [], [], []
    for run in range(bench.runs):
        requests = [
            bench.actors[number % 100].request(address, bench.actors[number % 100].note(f"{time.time_ns()}", number))
            for number in range(count)
        ]
        before = await bench.db.read(_posts)
        done = (await bench.db.read(received.totals)).get("done", 0)
        used, begun = bench.cpu(), time.perf_counter()
        wall, _ = await load(bench.server.url, requests, 32)
        end = await _settled(bench, done + count)
        accepted.append(count / wall)
        visible.append(count / (end - begun))
        seconds.append(end - begun)
        cpu.append(1000 * (bench.cpu() - used) / count)
        now = await bench.db.read(_posts)
        assert now - before == count, f"run {run}: {now - before} posts instead of {count}"
    newest = await bench.api("GET", "/api/v1/timelines/home?limit=40")
    assert all("lorem ipsum" in status["content"] for status in newest)
    bench.add("inbox: signed Creates of 100 actors accepted", "per second", accepted)
    bench.add("inbox: the same until all are in timelines", "per second", visible)
    bench.add(f"inbox: time until {count} are all in timelines", "s", seconds)
    bench.add("inbox: server CPU for each, all work included", "ms", cpu)


async def fanout(bench: Bench) -> None:
    """One public post to 500 hosts."""
    rates, cpu = [], []
    hosts = len(bench.actors)
    for run in range(bench.runs + 1):
        Host.took.clear()
        used, begun = bench.cpu(), time.perf_counter()
        await bench.api("POST", "/api/v1/statuses", f"status=fan-out+{run}+" + "x" * 200)
        while sum(Host.took.values()) < hosts:
            assert time.perf_counter() - begun < 60, f"{len(Host.took)} of {hosts} hosts have it"
            await asyncio.sleep(0.01)
        assert set(Host.took.values()) == {1}
        if run:  # the first makes the connections and asks each host for its software
            rates.append(hosts / (Host.last - begun))
            cpu.append(1000 * (bench.cpu() - used) / hosts)
        else:
            bench.add(
                f"delivery: first post to {hosts} hosts never sent to", "per second", [hosts / (Host.last - begun)]
            )
            await asyncio.sleep(8 / bench.scale)
    bench.add(f"delivery: one post to {hosts} hosts", "per second", rates)
    bench.add("delivery: server CPU for each", "ms", cpu)


def requests_of(
    name: str, path: str, count: int, accept: str = "application/json"
) -> Callable[[Bench], Awaitable[None]]:
    """A benchmark of one GET, 16 connections."""

    async def run(bench: Bench) -> None:
        rates, cpu = [], []
        for _ in range(bench.runs):
            number = count // bench.scale
            used = bench.cpu()
            raw = bench.raw("GET", path.replace("{port}", str(bench.server.port)), accept=accept)
            wall, _ = await load(bench.server.url, [raw] * number, 16)
            rates.append(number / wall)
            cpu.append(1000 * (bench.cpu() - used) / number)
        bench.add(name, "per second", rates)
        bench.add(f"{name}: server CPU", "ms", cpu)

    run.__name__ = name
    return run


async def fanout_with_dead(bench: Bench) -> None:
    """The same when a fifth of the hosts is gone: what the others notice of it."""
    dead = len(bench.actors) // 5
    await die(bench.listening, dead)
    well = len(bench.actors) - dead
    rates = []
    for run in range(bench.runs):
        Host.took.clear()
        begun = time.perf_counter()
        await bench.api("POST", "/api/v1/statuses", f"status=some+are+dead+{run}")
        while sum(Host.took.values()) < well:
            assert time.perf_counter() - begun < 60, f"{len(Host.took)} of {well} hosts have it"
            await asyncio.sleep(0.01)
        rates.append(well / (Host.last - begun))
    bench.add(f"delivery: one post to {well} hosts, {dead} more are dead", "per second", rates)


async def quiet_statuses(bench: Bench) -> None:
    """Posts by somebody whom nobody follows."""
    rates, cpu = [], []
    count = 400 // bench.scale
    busy, bench.token = bench.token, bench.other
    for run in range(bench.runs):
        form = f"status=quiet+{run}+" + "z" * 200
        used = bench.cpu()
        wall, _ = await load(bench.server.url, [bench.raw("POST", "/api/v1/statuses", form)] * count, 8)
        rates.append(count / wall)
        cpu.append(1000 * (bench.cpu() - used) / count)
    bench.token = busy
    bench.add("post a status, nobody follows", "per second", rates)
    bench.add("post a status, nobody follows: server CPU", "ms", cpu)


async def statuses(bench: Bench) -> None:
    """Posts by one person, with their fan-out to 500 hosts going on beside."""
    count = 100 // bench.scale
    requests = [bench.raw("POST", "/api/v1/statuses", f"status=post+{number}+" + "y" * 200) for number in range(count)]
    Host.took.clear()
    begun = time.perf_counter()
    wall, _ = await load(bench.server.url, requests, 4)
    bench.add("post a status, 500 hosts follow", "per second", [count / wall])
    while sum(Host.took.values()) < count * len(bench.actors):
        assert time.perf_counter() - begun < 240, f"{sum(Host.took.values())} of {count * len(bench.actors)}"
        await asyncio.sleep(0.05)
    bench.add(
        "delivery: those posts to 500 hosts, sustained", "per second", [sum(Host.took.values()) / (Host.last - begun)]
    )


ALL: list[Callable[[Bench], Awaitable[None]]] = [
    prepare,
    inbox,
    requests_of("home timeline of 20", "/api/v1/timelines/home?limit=20", 2000),
    requests_of("actor document", "/people/ada", 8000, "application/activity+json"),
    requests_of("WebFinger", "/.well-known/webfinger?resource=acct:ada@127.0.0.1:{port}", 8000),
    quiet_statuses,
    fanout,
    statuses,
    fanout_with_dead,
]


async def main(server: Server, *, quick: bool, out: Path, only: str = "") -> None:
    """Run all and write the figures."""
    actors = remotes(500, free_port())
    bench = Bench(server, actors, quick=quick)
    bench.listening = await serve(actors)
    bench.token, bench.other = server.person("ada"), server.person("bob")
    server.start()
    try:
        for one in ALL:
            if one is prepare or any(word in one.__name__ for word in only.split(",")):
                await one(bench)
    finally:
        server.stop()
        bench.db.close()
        for listening in bench.listening:
            listening.close()
    out.write_text(  # noqa: ASYNC240 - the end
        json.dumps([asdict(figure) for figure in bench.figures], indent=1) + "\n"
    )
    print(f"written to {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="The benchmarks.")
    parser.add_argument("--quick", action="store_true", help="one short run of each")
    parser.add_argument("--database", default="", help="postgresql://… (default: SQLite in a temporary folder)")
    parser.add_argument("--only", default="", help="parts of names, as in: inbox,home")
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fedi-bench-") as folder:
        instance = Server(Path(folder), options.database or f"sqlite:///{folder}/fedi.db", "Bench")
        instance.init()
        import uvloop

        uvloop.run(main(instance, quick=options.quick, out=options.out, only=options.only))
