"""Benchmark of streaming: `python -m tests.bench.streams [--sockets N] [--people N]`: a table.

One real `fedi serve` process on SQLite; the sockets are opened by this process, over loopback, each subscribed to its
person's home and notifications, as Phanpy does. They speak as little WebSocket as possible, to cost less than what is measured.
"""

import argparse
import asyncio
import base64
import os
import secrets
import statistics
import struct
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from federation.signatures.keys import generate_rsa
from fedi.actions import follows, people
from fedi.callers import SCOPES
from fedi.config import load
from fedi.context import close_site, open_site
from storage import apps
from storage.apps import App, Token, hashed
from storage.metadata import Tx
from tests.bench.wire import Connection
from tests.servers import Server

EVENTS = 10
_ADDRESSES = 4
"""Addresses of ours: one has ports for some 28,000 connections, but each is looked for longer as they fill up."""


@dataclass(slots=True)
class Client:
    """One socket."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    at: list[float] = field(default_factory=list)

    async def listen(self) -> None:
        """Note when each text message came; answer pings."""
        while True:
            first, second = await self.reader.readexactly(2)
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack("!H", await self.reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
            data = await self.reader.readexactly(size)
            if first & 0x0F == 1 and b'"update"' in data[:60]:
                self.at.append(time.perf_counter())
            elif first & 0x0F == 9:
                self.writer.write(_frame(data, 0x8A))


def _frame(data: bytes, kind: int = 0x81) -> bytes:
    """A frame of a client; the mask is zero, which is a mask as any other."""
    return bytes((kind, 0x80 | len(data))) + b"\0\0\0\0" + data


async def opened(port: int, token: str, number: int) -> Client:
    """A socket that listens to `user` and `user:notification`."""
    ours = (f"127.0.0.{2 + number % _ADDRESSES}", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=ours, limit=1 << 16)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /api/v1/streaming HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: {token}\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101"), head
    for stream in ("user", "user:notification"):
        writer.write(_frame(msgspec.json.encode({"type": "subscribe", "stream": stream})))
    return Client(reader, writer)


def memory(pid: int) -> int:
    """KiB that a process holds."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


def cpu(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def filled(server: Server, count: int) -> list[str]:
    """Tokens of `count` people; all of them follow the first."""
    site = open_site(load(server.config, {}))
    pair = generate_rsa()
    setattr(people, "generate_rsa", lambda: pair)  # noqa: B010 - one for all: making one takes longer than all the rest
    tokens = [secrets.token_urlsafe(24) for _ in range(count)]

    def fill(tx: Tx) -> None:
        now = site.clock()
        app = App(site.new_id(), "bench", hashed("bench"), "Bench", None, [], " ".join(SCOPES), now)
        apps.insert_app(tx, app)
        first: Any = None
        for number, token in enumerate(tokens):
            one = people.register(tx, site, username=f"p{number}", email=f"p{number}@example.edu")
            apps.insert_token(
                tx, Token(site.new_id(), hashed(token), app.id, one.id, " ".join(SCOPES), now, None, None)
            )
            if first is None:
                first = one
            else:
                follows.follow(tx, site, one, first)

    await site.db.write(fill)
    await close_site(site)
    return tokens


async def main(server: Server, count: int, persons: int) -> None:
    """Open the sockets, look at the process, tell everyone something."""
    tokens = await filled(server, persons)
    server.start()
    assert server.process is not None
    pid = server.process.pid
    api = Connection(server.url)
    raw = f"GET /api/v1/timelines/home HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {tokens[0]}\r\n\r\n".encode()
    for _ in range(50):
        await api.send(raw)
    before, used, begun = memory(pid), cpu(pid), time.perf_counter()
    clients: list[Client] = []
    for at in range(0, count, 100):
        some = range(at, min(at + 100, count))
        clients += await asyncio.gather(*(opened(server.port, tokens[number % persons], number) for number in some))
    took = time.perf_counter() - begun
    listening = [asyncio.create_task(client.listen()) for client in clients]
    await asyncio.sleep(3)
    after = memory(pid)
    print(f"{'sockets open':<52}{count:>12,}")
    print(f"{'opened (2 subscriptions each)':<52}{count / took:>12,.0f} per second")
    print(f"{'server CPU for each':<52}{1000 * (cpu(pid) - used) / count:>12.2f} ms")
    print(f"{'memory before and after':<52}{before / 1024:>12,.0f} and {after / 1024:,.0f} MiB")
    print(f"{'memory for each':<52}{(after - before) / count:>12.1f} KiB")
    used = cpu(pid)
    await asyncio.sleep(30)
    print(f"{'CPU while idle, one ping to each':<52}{100 * (cpu(pid) - used) / 30:>12.1f} %")
    first, last, spent = [], [], []
    for number in range(EVENTS):
        used, begun = cpu(pid), time.perf_counter()
        form = f"status=event+{number}+" + "x" * 200
        request = (
            f"POST /api/v1/statuses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {tokens[0]}\r\n"
            f"content-type: application/x-www-form-urlencoded\r\ncontent-length: {len(form)}\r\n\r\n{form}"
        )
        status, _ = await api.send(request.encode())
        assert status == 200
        while sum(len(client.at) for client in clients) < count * (number + 1):
            assert time.perf_counter() - begun < 60, "not everyone was told"
            await asyncio.sleep(0.01)
        times = [client.at[-1] - begun for client in clients]
        first.append(1000 * min(times))
        last.append(1000 * max(times))
        spent.append(1000 * (cpu(pid) - used))
    print(f"{'one post to all: from request to the first':<52}{statistics.median(first):>12,.0f} ms")
    print(f"{'one post to all: from request to the last':<52}{statistics.median(last):>12,.0f} ms")
    print(f"{'one post to all: server CPU':<52}{statistics.median(spent):>12,.0f} ms")
    begun = time.perf_counter()
    await asyncio.to_thread(server.stop)
    print(f"{'the server ends, all told so, within':<52}{time.perf_counter() - begun:>12.1f} s")
    await asyncio.gather(*listening, return_exceptions=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.streams", description="The benchmark of streaming.")
    parser.add_argument("--sockets", type=int, default=5000)
    parser.add_argument("--people", type=int, default=1000, help="all follow one, who posts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fedi-bench-") as folder:
        instance = Server(Path(folder), f"sqlite:///{folder}/fedi.db", "Bench")
        instance.init()
        import uvloop

        uvloop.run(main(instance, options.sockets, options.people))
