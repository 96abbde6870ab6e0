"""One HTTP/1.1 connection as a client has it: the bytes of a request out, one bounded answer in, again and again.

llhttp reads what comes (through httptools), strictly. A peer may send what it likes as slowly as it likes: the head is
bounded in bytes and in lines, the body by the caller, and time by whoever waits. Sockets and addresses are
`federation.transport`'s.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import httptools

from federation.errors import TooLarge, Unreachable

MAX_HEAD = 64 * 1024
"""Bytes of an answer's head at most, all its lines together ..."""
MAX_HEADERS = 200
"""... which are so many at most."""
_FRAMES = 8
"""Bytes that may come for each byte of a body in chunks: one alone takes six, and what a trailer has is held until it ends."""
_NO_BODY = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Unanswered(ConnectionError):
    """The connection ended before anything of an answer came."""


def request_bytes(method: str, target: str, authority: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """The bytes of a request. Compression is declined: a small answer must stay small.

    Raises ValueError when a header or the target has what would end its line.
    """
    lines = [f"{method} {target} HTTP/1.1"]
    if "host" not in headers:
        lines.append(f"host: {authority}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if "accept-encoding" not in headers:
        lines.append("accept-encoding: identity")
    if body is not None:
        lines.append(f"content-length: {len(body)}")
    head = "\r\n".join(lines)
    breaks = len(lines) - 1
    if " " in target or head.count("\n") != breaks or head.count("\r") != breaks or "\0" in head:
        raise ValueError("a line break or a blank where none may be")
    return b"%b\r\n\r\n%b" % (head.encode("utf-8", "surrogateescape"), body or b"")


class Connection(asyncio.Protocol):
    """A connection to one origin, for one exchange at a time; httptools calls the `on_` methods."""

    __slots__ = (
        "_body",
        "_complete",
        "_framed",
        "_head",
        "_head_size",
        "_headers",
        "_left",
        "_limit",
        "_parser",
        "_problem",
        "_size",
        "_status",
        "_until_close",
        "_waiting",
        "idle_since",
        "kept",
        "open",
        "transport",
    )

    def __init__(self) -> None:
        self.open = False
        self.kept = False  # another request may follow
        self.idle_since = 0.0
        self._parser: Any = httptools.HttpResponseParser(self)
        self._waiting: asyncio.Future[Response] | None = None
        self._begin(0)

    def _begin(self, limit: int) -> None:
        self._limit = limit
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = self._head_size = self._framed = 0
        self._left = MAX_HEADERS
        self._head = True  # which is not read to its end yet
        self._complete = self._until_close = False
        self._status = 0
        self._problem: Exception | None = None

    async def exchange(self, request: bytes, limit: int) -> Response:
        """The answer to a request, with at most `limit` bytes of body; whoever waits says for how long.

        Raises Unanswered, TooLarge, Unreachable for what is no HTTP, or OSError. After any of these the connection is
        closed; else `kept` says whether another request may follow.
        """
        if not self.open:
            raise Unanswered("the connection was closed")
        self._begin(limit)
        self.kept = False
        self._waiting = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        try:
            return await self._waiting
        finally:
            self._waiting = None
            if not (self.kept and self._complete):
                self.close()

    def close(self) -> None:
        """End it at once."""
        self.kept = False
        if self.open:
            self.open = False
            self.transport.abort()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are none by their class
        self.open = True

    def data_received(self, data: bytes) -> None:
        """Something came."""
        waiting = self._waiting
        if waiting is None or waiting.done():
            self.close()  # nobody asked: what is said now would be taken for the next answer
            return
        if self._head:
            self._head_size += len(data)
        else:
            self._framed += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as problem:
            if not self._complete:
                self._fail(self._problem or Unreachable(f"no HTTP: {problem}"[:300]))
                return
            self.kept = False  # the answer is whole, and what came behind it is none
        except httptools.HttpParserUpgrade:
            self._fail(Unreachable("an answer in another protocol"))
            return
        if self._complete:
            self._finish()
        elif self._head and self._head_size > MAX_HEAD:
            self._fail(Unreachable("a head without an end"))
        elif self._framed > MAX_HEAD + _FRAMES * self._size:
            self._fail(Unreachable("a body of frames and trailers"))

    def eof_received(self) -> bool:
        """The peer says nothing more."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection ended."""
        self.open = False
        if self._waiting is None or self._waiting.done():
            return
        if exc is None and self._until_close and not self._head:
            self._finish()
        elif self._head_size == 0:
            self._fail(Unanswered(str(exc or "closed before an answer")))
        else:
            self._fail(Unreachable(f"the connection ended within the answer: {exc or 'closed'}"[:300]))

    def _fail(self, problem: Exception) -> None:
        self.close()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(problem)

    def _finish(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(Response(self._status, self._headers, b"".join(self._body)))

    # What httptools calls. What these raise ends in `data_received` as an HttpParserError.

    def on_message_begin(self) -> None:
        """An answer begins: one that nobody asked for, when the last one is complete."""
        if self._complete:
            self.kept = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header of an answer, or of the trailer of its body, which is nobody's."""
        if self._complete or not self._head:
            return
        self._left -= 1
        if self._left < 0:
            self._refuse(Unreachable(f"more than {MAX_HEADERS} headers"))
        self._headers[name.decode("utf-8", "surrogateescape").lower()] = value.decode("utf-8", "surrogateescape")

    def on_headers_complete(self) -> None:
        """The head was read."""
        if self._complete:
            return
        if self._head_size > MAX_HEAD and sum(map(len, self._headers.values())) > MAX_HEAD:
            self._refuse(Unreachable("a head that is too long"))
        self._status = self._parser.get_status_code()
        if 100 <= self._status < 200:
            return  # the answer itself follows
        self._head = False
        self.kept = bool(self._parser.should_keep_alive())
        headers = self._headers
        if headers.get("content-encoding", "identity").lower() != "identity":
            self._refuse(Unreachable("a compressed answer that was not asked for", code="compressed"))
        length = headers.get("content-length")
        if length is not None and int(length) > self._limit and self._status not in _NO_BODY:
            self._refuse(TooLarge(f"an answer of {length[:20]} bytes", answered=self._status))
        self._until_close = length is None and "transfer-encoding" not in headers and self._status not in _NO_BODY

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        if self._complete:
            return
        self._size += len(piece)
        if self._size > self._limit:
            self._refuse(TooLarge(f"an answer over {self._limit} bytes", answered=self._status))
        self._body.append(piece)

    def on_message_complete(self) -> None:
        """The answer was read to its end, or a 1xx before it."""
        if not self._head:
            self._complete = True
            return
        self._headers = {}

    def _refuse(self, problem: Exception) -> None:
        self._problem = problem
        raise problem
