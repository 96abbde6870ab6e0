"""A real HTTP server on loopback whose answers a test writes byte by byte: what hostile and broken peers send."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

ACTIVITY_JSON = "application/activity+json"


@dataclass(slots=True)
class Request:
    """What came: target as sent, headers in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Writer:
    """How a connection is answered. To write to one that is closed raises ConnectionResetError: asyncio's own loop lets it
    pass, uvloop raises RuntimeError."""

    def __init__(self, stream: asyncio.StreamWriter) -> None:
        self._stream = stream

    def write(self, data: bytes) -> None:
        """As StreamWriter has it."""
        if self._stream.is_closing():
            raise ConnectionResetError("it is closed")
        self._stream.write(data)

    async def drain(self) -> None:
        """As StreamWriter has it."""
        await self._stream.drain()

    def is_closing(self) -> bool:
        """As StreamWriter has it."""
        return self._stream.is_closing()

    def close(self) -> None:
        """As StreamWriter has it."""
        self._stream.close()


Answer = bytes | Callable[[Writer], Awaitable[None]]


def answer(body: object = b"", status: int = 200, content_type: str = ACTIVITY_JSON, **headers: str) -> bytes:
    """A whole answer; a dict as body becomes JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(data)}", f"content-type: {content_type}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def redirect(location: str, status: int = 302) -> bytes:
    """A redirect."""
    return answer(b"", status, location=location)


@dataclass(slots=True)
class Peer:
    """The server: answers by target, and what it was asked. A list of answers is given one after another."""

    port: int = 0
    scheme: str = "http"
    routes: dict[str, Answer | list[Answer]] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)
    connections: int = 0

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        """The URL of a path here, by any name that leads here."""
        return f"{self.scheme}://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        """Answer requests on one connection until either side closes it."""
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = head[0].split(" ")
                pairs = [line.partition(":") for line in head[1:] if line]
                headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.asked.append(Request(method, target, headers, body))
                given = self.routes.get(target, answer(b"not here", 404, "text/plain"))
                if isinstance(given, list):
                    given = given.pop(0) if len(given) > 1 else given[0]
                if isinstance(given, bytes):
                    writer.write(given)
                    await writer.drain()
                else:
                    await given(writer)
                    if writer.is_closing():
                        return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def running(context: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    """A peer on a free port of 127.0.0.1, with TLS when a context is given."""
    peer = Peer(scheme="http" if context is None else "https")
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        await peer.serve(reader, Writer(writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
