"""Past one process: `python -m tests.bench.processes [--processes 2,4,8] [--count N] [--out FILE]`, on PostgreSQL.

The same work done by one process and spread over more: half of them answer requests (`fedi serve --no-worker --workers
N`), half work in the background (`fedi worker`). On a machine with fewer cores than processes no rate can grow; what tells
whether it would on more is the CPU time for each unit, of ours and of the database: as long as it stays, twice the
processes do twice the work. Every run checks that nothing was done twice or left out.
"""

import argparse
import asyncio
import json
import os
import subprocess
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg
import uvloop

from fedi.cli import postgres
from tests.bench.figures import Figures
from tests.bench.instance import Bench
from tests.bench.rows import prepare
from tests.bench.wire import Host, load, remotes, serve
from tests.servers import FEDI, Server, free_port

_TICKS = os.sysconf("SC_CLK_TCK")
IDLE = 0.03
"""Seconds of CPU in one that a process has which does nothing but look now and then whether there is work."""


class Many(Bench):
    """An instance of several processes, whose background work is in processes of its own."""

    workers: "list[subprocess.Popen[bytes]]"
    database: Any

    def pids(self) -> list[int]:
        """All its processes."""
        return [*super().pids(), *(worker.pid for worker in self.workers)]

    def database_cpu(self) -> float:
        """CPU seconds of PostgreSQL so far."""
        first = int((Path(self.database.pgdata) / "postmaster.pid").read_text().split()[0])
        ended = _stat(first)
        used = sum(ended[11:15])  # its own, and of those that have ended
        for task in Path(f"/proc/{first}/task").glob("*/children"):
            for pid in map(int, task.read_text().split()):
                try:
                    used += sum(_stat(pid)[11:13])
                except OSError:
                    continue
        return used / _TICKS

    def spread_over(self, processes: int) -> None:
        """Start so many: one does everything, or half of them answer and half work."""
        self.workers = []
        if processes == 1:
            self.server.start()
            return
        self.server.start("--no-worker", "--workers", str(processes // 2))
        with self.server.log.open("ab") as log:
            for _ in range(processes // 2):
                words: list[str | Path] = [FEDI, "worker", "--config", self.server.config]
                self.workers.append(subprocess.Popen(words, stdout=log, stderr=log))

    def end(self) -> None:
        """End all of them."""
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            worker.wait(20)
        self.workers = []
        self.server.stop()


def _stat(pid: int) -> list[int]:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return [int(field) if field.lstrip("-").isdigit() else 0 for field in fields]


def _creates(bench: Many, count: int) -> list[bytes]:
    return [
        bench.actors[number % 100].request(bench.inbox, bench.actors[number % 100].note(f"{time.time_ns()}", number))
        for number in range(count)
    ]


async def warm(bench: Many) -> None:
    """Have each process do everything once, and wait until all are idle: what starting takes is none of the work's."""
    done = await bench.done()
    for _ in range(3):
        await load(bench.server.url, _creates(bench, 200), 32)
        done += 200
        await bench.settled(done)
    await load(bench.server.url, [bench.raw("POST", "/api/v1/statuses", "status=warm")] * 3, 3)
    await load(bench.server.url, [bench.raw("GET", "/api/v1/timelines/home?limit=20")] * 100, 16)
    for _ in range(60):
        used = bench.cpu()
        await asyncio.sleep(1)
        if bench.cpu() - used < IDLE * len(bench.pids()):
            return
    raise AssertionError("the processes don't come to rest within a minute")


async def run(bench: Many, processes: int, count: int) -> None:
    """The inbox, a fan-out and the home timeline, over so many processes."""
    await warm(bench)
    requests = _creates(bench, count)
    words = f"{processes} process{'es' if processes > 1 else ''}"
    before, done = await bench.posts(), await bench.done()
    used, database, begun = bench.cpu(), bench.database_cpu(), time.perf_counter()
    wall, _ = await load(bench.server.url, requests, 32)
    end = await bench.settled(done + count)
    assert await bench.posts() - before == count
    bench.figures.add(f"{words}: Creates accepted", "/s", [count / wall])
    bench.figures.add(f"{words}: until readable", "/s", [count / (end - begun)])
    bench.figures.add(f"{words}: server CPU each", "ms", [1000 * (bench.cpu() - used) / count])
    bench.figures.add(f"{words}: database CPU each", "ms", [1000 * (bench.database_cpu() - database) / count])

    posts, hosts = 10, len(bench.actors)
    Host.took.clear()
    used, database, begun = bench.cpu(), bench.database_cpu(), time.perf_counter()
    forms = [bench.raw("POST", "/api/v1/statuses", f"status=to+all+{processes}+{n}") for n in range(posts)]
    await load(bench.server.url, forms, 4)
    while sum(Host.took.values()) < posts * hosts:
        assert time.perf_counter() - begun < 120, f"{sum(Host.took.values())} of {posts * hosts}"
        await asyncio.sleep(0.02)
    end = Host.last
    await asyncio.sleep(2)
    assert set(Host.took.values()) == {posts}, "a host got one twice"
    bench.figures.add(f"{words}: deliveries of {posts} posts", "/s", [posts * hosts / (end - begun)])
    bench.figures.add(f"{words}: server CPU each", "ms", [1000 * (bench.cpu() - used) / (posts * hosts)])
    bench.figures.add(f"{words}: database CPU each", "ms", [1000 * (bench.database_cpu() - database) / (posts * hosts)])

    raw = bench.raw("GET", "/api/v1/timelines/home?limit=20")
    used, database = bench.cpu(), bench.database_cpu()
    wall, _ = await load(bench.server.url, [raw] * count, 16)
    bench.figures.add(f"{words}: home timelines", "/s", [count / wall])
    bench.figures.add(f"{words}: server CPU each", "ms", [1000 * (bench.cpu() - used) / count])
    bench.figures.add(f"{words}: database CPU each", "ms", [1000 * (bench.database_cpu() - database) / count])


async def all_of(bench: Many, numbers: list[int], count: int) -> None:
    """One process, then so many."""
    bench.listening = await serve(bench.actors)
    try:
        for processes in numbers:
            bench.spread_over(processes)
            if processes == numbers[0]:
                await prepare(bench)
                await load(bench.server.url, [bench.raw("POST", "/api/v1/statuses", "status=first")], 1)
                await asyncio.sleep(5)  # what is asked of hosts that were never sent to
            await run(bench, processes, count)
            bench.end()
    finally:
        bench.end()
        bench.db.close()
        for listening in bench.listening:
            listening.close()


def main() -> None:
    """Run what was asked for and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.processes", description="Past one process.")
    parser.add_argument("--processes", default="2,4,8")
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--out", type=Path, default=Path("bench-processes.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fedi-bench-") as folder:
        database = postgres.start(Path(folder) / "postgres", keep=False)
        try:
            with psycopg.connect(database.get_uri(), autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET max_connections = 300")
                connection.execute("CREATE DATABASE bench")
            database.stop()
            database.start()
            server = Server(Path(folder), database.get_uri("bench"), "Bench")
            server.init()
            figures = Figures("postgresql")
            bench = Many(server, remotes(200, free_port()), figures)
            bench.database, bench.workers = database, []
            bench.tokens = {"ada": server.person("ada")}
            server.fedi("group", "create", "maths", "--title", "Maths", "--owner", "ada")
            numbers = [1, *map(int, options.processes.split(","))]
            uvloop.run(all_of(bench, numbers, options.count))
        finally:
            database.cleanup()
    options.out.write_text(json.dumps([asdict(figure) for figure in figures.all], indent=1) + "\n")


if __name__ == "__main__":
    main()
