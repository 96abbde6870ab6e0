"""Bad days at full size: `python -m tests.bench.faults [--quick] [--only WORDS]`.

For each fault: how many activities of others are taken a second while it lasts, against without; the most memory that the
server held; rows that got a 2xx and are not there (0); and what `fedi doctor` or the log said. The same faults at a small
size are tests (`tests/live`).
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import uvloop
from sqlalchemy import func, select

from federation.signatures.sign import sign_post
from fedi.cli import postgres
from storage.database import Database
from storage.received import received
from tests.bench.wire import Connection, Remote, remotes, serve
from tests.live.faults import doctor
from tests.live.slow import KINDS, Slow
from tests.live.test_full_disk import fill
from tests.servers import Server, free_port

HOSTS = 60
OTHERS = 20
"""Hosts whose rate is measured, of sixty; the fortieth floods."""
CONNECTIONS = 8


class Faults:
    """An instance, its peers, and what others were answered."""

    def __init__(self, server: Server, actors: list[Remote], seconds: float) -> None:
        self.server, self.actors, self.seconds = server, actors, seconds
        self.accepted: list[str] = []
        self.statuses: Counter[int] = Counter()
        self._number = 0

    async def others(self, seconds: float) -> float:
        """Let others send for so long; how many were taken a second. Who gets no answer within ten seconds goes on."""
        end = time.perf_counter() + seconds
        before = len(self.accepted)

        async def work(remote: Remote) -> None:
            connection = Connection(self.server.url)
            while time.perf_counter() < end:
                self._number += 1
                note = remote.note(f"{time.time_ns()}", self._number)
                try:
                    async with asyncio.timeout(10):
                        status, _ = await connection.send(remote.request(f"{self.server.url}/inbox", note))
                except (OSError, TimeoutError, asyncio.IncompleteReadError):
                    status = 0
                    connection.close()
                self.statuses[status] += 1
                if status == 202:
                    self.accepted.append(note["id"])
                elif status != 202:
                    await asyncio.sleep(0.05)
            connection.close()

        await asyncio.gather(*(work(remote) for remote in self.actors[:CONNECTIONS]))
        return (len(self.accepted) - before) / seconds

    async def lost(self) -> int:
        """How many of what was taken are not there once nothing waits any more."""
        db = Database(self.server.database, readers=1, writers=1)
        try:
            end = time.perf_counter() + 120
            waiting = (
                select(func.count()).select_from(received).where(received.c.state == "new", received.c.via.isnot(None))
            )
            while time.perf_counter() < end:
                if not await db.read(lambda tx: tx.scalar(waiting)):
                    break
                await asyncio.sleep(0.5)
            done = select(received.c.activity_id).where(received.c.state == "done")
            there = set(await db.read(lambda tx: list(tx.scalars(done))))
            return sum(one not in there for one in self.accepted)
        finally:
            db.close()


Fault = Callable[[Faults], Awaitable[None]]


def _flood(address: str, requests: list[bytes], seconds: float, told: "multiprocessing.Queue[dict[int, int]]") -> None:
    """In a process of its own: send as fast as it goes."""

    async def run() -> Counter[int]:
        found: Counter[int] = Counter()
        end, left = time.perf_counter() + seconds, iter(requests)

        async def work() -> None:
            connection = Connection(address)
            for raw in left:
                if time.perf_counter() > end:
                    break
                try:
                    status, _ = await connection.send(raw)
                except (OSError, asyncio.IncompleteReadError):
                    connection.close()
                    continue
                found[status] += 1
            connection.close()

        await asyncio.gather(*(work() for _ in range(64)))
        return found

    told.put(dict(uvloop.run(run())))


async def _flooded(faults: Faults, requests: list[bytes], name: str) -> None:
    told: multiprocessing.Queue[dict[int, int]] = multiprocessing.Queue()
    process = multiprocessing.get_context("fork").Process(
        target=_flood, args=(faults.server.url, requests, faults.seconds, told)
    )
    process.start()
    await report(faults, name, faults.others(faults.seconds))
    found = await asyncio.to_thread(told.get)
    process.join()
    print(f"    the flood: {sum(found.values()) / faults.seconds:,.0f} a second, answered {found}")


async def valid(faults: Faults) -> None:
    """One host sends as fast as this machine can, all of it valid."""
    one = faults.actors[40]
    inbox = f"{faults.server.url}/inbox"
    count = int(1500 * faults.seconds)
    await _flooded(
        faults, [one.request(inbox, one.note(f"flood{time.time_ns()}", n)) for n in range(count)], "valid flood"
    )


async def forged(faults: Faults) -> None:
    """One host sends as fast as this machine can, all with a signature that does not fit."""
    one = faults.actors[40]
    raw = one.request(f"{faults.server.url}/inbox", one.note("forged", 0))
    begun = raw.index(b'signature="') + len(b'signature="')
    forged = raw[:begun] + b"AAAA" + raw[begun + 4 :]
    await _flooded(faults, [forged] * int(10_000 * faults.seconds), "flood of bad signatures")


async def half_open(faults: Faults) -> None:
    """Five thousand connections that never send a whole request."""
    held: list[asyncio.StreamWriter] = []

    async def hold() -> None:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", faults.server.port)
            writer.write(b"POST /inbox HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n" + b"{" * 20_000)
            held.append(writer)

    for _ in range(50):
        await asyncio.gather(*(hold() for _ in range(100)))
    await report(faults, "5,000 half-open connections", faults.others(faults.seconds))
    for writer in held:
        writer.close()


async def slow_keys(faults: Faults) -> None:
    """Six hundred unknown keys at as many hosts that answer slowly, never, or with gigabytes."""
    slow = Slow()
    sender = faults.actors[41]

    async def ask(number: int) -> None:
        host = slow.host(KINDS[number % len(KINDS)], number)
        actor = f"http://{host}/users/u"
        key = replace(sender.key, id=f"{actor}#main-key")
        url = f"{faults.server.url}/inbox"
        body = json.dumps({**sender.note(f"slow{time.time_ns()}", number), "actor": actor, "id": f"{actor}/1"}).encode()
        headers = {**sign_post(key, url, body, time.time_ns() // 1_000_000), "content-length": str(len(body))}
        lines = [f"{name}: {value}" for name, value in headers.items()]
        raw = "\r\n".join(["POST /inbox HTTP/1.1", *lines, "", ""]).encode() + body
        connection = Connection(faults.server.url)
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            async with asyncio.timeout(60):
                await connection.send(raw)
        connection.close()

    asking = [asyncio.create_task(ask(number)) for number in range(600)]
    await report(faults, "600 keys at slow hosts", faults.others(faults.seconds))
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    print(f"    asked {slow.asked.total()} times; {slow.sent >> 20} MiB of endless bodies were sent")
    slow.close()


async def full_disk(faults: Faults) -> None:
    """The disk of the database and of the log is full; then there is room again."""
    disk = faults.server.folder
    fill(disk)
    await report(faults, "a full disk", faults.others(faults.seconds))
    (disk / "ballast").unlink()
    print(f"    afterwards: {await faults.others(3):,.0f} a second")


async def files_may_not_grow(faults: Faults) -> None:
    """As a full disk, where none can be mounted."""
    assert faults.server.process is not None
    resource.prlimit(faults.server.process.pid, resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    await report(faults, "files may not grow", faults.others(faults.seconds))
    resource.prlimit(faults.server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    print(f"    afterwards: {await faults.others(3):,.0f} a second")


async def report(faults: Faults, name: str, others: Awaitable[float]) -> None:
    """Print what others got while a fault lasts, and what is said of it."""
    faults.statuses.clear()
    used, begun = cpu(faults.server), time.perf_counter()
    rate = await others
    share = (cpu(faults.server) - used) / (time.perf_counter() - begun)
    said = await asyncio.to_thread(doctor, faults.server)
    answered = ", ".join(f"{number} × {status or 'none'}" for status, number in sorted(faults.statuses.items()))
    print(
        f"  {name}: others {rate:,.0f} a second ({answered}); {share:.0%} of a core, peak {faults.server.memory:,.0f} MB"
    )
    for line in said.splitlines():
        if not line.startswith(("url:", "contact:", "federation.", "people:")):
            print(f"    doctor: {line[:200]}")
    for line in faults.server.log.read_text().splitlines():
        if " ERROR " in line or " WARNING " in line:
            print(f"    log: {line[:200]}")


def cpu(server: Server) -> float:
    """CPU seconds of the server so far."""
    assert server.process is not None
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def instance(folder: Path, database: str, seconds: float) -> AsyncIterator[Faults]:
    """An instance whom sixty hosts follow."""
    server = Server(folder, database, "Bad Days")
    server.init()
    server.person("ada")
    server.start()
    actors = remotes(HOSTS, free_port())
    listening = await serve(actors)
    try:
        faults = Faults(server, actors, seconds)
        for actor in actors:
            connection = Connection(server.url)
            await connection.send(actor.request(f"{server.url}/inbox", actor.follow(f"{server.url}/people/ada")))
            connection.close()
        yield faults
    finally:
        server.kill()
        for one in listening:
            one.close()


@contextmanager
def disk(folder: Path) -> Iterator[bool]:
    """A disk of its own at a folder, where one may be mounted."""
    folder.mkdir()
    made = os.geteuid() == 0 and not subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", folder], check=False, capture_output=True
    ).returncode  # fmt: skip
    try:
        yield made
    finally:
        if made:
            subprocess.run(["umount", "-l", folder], check=True)


async def one(fault: Fault, folder: Path, database: str, seconds: float) -> None:
    """One fault, with an instance of its own."""
    async with instance(folder, database, seconds) as faults:
        print(f"{fault.__name__} ({database.partition(':')[0]}): {(fault.__doc__ or '').strip()}")
        print(f"  without: others {await faults.others(min(seconds, 5)):,.0f} a second; {faults.server.memory:,.0f} MB")
        await fault(faults)
        print(f"  lost: {await faults.lost()} of {len(faults.accepted):,}; peak {faults.server.memory:,.0f} MB")
        log = faults.server.log.read_text()
        print(f"  log: {log.count(chr(10))} lines, {log.count('Traceback')} traces", flush=True)


async def database_away(folder: Path, seconds: float) -> None:
    """PostgreSQL is stopped under traffic, and comes back after a while."""
    server = postgres.start(folder / "postgres", keep=False)

    async def away(faults: Faults) -> None:
        """PostgreSQL is stopped under traffic, and comes back after a while."""
        await asyncio.to_thread(server.stop)
        await report(faults, "without its database", faults.others(seconds))
        await asyncio.to_thread(server.start)
        begun = time.perf_counter()
        while not await faults.others(0.2):
            assert time.perf_counter() - begun < 60
        print(
            f"    taken again {time.perf_counter() - begun:.1f} s after it was back: {await faults.others(3):,.0f} a second"
        )

    away.__name__ = "database_away"
    try:
        await one(away, folder / "fedi", server.get_uri(), seconds)
    finally:
        server.cleanup()


async def main(seconds: float, only: str) -> None:
    """All faults, or those whose names have one of the words of `only`."""

    def wanted(name: str) -> bool:
        return any(word in name for word in only.split(","))

    with tempfile.TemporaryDirectory(prefix="fedi-faults-") as name:
        folder = Path(name)
        os.chmod(folder, 0o755)  # noqa: PTH101 - nothing else runs yet
        for fault in (valid, forged, half_open, slow_keys, files_may_not_grow):
            if wanted(fault.__name__):
                place = folder / fault.__name__
                await one(fault, place, f"sqlite:///{place}/fedi.db", seconds)
        if wanted(full_disk.__name__):
            with disk(folder / "disk") as mounted:
                if mounted:
                    await one(full_disk, folder / "disk", f"sqlite:///{folder}/disk/fedi.db", seconds)
        if wanted(database_away.__name__):
            await database_away(folder, 6 * seconds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="each fault for three seconds instead of ten")
    parser.add_argument("--only", default="", help="parts of names of faults, as in: valid,away")
    options = parser.parse_args()
    uvloop.run(main(3.0 if options.quick else 10.0, options.only))
