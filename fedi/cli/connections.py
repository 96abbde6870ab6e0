"""Connections of `fedi serve` whose other side is slow, silent or without end: what each may hold, and for how long.

uvicorn's own protocol waits for ever for the rest of a request, takes a head of any length, and holds an answer for as long
as nobody takes it. Here a request must come within its time, a head within its bytes; one address has so many requests
under way that are not complete, and all bodies together so many bytes. Who goes over that loses the connection that has
waited longest, so that an honest client behind the same address, which sends its request at once, still gets through.
What was closed, and why, is logged once a minute for each address.
"""

import asyncio
import logging
import resource
from collections.abc import Sequence, Sized
from ipaddress import ip_address, ip_network
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from fedi.limits import network

log = logging.getLogger("fedi.connections")

HEAD_BYTES = 64 << 10
"""Of a request line with all headers (Mastodon's proxies take 8 to 32 KiB)."""
HEAD_SECONDS = 20.0
"""From the connection, or from the first byte of a later request, to the end of its headers."""
BODY_SECONDS = 30.0
"""For a body, and a second more for each `BODY_RATE` bytes of it that came."""
BODY_RATE = 2048
UNFINISHED = 256
"""Connections of one address (of IPv6: one /64) without a complete request. Proxies that are trusted have no such bound."""
QUIET = 8192
"""Connections at most that are not being answered, of all addresses; fewer where the system gives fewer files."""
BODIES = 32 << 20
"""Bytes of bodies under way, all together. Uploads go to disk as they come and are not counted."""
STALLED_SECONDS = 60.0
"""How long a full buffer may wait for the other side to take anything of it."""
PIPELINED = 64
"""Requests that one connection may send ahead of their answers."""
_SMALL = 16 << 10
_SWEEP = 1.0
_LOG_EVERY = 60.0
_NOTED = 1000


