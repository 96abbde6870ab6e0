"""The one file with sockets: one HTTP exchange, guarded. What is asked, and what an answer means, is `federation.client`;
how an answer is read is `federation.http1`.

The very address that is connected to is checked (when a name is looked up, and again where the socket is made, so that
neither an address in the URL nor a changed DNS answer slips by), bytes and time are capped, and nothing of the environment
(proxies, cookies, netrc) is used.
"""

import asyncio
import logging
import re
import socket
import ssl
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from federation.errors import AddressForbidden, TooLarge, Unreachable
from federation.hosts import Networks
from federation.http1 import Connection, Response, Unanswered, request_bytes

log = logging.getLogger(__name__)

MOST = 448
"""Connections in use at once ..."""
MOST_AT_ORIGIN = 16
"""... of them to one origin ..."""
MOST_IDLE = 256
"""... and those that are kept for the next request at most ..."""
IDLE_SECONDS = 30.0
"""... for so long."""
KNOWN_SECONDS = 60.0
"""How long the addresses of a name are used ..."""
_LATE = 1.0
"""... and after so many seconds without a new answer, the old one goes on being used ..."""
_KEPT_SECONDS = 3600.0
"""... if it is not older than this. A resolver that hangs then stops no delivery to hosts that are known."""
_NAMES = 4096
_LOOKUPS = 32
_NEXT_ADDRESS = 0.25
"""Seconds that one address of a host is waited for before the next is tried beside it (RFC 8305 section 5)."""
_ADDRESSES = 6
_URL = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[^/?#:@\[\]\\\s]+)(?::([0-9]{1,5}))?([/?][^#\s]*)?", re.ASCII)

Address = tuple[socket.AddressFamily, str]
__all__ = ["Response", "SocketTransport", "Transport"]


class Transport(Protocol):
    """One HTTP exchange, without redirects; what `Client` speaks over."""

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, timeout: float, limit: int
    ) -> Response:
        """Send a request and read the whole answer within `timeout` seconds and `limit` bytes.

        Raises Unreachable, TooLarge or AddressForbidden.
        """
        ...

    async def close(self) -> None:
        """Give back what is held."""
        ...


class _Forbidden(OSError):
    """An address that may not be connected to."""


_resolvers = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="resolve")
"""Of its own, so that names which are never answered take no thread that others wait for."""


