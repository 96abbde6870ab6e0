"""The instance that is measured: real `fedi serve` processes, their CPU and memory, and requests to them."""

import asyncio
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from storage import received
from storage.database import Database
from storage.metadata import Tx
from storage.posts import posts
from tests.bench.figures import Figures
from tests.bench.wire import Connection, Remote
from tests.servers import Server

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Bench:
    """An instance with ada, whom many follow and who follows a hundred; bob, whom nobody follows; and the group maths."""

    server: Server
    actors: list[Remote]
    figures: Figures
    runs: int = 3
    scale: int = 1
    tokens: dict[str, str] = field(default_factory=dict)
    listening: list[asyncio.Server] = field(default_factory=list)
    db: Database = field(init=False)

    def __post_init__(self) -> None:
        self.db = Database(self.server.database, readers=1, writers=1)

    @property
    def inbox(self) -> str:
        """The shared inbox."""
        return f"{self.server.url}/inbox"

    def pids(self) -> list[int]:
        """The server's process and those that it started."""
        assert self.server.process is not None
        found = [self.server.process.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                found += map(int, task.read_text().split())
        return found

    def cpu(self) -> float:
        """CPU seconds of the server's processes so far."""
        used = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            used += int(fields[11]) + int(fields[12])
        return used / _TICKS

    def peak(self) -> float:
        """The most memory (resident, MB) that the server's processes had, together."""
        most = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM"):
                    most += int(line.split()[1])
        return most / 1024

    async def api(self, method: str, path: str, form: str = "", *, by: str = "ada") -> Any:
        """What the client API answers. Raises AssertionError unless it is a 200."""
        connection = Connection(self.server.url)
        status, body = await connection.send(self.raw(method, path, form, by=by))
        connection.close()
        assert status == 200, (path, status, body[:300])
        return json.loads(body)

    def raw(
        self, method: str, path: str, form: str = "", accept: str = "application/json", *, by: str = "ada"
    ) -> bytes:
        """The bytes of a request with a person's token."""
        lines = [f"{method} {path} HTTP/1.1", f"host: 127.0.0.1:{self.server.port}", f"accept: {accept}"]
        if path.startswith("/api/"):
            lines.append(f"authorization: Bearer {self.tokens[by]}")
        if method == "POST":
            lines += ["content-type: application/x-www-form-urlencoded", f"content-length: {len(form)}"]
        return ("\r\n".join([*lines, "", ""]) + form).encode()

    async def posts(self) -> int:
        """How many posts there are."""
        return await self.db.read(_posts)

    async def done(self) -> int:
        """How many received activities are done."""
        return (await self.db.read(received.totals)).get("done", 0)

    async def settled(self, at_least: int) -> float:
        """Wait until nothing received waits and `at_least` are done; the moment when that was so.

        Raises AssertionError when nothing was done for a minute.
        """
        last, since = -1, time.perf_counter()
        while True:
            totals = await self.db.read(received.totals)
            if not totals.get("new") and not totals.get("working") and totals.get("done", 0) >= at_least:
                return time.perf_counter()
            if totals.get("done", 0) != last:
                last, since = totals.get("done", 0), time.perf_counter()
            assert time.perf_counter() - since < 60, totals
            await asyncio.sleep(0.02)


def _posts(tx: Tx) -> int:
    return tx.scalar(select(func.count()).select_from(posts)) or 0
