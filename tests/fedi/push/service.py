"""A push service on loopback, over real HTTP: it keeps what it gets, and answers as it is told."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tests.fedi.push.browser import Browser
from tests.servers import free_port


@dataclass(frozen=True, slots=True)
class Message:
    """A request that came in; names of headers in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    def read(self, browser: Browser) -> Any:
        """The JSON in it, as the app of this browser reads it, in whichever form it was sealed."""
        if self.headers["content-encoding"] == "aes128gcm":
            return msgspec.json.decode(browser.read(self.body))
        assert self.headers["content-encoding"] == "aesgcm"
        return msgspec.json.decode(browser.read_legacy(self.body, self.headers))


@dataclass(slots=True)
class Service:
    """The service. `answers` are (status, further header lines) for the next requests; after them it is 201."""

    port: int = field(default_factory=free_port)
    got: list[Message] = field(default_factory=list)
    answers: deque[tuple[int, str]] = field(default_factory=deque)
    silent: bool = False
    _server: Any = None

    def endpoint(self, name: str) -> str:
        """Where messages for `name` go."""
        return f"http://127.0.0.1:{self.port}/send/{name}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = {
                name.lower(): value.strip() for name, _, value in (one.partition(":") for one in head[1:] if one)
            }
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            assert method == "POST"
            if self.silent:
                return  # hangs up without a word
            self.got.append(Message(path, headers, body))
            status, more = self.answers.popleft() if self.answers else (201, "")
            writer.write(f"HTTP/1.1 {status} x\r\n{more}content-length: 0\r\nconnection: close\r\n\r\n".encode())
            await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()
