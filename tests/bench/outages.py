"""Bad days of what fedi stands on: full disks, databases that go away, hang or are kept locked, a clock that jumps. Run by
`tests.bench.faults`."""

import asyncio
import resource
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from fedi.cli import postgres
from tests.bench.bad_days import Faults, disk, one, report
from tests.live.faults import freeze, thaw
from tests.live.test_clock import DAY, HOUR, Jumping
from tests.live.test_full_disk import fill

AWAY = 6
"""How many times longer than other faults a database is away: a minute."""


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


async def sqlite_full(folder: Path, seconds: float) -> list[str]:
    """The disk of SQLite, of files and of the log is full for a while."""
    with disk(folder) as mounted:
        return await one(full_disk, folder, f"sqlite:///{folder}/fedi.db", seconds) if mounted else []


async def quota(folder: Path, seconds: float) -> list[str]:
    """No file may grow."""
    return await one(files_may_not_grow, folder, f"sqlite:///{folder}/fedi.db", seconds)


async def postgresql_full(folder: Path, seconds: float) -> list[str]:
    """The disk of PostgreSQL is full; it may end itself, and is started again as a service would be."""
    with disk(folder) as mounted:
        if not mounted:
            return []
        server = postgres.start(folder / "postgres", keep=False)

        async def full(faults: Faults) -> None:
            """The disk of PostgreSQL is full."""
            fill(folder)
            await report(faults, "a full disk of PostgreSQL", faults.others(faults.seconds))
            (folder / "ballast").unlink()
            await _back(faults, server)

        try:
            with tempfile.TemporaryDirectory(prefix="fedi-full-") as place:
                return await one(full, Path(place) / "fedi", server.get_uri(), seconds)
        finally:
            server.cleanup()


async def _back(faults: Faults, server: Any = None) -> None:
    """Wait until something of others is taken again, and say how long that took."""
    begun = time.perf_counter()
    while not await faults.others(0.2):
        assert time.perf_counter() - begun < 60
        if server is not None:
            with suppress(Exception):  # it is being started, or stands
                await asyncio.to_thread(server.ensure_postgres_running)
    took = time.perf_counter() - begun
    print(f"    taken again {took:.1f} s after it was back: {await faults.others(3):,.0f} a second")


async def database_away(folder: Path, seconds: float) -> list[str]:
    """PostgreSQL is stopped under traffic, and comes back after a minute."""
    return await _without(folder, seconds, lambda server: server.stop, lambda server: server.start)


async def database_hangs(folder: Path, seconds: float) -> list[str]:
    """PostgreSQL stands still with all its connections open, and goes on after a minute."""
    stopped: list[int] = []
    return await _without(
        folder,
        seconds,
        lambda server: lambda: stopped.extend(freeze(server.get_pid())),
        lambda server: lambda: thaw(stopped),
    )


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


Act = Callable[[Any], Callable[[], object]]


async def _without(folder: Path, seconds: float, go: Act, come: Act) -> list[str]:
    server = postgres.start(_made(folder) / "postgres", keep=False)

    async def without(faults: Faults) -> None:
        """PostgreSQL is not there for a minute."""
        await asyncio.to_thread(go(server))
        try:
            await report(faults, "without its database", faults.others(AWAY * seconds))
        finally:
            await asyncio.to_thread(come(server))
        await _back(faults)

    without.__name__ = folder.name
    try:
        return await one(without, folder / "fedi", server.get_uri(), seconds)
    finally:
        server.cleanup()


async def sqlite_locked(folder: Path, seconds: float) -> list[str]:
    """Another process keeps the file locked, as a shell that was left open in a transaction."""

    async def locked(faults: Faults) -> None:
        """Another process keeps the file locked."""
        holding = sqlite3.connect(folder / "fedi.db", isolation_level=None)
        holding.execute("BEGIN IMMEDIATE")
        try:
            await report(faults, "the file is locked", faults.others(2 * seconds))
        finally:
            holding.close()
        await _back(faults)

    return await one(locked, folder, f"sqlite:///{folder}/fedi.db", seconds)


async def sqlite_read(folder: Path, seconds: float) -> list[str]:
    """Another process reads an old view all the time, so that the log can't be worked off."""

    async def old_view(faults: Faults) -> None:
        """Another process reads an old view all the time."""
        holding = sqlite3.connect(folder / "fedi.db", isolation_level=None)
        holding.execute("BEGIN")
        holding.execute("SELECT max(id) FROM received").fetchall()
        log = folder / "fedi.db-wal"
        try:
            await report(faults, "an old view is read", faults.others(AWAY * seconds))
            print(f"    the log has {log.stat().st_size >> 20} MiB")
        finally:
            holding.close()
        print(f"    afterwards: {await faults.others(3):,.0f} a second; the log has {log.stat().st_size >> 20} MiB")

    return await one(old_view, folder, f"sqlite:///{folder}/fedi.db", seconds)


async def clock(folder: Path, seconds: float) -> list[str]:
    """The clock is set forward and back, by an hour and by a day, while peers go on with the right one."""
    jumping = Jumping(_made(folder))

    async def jumps(faults: Faults) -> None:
        """The clock is set forward and back."""
        for offset in (HOUR, 0, -HOUR, 0, DAY, 0, -DAY, 0):
            await asyncio.to_thread(jumping.jump, offset)
            await report(faults, f"the clock is {offset // HOUR} hours ahead", faults.others(seconds / 2))

    return await one(jumps, folder, jumping.server.database, seconds, jumping.server.before)


ALL: tuple[Callable[[Path, float], Awaitable[list[str]]], ...] = (
    sqlite_full,
    quota,
    postgresql_full,
    database_away,
    database_hangs,
    sqlite_locked,
    sqlite_read,
    clock,
)
