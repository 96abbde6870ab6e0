"""The one file with sockets: one HTTP exchange, guarded. What is asked, and what an answer means, is `federation.client`.

The very address that is connected to is checked (in the resolver, and again where the socket is made, so that neither an
address in the URL nor a changed DNS answer slips by), bytes and time are capped, and nothing of the environment (proxies,
cookies, netrc) is used.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import AddrInfoType
from yarl import URL

from federation.errors import AddressForbidden, TooLarge, Unreachable
from federation.hosts import Networks

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


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
    """An address that may not be connected to; an OSError, so that it passes through the event loop as one."""


class _Resolver(AbstractResolver):
    """The system's resolver, with `*.localhost` known (RFC 6761) and forbidden addresses left out."""

    def __init__(self, networks: Networks) -> None:
        self.networks = networks

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await _lookup(host, port, family)
        allowed = [(kind, address) for kind, address in found if _allowed(self.networks, address, port)]
        if not allowed:
            # For the operator only: what a name means inside is nobody's business who makes us ask.
            log.info("%s leads to %s, which is not asked", host, found[0][1] if found else "no address")
            raise _Forbidden(f"{host} leads to no address that may be asked")
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST
            )
            for kind, address in allowed
        ]  # fmt: skip

    async def close(self) -> None:
        pass


async def _lookup(host: str, port: int, family: socket.AddressFamily) -> list[tuple[socket.AddressFamily, str]]:
    """The addresses of a name, with their families. Raises OSError when there are none."""
    if host == "localhost" or host.endswith(".localhost"):
        return [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
    return [(info[0], str(info[4][0])) for info in infos]


def _allowed(networks: Networks, address: str, port: int) -> bool:
    """Public addresses on port 443 only; private networks that the operator allows on any."""
    return networks.permits(address) if port == 443 else networks.is_private(address)


class AiohttpTransport:
    """HTTP over aiohttp, with kept connections. `ca_file` adds certificate authorities (PEM) to the system's.

    It belongs to the event loop of its first request.
    """

    def __init__(self, networks: Networks, ca_file: str | None = None) -> None:
        self.networks = networks
        self._ssl = ssl.create_default_context()
        if ca_file is not None:
            self._ssl.load_verify_locations(cafile=ca_file)
        self._session: aiohttp.ClientSession | None = None

    def _socket(self, info: AddrInfoType) -> socket.socket:
        family, kind, proto, _, address = info
        if not _allowed(self.networks, str(address[0]), int(address[1])):
            log.info("%s port %s is not asked", address[0], address[1])
            raise _Forbidden("an address, or a port, that may not be asked")
        return socket.socket(family, kind, proto)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                ssl=self._ssl,
                resolver=_Resolver(self.networks),
                socket_factory=self._socket,
                limit=256,
                limit_per_host=16,
                ttl_dns_cache=60,
                keepalive_timeout=30,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                max_line_size=16384,
                max_field_size=16384,
            )
        return self._session

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, timeout: float, limit: int
    ) -> Response:
        """As `Transport.send`. A connection that the peer closed while it was idle is replaced once."""
        try:
            async with asyncio.timeout(timeout):
                try:
                    return await self._exchange(method, url, headers, body, limit)
                except (aiohttp.ServerDisconnectedError, ConnectionResetError):
                    return await self._exchange(method, url, headers, body, limit)
        except TimeoutError as error:
            raise Unreachable(f"no full answer within {timeout:g} s from {url[:200]}", code="timeout") from error
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, _Forbidden):
                raise AddressForbidden(str(error.os_error)) from error
            raise Unreachable(f"no connection: {error.os_error}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}"[:300]) from error

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, limit: int
    ) -> Response:
        # The URL goes out as it was signed (`encoded`). Compression is declined: a small answer must stay small.
        request = self._open().request(
            method,
            URL(url, encoded=True),
            headers={"accept-encoding": "identity", **headers},
            data=body,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None),
        )
        async with request as answer:
            if answer.headers.get("content-encoding", "identity").lower() != "identity":
                raise Unreachable("a compressed answer that was not asked for", code="compressed")
            if answer.content_length is not None and answer.content_length > limit:
                answer.close()
                raise TooLarge(f"an answer of {answer.content_length} bytes from {url[:200]}", answered=answer.status)
            pieces: list[bytes] = []
            size = 0
            async for piece in answer.content.iter_any():
                size += len(piece)
                if size > limit:
                    answer.close()
                    raise TooLarge(f"an answer over {limit} bytes from {url[:200]}", answered=answer.status)
                pieces.append(piece)
            found = {name.lower(): value for name, value in answer.headers.items()}
            return Response(answer.status, found, b"".join(pieces))

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None
