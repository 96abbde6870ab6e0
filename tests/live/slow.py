"""A server whose hosts are slow in every way there is: each name `KIND….localhost` answers as its kind says, whatever it is
asked."""

import asyncio
import contextlib
import threading
from collections import Counter

KINDS = ("never", "drip", "head", "endless", "huge", "half")
"""No answer; a byte a second; a head a byte a second; a body without end; one that is said to have 10 GB; one that breaks off."""


class Slow:
    """It runs until `close`; `asked` counts the requests by kind, `sent` the bytes of endless bodies."""

    def __init__(self) -> None:
        self.port = 0
        self.asked: Counter[str] = Counter()
        self.sent = 0
        self._loop: asyncio.AbstractEventLoop
        self._ended: asyncio.Event
        started = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._run(started),), daemon=True)
        self._thread.start()
        assert started.wait(10)

    def host(self, kind: str, number: int = 0) -> str:
        """The authority of one of its hosts."""
        return f"{kind}{number}.localhost:{self.port}"

    async def _run(self, started: threading.Event) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await self._ended.wait()
        self._loop.remove_reader(server.sockets[0].fileno())
        await asyncio.sleep(0.01)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            kind = head.partition("host: ")[2].partition(".")[0].rstrip("0123456789")
            self.asked[kind] += 1
            await self._answer(kind, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # also when it ends itself: asyncio's streams (3.11) would print a trace for each that was cancelled
        finally:
            writer.transport.abort()

    async def _answer(self, kind: str, writer: asyncio.StreamWriter) -> None:
        begun = b"HTTP/1.1 200 OK\r\ncontent-type: application/activity+json\r\n"
        if kind == "never":
            await asyncio.sleep(3600)
        elif kind == "head":
            await self._drip(writer, begun * 1000)
        elif kind == "drip":
            writer.write(begun + b"content-length: 100000\r\n\r\n")
            await self._drip(writer, b" " * 100_000)
        elif kind == "half":
            writer.write(begun + b'content-length: 1000\r\n\r\n{"id":')
            await writer.drain()
        else:
            length = b"" if kind == "endless" else b"content-length: 10000000000\r\n"
            writer.write(begun + length + b'\r\n{"a":"')
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
                self.sent += 65536

    async def _drip(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(1)

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)
