"""A network whose hosts answer as a test says, and remote actors that follow somebody here."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec

from federation.client import Client
from federation.errors import Unreachable
from federation.hosts import Networks
from federation.transport import Response
from fedi.context import Site
from storage import peers
from storage.actors import Actor
from storage.database import Database
from storage.metadata import Tx
from tests.conftest import Clock
from tests.storage import rows

Answer = int | tuple[int, dict[str, str]] | Exception


@dataclass(slots=True)
class Network:
    """A Transport: `answers[host]` says what POSTs to a host get (202 if nothing is said); `got[host]` what came;
    a host in `wait` answers when that is set."""

    answers: dict[str, Callable[[str, Any], Answer]] = field(default_factory=dict)
    got: dict[str, list[tuple[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    tried: list[str] = field(default_factory=list)
    under_way: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    most: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    hang: set[str] = field(default_factory=set)
    wait: dict[str, asyncio.Event] = field(default_factory=dict)

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, timeout: float, limit: int
    ) -> Response:
        host = urlsplit(url).netloc
        if method != "POST" or body is None:
            raise Unreachable("this network takes deliveries only")
        assert "signature" in headers
        self.tried.append(host)
        self.under_way[host] += 1
        self.most[host] = max(self.most[host], self.under_way[host])
        try:
            await asyncio.sleep(0)
            if host in self.hang:
                await asyncio.sleep(3600)
            if host in self.wait:
                await self.wait[host].wait()
            document = msgspec.json.decode(body)
            answer = self.answers[host](url, document) if host in self.answers else 202
        finally:
            self.under_way[host] -= 1
        if isinstance(answer, Exception):
            raise answer
        status, more = answer if isinstance(answer, tuple) else (answer, {})
        if 200 <= status < 300:
            self.got[host].append((url, document))
        return Response(status, more, b"")

    async def close(self) -> None:
        """Nothing to close."""

    def names(self, host: str) -> list[str]:
        """The ids of what a host took, in order."""
        return [document["id"] for _, document in self.got[host]]


def site_on(network: Network, config: Any, db: Database, clock: Clock) -> Site:
    """An instance whose POSTs go to `network`."""
    return Site(config=config, db=db, client=Client(network, Networks(), "fedi-tests", clock), clock=clock)


def follower(
    tx: Tx, host: str, target: Actor, *, name: str = "reader", software: str | None = None, **more: Any
) -> Actor:
    """A person at `host` who follows `target` since ever."""
    made = rows.actor(tx, name, host, **more)
    rows.follow(tx, made, target)
    peers.meet(tx, host, 0)
    if software is not None:
        peers.change(tx, host, software=software, nodeinfo_at=2**60)
    return made
