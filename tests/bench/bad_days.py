"""What bad days are gone through with: an instance, its peers, what others are answered while a fault lasts, and what is said of it.

The faults are in `tests.bench.faults` (floods, peers, connections) and `tests.bench.outages` (disks, databases, the clock).
"""

import asyncio
import os
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from sqlalchemy import func, select

from storage.database import Database
from storage.received import received
from tests.bench.wire import Connection, Remote, remotes, serve
from tests.live.faults import doctor
from tests.servers import Server, free_port

HOSTS = 60
CONNECTIONS = 8
MEMORY = 130
"""MB that the server may hold at most, its peak, whatever happens."""
LONGEST = 25.0
"""Seconds that an answer may take, on a machine that does everything else as well."""
TRACES = 3


class Faults:
    """An instance, its peers, and what others were answered."""

    def __init__(self, server: Server, actors: list[Remote], seconds: float) -> None:
        self.server, self.actors, self.seconds = server, actors, seconds
        self.accepted: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.longest = 0.0
        """Seconds that an answer took at most."""
        self.wrong: list[str] = []
        """What a fault itself found to be wrong."""
        self.slowest = 0.0
        """The same, over all that was reported."""
        self.token = ""
        """Ada's."""
        self._number = 0

    async def others(self, seconds: float) -> float:
        """Let others send for so long; how many were taken a second. Who gets no answer within thirty seconds goes on."""
        end, self.longest = time.perf_counter() + seconds, 0.0
        before = len(self.accepted)

        async def work(remote: Remote) -> None:
            connection = Connection(self.server.url)
            while time.perf_counter() < end:
                self._number += 1
                note = remote.note(f"{time.time_ns()}", self._number)
                begun = time.perf_counter()
                try:
                    async with asyncio.timeout(30):
                        status, _ = await connection.send(remote.request(f"{self.server.url}/inbox", note))
                except (OSError, TimeoutError, asyncio.IncompleteReadError):
                    status = 0
                    connection.close()
                self.longest = max(self.longest, time.perf_counter() - begun)
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


async def report(faults: Faults, name: str, others: Awaitable[float]) -> None:
    """Print what others got while a fault lasts, and what is said of it."""
    faults.statuses.clear()
    used, begun = cpu(faults.server), time.perf_counter()
    rate = await others
    share = (cpu(faults.server) - used) / (time.perf_counter() - begun)
    faults.slowest = max(faults.slowest, faults.longest)
    said = await asyncio.to_thread(doctor, faults.server)
    answered = ", ".join(f"{number} × {status or 'none'}" for status, number in sorted(faults.statuses.items()))
    print(
        f"  {name}: others {rate:,.0f} a second ({answered}); {share:.0%} of a core, peak {faults.server.memory:,.0f} MB; "
        f"the longest answer took {faults.longest:.1f} s"
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
async def instance(folder: Path, database: str, seconds: float, before: str) -> AsyncIterator[Faults]:
    """An instance whom sixty hosts follow."""
    server = Server(folder, database, "Bad Days", before=before)
    server.init()
    token = server.person("ada")
    server.start()
    actors = remotes(HOSTS, free_port())
    listening = await serve(actors)
    try:
        faults = Faults(server, actors, seconds)
        faults.token = token
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


async def one(fault: Fault, folder: Path, database: str, seconds: float, before: str = "") -> list[str]:
    """One fault, with an instance of its own (`before`: see `Server`); what was not as it should be."""
    async with instance(folder, database, seconds, before) as faults:
        print(f"{fault.__name__} ({database.partition(':')[0]}): {(fault.__doc__ or '').strip()}")
        print(f"  without: others {await faults.others(min(seconds, 5)):,.0f} a second; {faults.server.memory:,.0f} MB")
        await fault(faults)
        lost = await faults.lost()
        print(f"  lost: {lost} of {len(faults.accepted):,}; peak {faults.server.memory:,.0f} MB")
        log = faults.server.log.read_text()
        print(f"  log: {log.count(chr(10))} lines, {log.count('Traceback')} traces", flush=True)
        wrong = [*faults.wrong, *([f"{lost} accepted activities are lost"] if lost else [])]
        if not faults.accepted:
            wrong.append("nothing of others was accepted")
        if faults.server.memory > MEMORY:
            wrong.append(f"{faults.server.memory:,.0f} MB of memory, more than {MEMORY}")
        if log.count("Traceback") > TRACES:
            wrong.append(f"{log.count('Traceback')} traces in the log")
        if faults.slowest > LONGEST:
            wrong.append(f"an answer took {faults.slowest:.0f} s")
        for text in wrong:
            print(f"  WRONG: {text}", flush=True)
        return [f"{fault.__name__} ({database.partition(':')[0]}): {text}" for text in wrong]