class Http(HttpToolsProtocol):
    """One HTTP connection, with its bounds."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.watch: Watch = Watch.of(self.server_state, self.loop, self.config.forwarded_allow_ips)
        self.address = ""
        self.trusted = False
        self.answering: RequestResponseCycle | None = None
        self.began: float | None = None  # since when a request is awaited that is not complete; None: idle, or answered
        self.in_body = False
        self.head = 0  # bytes of the head so far
        self.framed = 0  # bytes after the head, with what frames a body that comes in chunks
        self.gathered = 0  # bytes of the body so far
        self.heavy = 0  # those of them that count for all bodies together

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """A request is awaited from now on."""
        super().connection_made(transport)
        self.flow = _Flow(transport, self.pipeline)
        address = self.client[0] if self.client else ""
        self.address, self.trusted = network(address), self.watch.trusts(address)
        self.began = self.loop.time()
        self.watch.unfinished(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """It ended."""
        super().connection_lost(exc)
        self.watch.gone(self)

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        if self.began is None and (self.answering is None or self.answering.response_complete):
            self.began = self.loop.time()
            self.watch.unfinished(self)
        if self.in_body:
            self.framed += len(data)
        else:
            self.head += len(data)
        super().data_received(data)
        if self.in_body:
            if self.framed > HEAD_BYTES + 8 * self.gathered:
                self.watch.close(self, "a body of frames and trailers", 400)
        elif self.head > HEAD_BYTES:
            self.watch.close(self, f"a head of more than {HEAD_BYTES >> 10} KiB", 431)

    def handle_websocket_upgrade(self) -> None:
        """It becomes a WebSocket."""
        self.watch.gone(self)  # from here on it is another protocol's
        super().handle_websocket_upgrade()

    def on_headers_complete(self) -> None:
        """The head of a request is there. Raises ValueError when too many others wait before it."""
        self.head = self.gathered = self.framed = 0
        self.in_body = True
        self.began = self.loop.time()
        super().on_headers_complete()
        if len(self.pipeline) > PIPELINED:
            raise ValueError("too many requests at once")  # ends the parser, which else reads on in what it has

    def on_body(self, body: bytes) -> None:
        """A piece of a body came."""
        self.gathered += len(body)
        if self.gathered > _SMALL:
            self.watch.weigh(self)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is there as a whole."""
        self.in_body = False
        self.began = None
        self.watch.complete(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """A request was answered."""
        super().on_response_complete()
        if not self.pipeline:
            self.flow.resume_reading()
        if self.heavy:
            self.watch.lighten(self)
        if not self.pipeline and self.cycle.response_complete and not self.transport.is_closing():
            if self.began is None:
                self.watch.quiet[self] = None
            else:  # answered before its body was complete, or another one is on its way behind it
                self.watch.unfinished(self)

    def pause_writing(self) -> None:
        """More of an answer waits to be taken than the other side takes."""
        super().pause_writing()
        self.watch.stalled[self] = self.loop.time()

    def resume_writing(self) -> None:
        """It takes again."""
        super().resume_writing()
        self.watch.stalled.pop(self, None)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self.answering = cycle
        super()._start_asgi_task(cycle, app)

    def send_400_response(self, msg: str) -> None:
        """It is no HTTP."""
        super().send_400_response(msg)
        self.let_go()

    def let_go(self) -> None:
        """Whatever is being answered on it is for nobody any more."""
        self.pipeline.clear()
        if self.answering is not None and not self.answering.response_complete:
            self.answering.disconnected = True
            self.answering.message_event.set()

    @property
    def uploads(self) -> bool:
        """Whether the request under way has files, which are not kept in memory."""
        return any(name == b"content-type" and value.startswith(b"multipart/") for name, value in self.headers)


class _Flow(FlowControl):
    """uvicorn's, which reads on after each answer, also while requests wait that were sent without waiting for answers."""

    def __init__(self, transport: asyncio.Transport, waiting: Sized) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        if not self._waiting and not self._transport.is_closing():
            super().resume_reading()


class Watch:
    """All connections of this process that are not being answered, longest waiting first, and by address."""

    def __init__(self, loop: asyncio.AbstractEventLoop, trusted: Sequence[str]) -> None:
        self._loop = loop
        self._trusted = [ip_network(one, strict=False) for one in trusted]
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._most = QUIET if files == resource.RLIM_INFINITY else max(64, min(QUIET, files // 2))
        self.quiet: dict[Http, None] = {}
        self.stalled: dict[Http, float] = {}
        self._by_address: dict[str, dict[Http, None]] = {}
        self._bodies: dict[Http, None] = {}
        self._weight = 0
        self._closed: dict[tuple[str, str], int] = {}
        self._logged: dict[str, float] = {}
        loop.call_later(_SWEEP, self._sweep)

    @classmethod
    def of(cls, state: Any, loop: asyncio.AbstractEventLoop, trusted: list[str] | str | None) -> "Watch":
        """The one of a server: its connections share `state`."""
        made: Watch | None = getattr(state, "watch", None)
        if made is None:
            made = state.watch = cls(loop, [trusted] if isinstance(trusted, str) else trusted or ())
        return made

    def trusts(self, address: str) -> bool:
        """Whether a proxy of the operator's is there, behind which everybody is."""
        return bool(self._trusted) and any(ip_address(address) in network for network in self._trusted)

    def unfinished(self, one: Http) -> None:
        """A request is awaited. The one of the same address that waits longest goes, when there are too many."""
        self.quiet.pop(one, None)
        self.quiet[one] = None
        if not one.trusted:
            waiting = self._by_address.setdefault(one.address, {})
            waiting.pop(one, None)
            waiting[one] = None
            if len(waiting) > UNFINISHED:
                self.close(next(iter(waiting)), f"more than {UNFINISHED} requests under way that are not complete")
        if len(self.quiet) > self._most:
            most = max(self._by_address.values(), key=len, default={})
            oldest = next(iter(most)) if len(most) > self._most // 4 else next(iter(self.quiet))
            self.close(oldest, f"more than {self._most} connections of all addresses")

    def complete(self, one: Http) -> None:
        """Its request is there as a whole."""
        self.quiet.pop(one, None)
        self._settle(one)

    def gone(self, one: Http) -> None:
        """It is no connection any more, or none of HTTP."""
        self.complete(one)
        self.stalled.pop(one, None)
        one.began = None
        if one.heavy:
            self.lighten(one)

    def weigh(self, one: Http) -> None:
        """Its body is no small one. The largest that is not complete goes when all together are too much."""
        if one.uploads:
            return
        self._bodies[one] = None
        self._weight += one.gathered - one.heavy
        one.heavy = one.gathered
        while self._weight > BODIES:
            unfinished = [other for other in self._bodies if other.began is not None]
            if not unfinished:
                return
            largest = max(unfinished, key=lambda other: other.heavy)
            self.close(largest, f"more than {BODIES >> 20} MiB of bodies under way, of which this was the largest", 503)
            self.lighten(largest)

    def lighten(self, one: Http) -> None:
        """Its body is dealt with."""
        self._bodies.pop(one, None)
        self._weight -= one.heavy
        one.heavy = 0

    def close(self, one: Http, reason: str, status: int | None = None) -> None:
        """End a connection; with a `status` it is told, unless an answer is on its way already."""
        self.quiet.pop(one, None)
        self._settle(one)
        one.began = None
        key = one.address, reason
        if key in self._closed or len(self._closed) < _NOTED:
            self._closed[key] = self._closed.get(key, 0) + 1
        transport = one.transport
        if transport.is_closing():
            return
        answering = one.answering
        if status is not None and (answering is None or answering.response_complete or not answering.response_started):
            transport.write(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status)
            transport.close()
        else:
            transport.abort()
        one.let_go()

    def _settle(self, one: Http) -> None:
        waiting = self._by_address.get(one.address)
        if waiting is not None:
            waiting.pop(one, None)
            if not waiting:
                del self._by_address[one.address]

    def _sweep(self) -> None:
        now = self._loop.time()
        try:
            for one in list(self.quiet):
                self._look(one, now)
            for one, since in list(self.stalled.items()):
                if now - since > STALLED_SECONDS:
                    del self.stalled[one]
                    self.close(one, f"takes nothing of an answer for {STALLED_SECONDS:.0f} s")
            self._log(now)
        finally:
            self._loop.call_later(_SWEEP, self._sweep)

    def _look(self, one: Http, now: float) -> None:
        if one.began is None:
            return  # idle; uvicorn ends it after a while
        if not one.in_body:
            if now - one.began > HEAD_SECONDS:
                self.close(one, f"no complete request head within {HEAD_SECONDS:.0f} s", 408)
        elif one.flow.read_paused:
            one.began = now  # it is we who don't read
            one.gathered = max(one.gathered - BODY_RATE, 0)
        elif now - one.began > BODY_SECONDS + one.gathered / BODY_RATE:
            self.close(one, f"a body that comes with less than {BODY_RATE >> 10} KiB a second", 408)

    def _log(self, now: float) -> None:
        if not self._closed:
            return
        for (address, reason), times in list(self._closed.items()):
            if now - self._logged.get(address, -_LOG_EVERY) < _LOG_EVERY:
                continue
            del self._closed[address, reason]
            log.warning("closed %d connections of %s: %s", times, address or "somebody", reason)
            self._logged.pop(address, None)
            self._logged[address] = now
            if len(self._logged) > _NOTED:
                self._logged.pop(next(iter(self._logged)))