async def _lookup(host: str, port: int, family: socket.AddressFamily) -> list[Address]:
    """The addresses of a name, with their families; `*.localhost` is known (RFC 6761). Raises OSError for none."""
    if host == "localhost" or host.endswith(".localhost"):
        return [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    loop = asyncio.get_running_loop()
    infos = await loop.run_in_executor(_resolvers, socket.getaddrinfo, host, port, family, socket.SOCK_STREAM)
    return [(info[0], str(info[4][0])) for info in infos]


def _allowed(networks: Networks, address: str, port: int) -> bool:
    """Public addresses on port 443 only; private networks that the operator allows on any."""
    return networks.permits(address) if port == 443 else networks.is_private(address)


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where a URL leads: `name` as resolvers take it, `authority` as the Host header has it."""

    secure: bool
    name: str
    port: int
    authority: str


@dataclass(slots=True)
class _Place:
    """The connections to one origin, and how many requests are there now."""

    idle: deque[Connection] = field(default_factory=deque)
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_AT_ORIGIN))
    users: int = 0


class SocketTransport:
    """HTTP/1.1 over asyncio's connections, which are kept for some time. `ca_file` adds certificate authorities (PEM) to
    the system's.

    It belongs to the event loop of its first request.
    """

    def __init__(self, networks: Networks, ca_file: str | None = None) -> None:
        self.networks = networks
        self._ca_file = ca_file
        self._ssl: ssl.SSLContext | None = None
        self._places: dict[_Origin, _Place] = {}
        self._slots = asyncio.Semaphore(MOST)
        self._names: dict[tuple[str, int], tuple[float, list[Address]]] = {}
        self._asking: dict[tuple[str, int], asyncio.Task[list[Address]]] = {}
        self._sweeping: asyncio.TimerHandle | None = None
        self._idle = 0
        self._used: set[Connection] = set()

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, timeout: float, limit: int
    ) -> Response:
        """As `Transport.send`. A connection that the peer closed while it was idle is replaced."""
        try:
            origin, target = _split(url)
            request = request_bytes(method, target, origin.authority, headers, body)
            async with asyncio.timeout(timeout):
                return await self._send(origin, request, limit)
        except TimeoutError as error:
            raise Unreachable(f"no full answer within {timeout:g} s from {url[:200]}", code="timeout") from error
        except _Forbidden as error:
            raise AddressForbidden(str(error)) from error
        except TooLarge as error:
            raise TooLarge(f"{error.text} from {url[:200]}", answered=error.answered) from error
        except (OSError, ValueError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}"[:300]) from error

    async def _send(self, origin: _Origin, request: bytes, limit: int) -> Response:
        place = self._places.get(origin)
        if place is None:
            place = self._places[origin] = _Place()
        place.users += 1
        try:
            # The origin's own bound first: who waits for it takes nobody's place elsewhere.
            async with place.slots, self._slots:
                while (kept := self._kept(place)) is not None:
                    try:
                        return await self._exchange(place, kept, request, limit)
                    except Unanswered:
                        continue  # closed while it was idle, as often happens
                fresh = await self._connect(origin)
                return await self._exchange(place, fresh, request, limit)
        finally:
            place.users -= 1
            if not place.users and not place.idle:
                self._places.pop(origin, None)

    async def _exchange(self, place: _Place, connection: Connection, request: bytes, limit: int) -> Response:
        self._used.add(connection)
        try:
            answer = await connection.exchange(request, limit)
        finally:
            self._used.discard(connection)
        if connection.kept and connection.open and self._idle < MOST_IDLE:
            loop = asyncio.get_running_loop()
            connection.idle_since = loop.time()
            place.idle.append(connection)
            self._idle += 1
            if self._sweeping is None:
                self._sweeping = loop.call_later(IDLE_SECONDS / 3, self._sweep)
        else:
            connection.close()
        return answer

    def _kept(self, place: _Place) -> Connection | None:
        """A connection that is still open, the one used last first."""
        while place.idle:
            connection = place.idle.pop()
            self._idle -= 1
            if connection.open:
                return connection
        return None

    def _sweep(self) -> None:
        """End what was idle for long, or was closed by the peer."""
        loop = asyncio.get_running_loop()
        until = loop.time() - IDLE_SECONDS
        for origin, place in list(self._places.items()):
            for connection in [one for one in place.idle if not one.open or one.idle_since <= until]:
                place.idle.remove(connection)
                self._idle -= 1
                connection.close()
            if not place.users and not place.idle:
                del self._places[origin]
        self._sweeping = loop.call_later(IDLE_SECONDS / 3, self._sweep) if self._idle else None

    async def _connect(self, origin: _Origin) -> Connection:
        addresses = await self._addresses(origin.name, origin.port)
        found = await self._first(addresses, origin.port)
        connection = Connection()
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: connection,
                sock=found,
                ssl=self._context() if origin.secure else None,
                server_hostname=origin.name if origin.secure else None,
            )
        except BaseException:
            connection.close()
            found.close()
            raise
        return connection

    def _context(self) -> ssl.SSLContext:
        """Reading all authorities takes time and memory, so only when it is needed."""
        if self._ssl is None:
            self._ssl = ssl.create_default_context()
            if self._ca_file is not None:
                self._ssl.load_verify_locations(cafile=self._ca_file)
        return self._ssl

    async def _addresses(self, name: str, port: int) -> list[Address]:
        """The addresses of a name that may be asked. Raises _Forbidden when there are none, OSError when it has none."""
        key = (name, port)
        now = asyncio.get_running_loop().time()
        known = self._names.get(key)
        if known is not None and now - known[0] < KNOWN_SECONDS:
            return known[1]
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.create_task(self._ask(name, port))
            asking.add_done_callback(lambda task: self._asked(key, task))
        if known is not None and now - known[0] < _KEPT_SECONDS:
            await asyncio.wait((asking,), timeout=_LATE)
            if not asking.done():
                return known[1]
        return await asyncio.shield(asking)

    async def _ask(self, name: str, port: int) -> list[Address]:
        found = await _lookup(name, port, socket.AF_UNSPEC)
        allowed = [(kind, address) for kind, address in found if _allowed(self.networks, address, port)]
        if not allowed:
            # For the operator only: what a name means inside is nobody's business who makes us ask.
            log.info("%s leads to %s, which is not asked", name, found[0][1] if found else "no address")
            raise _Forbidden(f"{name} leads to no address that may be asked")
        return allowed

    def _asked(self, key: tuple[str, int], task: "asyncio.Task[list[Address]]") -> None:
        self._asking.pop(key, None)
        if task.cancelled() or task.exception() is not None:
            return
        if len(self._names) >= _NAMES:
            self._names.pop(next(iter(self._names)))
        self._names[key] = task.get_loop().time(), task.result()

    async def _first(self, addresses: list[Address], port: int) -> socket.socket:
        """A socket to the first address that answers, the next one tried beside it when one is slow."""
        if len(addresses) == 1:
            return await self.connect_to(*addresses[0], port)
        trying: set[asyncio.Task[socket.socket]] = set()
        waiting = deque(addresses[:_ADDRESSES])
        problem: BaseException | None = None
        try:
            while waiting or trying:
                if waiting:
                    trying.add(asyncio.create_task(self.connect_to(*waiting.popleft(), port)))
                done, trying = await asyncio.wait(
                    trying, timeout=_NEXT_ADDRESS if waiting else None, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    problem = task.exception()
                    if problem is None:
                        done.discard(task)
                        trying |= done
                        return task.result()
        finally:
            for task in trying:
                task.cancel()
                task.add_done_callback(_discard)
        raise problem or OSError("no address")

    async def connect_to(self, family: socket.AddressFamily, address: str, port: int) -> socket.socket:
        """A connected socket. Every connection passes here, so the address is judged here whatever led to it."""
        if not _allowed(self.networks, address, port):
            log.info("%s port %s is not asked", address, port)
            raise _Forbidden("an address, or a port, that may not be asked")
        made = socket.socket(family, socket.SOCK_STREAM)
        try:
            made.setblocking(False)
            await asyncio.get_running_loop().sock_connect(made, (address, port))
        except BaseException:
            made.close()
            raise
        return made

    async def close(self) -> None:
        """Close all connections."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        for asking in list(self._asking.values()):
            asking.cancel()
        for connection in [*self._used, *(one for place in self._places.values() for one in place.idle)]:
            connection.close()
        self._places.clear()
        self._idle = 0
        await asyncio.sleep(0)  # the loop gives the sockets back


def _discard(task: "asyncio.Task[socket.socket]") -> None:
    """Close a socket that came second."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()


def _split(url: str) -> tuple[_Origin, str]:
    """(origin, path and query) of a URL as it goes over the wire. Raises ValueError for what is none."""
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError(f"no URL that can be asked: {url[:200]}")
    scheme, name, port, target = found.groups()
    secure = scheme == "https"
    authority = name if port is None else f"{name}:{port}"
    number = int(port) if port is not None else 443 if secure else 80
    if not 0 < number < 65536:
        raise ValueError(f"no such port: {number}")
    target = target or "/"
    return _Origin(secure, name.strip("[]"), number, authority), target if target[0] == "/" else f"/{target}"
