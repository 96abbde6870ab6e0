"""`Site`: what every door and every action is handed: configuration, database, clock, client, keys."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy.exc import DBAPIError

from federation.client import Client
from federation.errors import FederationError, Refused
from federation.hosts import Networks, host_of
from federation.policy.compile import Compiled
from federation.policy.decide import Scope
from federation.signatures.keys import PrivateKey, PublicKey, load_private, load_public
from federation.transport import SocketTransport, Transport
from fedi import VERSION
from fedi.caches import Cache, Recent
from fedi.clock import WRONG, Doubt
from fedi.config import Config
from fedi.limits import Counts, Limits, OneByOne
from fedi.pressure import Pressure
from fedi.steps import Outcomes, Steps
from storage import keys, peers
from storage.database import Database
from storage.ids import newest
from storage.metadata import Tx

Clock = Callable[[], int]
"""The time now, in milliseconds since 1970 in UTC."""

MAIN_KEY = "#main-key"
"""What is behind an actor's IRI in the id of the RSA key that signs its requests."""
PROOF_KEY = "#ed25519-key"
"""The same of the Ed25519 key that signs its activities themselves (FEP-8b32)."""

_KEYS = 10_000
_KEY_BYTES = 12 << 20
KEY_AGE = 60_000
"""Ms for which a public key is used without a look at the database, where another process may have changed or dropped it."""
_KEY = 2_600
"""Bytes of a public key of RSA that was used, measured."""


def now() -> int:
    """The system's clock, in ms since 1970 in UTC."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Turns:
    """The questions to one host: how many run or wait, and the few that may run at once."""

    free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))
    wanted: int = 0


@dataclass(slots=True)
class Questions:
    """What `fedi.fetching` asks other servers right now, and what it asked in vain (until when in ms, and why)."""

    running: dict[str, "asyncio.Task[Any]"] = field(default_factory=dict)
    failed: dict[str, tuple[int, FederationError]] = field(default_factory=dict)
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(24))
    queues: dict[str, Turns] = field(default_factory=dict)


@dataclass(slots=True)
class Pushes:
    """By host of a push service: how many messages are under way, and until when (ms) one that gave no answer rests."""

    running: dict[str, int] = field(default_factory=dict)
    resting: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Policies:
    """What `fedi.policy` read: rules by the version of the policy, what agreements open by the IRI of their version (neither
    ever changes), and how much came of what rules count."""

    compiled: dict[int, Compiled] = field(default_factory=dict)
    digests: dict[int, str] = field(default_factory=dict)
    instead: dict[int, int] = field(default_factory=dict)  # which counts for one that can't be read
    scopes: dict[str, Scope] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)


@dataclass(frozen=True, slots=True)
class Site:
    """One instance as its code sees it; made once a process, by `fedi.app.build` or a command."""

    config: Config
    db: Database
    client: Client
    clock: Clock = now
    questions: Questions = field(default_factory=Questions)
    doubt: Doubt = field(default_factory=Doubt)
    pressure: Pressure = field(default_factory=Pressure)
    refusals: Limits = field(default_factory=Limits)
    rotations: Limits = field(default_factory=Limits)
    backfills: Limits = field(default_factory=Limits)
    synchronised: Limits = field(default_factory=Limits)
    pushes: Pushes = field(default_factory=Pushes)
    searches: Limits = field(default_factory=Limits)
    policies: Policies = field(default_factory=Policies)
    previews: Limits = field(default_factory=Limits)
    steps: Steps = field(default_factory=Steps)
    outcomes: Outcomes = field(default_factory=Outcomes)
    recent: Recent = field(default_factory=Recent)
    translations: Cache[str, tuple[int, Any]] = field(default_factory=lambda: Cache(2_000, 2 << 20))
    translated: dict[str, tuple[int, dict[str, list[str]]]] = field(
        default_factory=dict
    )  # languages, by the engine's URL
    processing: dict[int, "asyncio.Task[None]"] = field(
        default_factory=dict
    )  # what works uploaded files out, by their id
    hashing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))  # passwords at once: 64 MB each
    simulating: OneByOne = field(default_factory=OneByOne)  # policies are tried one at a time
    decoding: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))  # files worked out at once
    mailing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))  # mails under way at once
    _private: dict[str, tuple[str, PrivateKey]] = field(default_factory=dict)  # with the text it was loaded from
    _public: Cache[str, tuple[int, PublicKey]] = field(default_factory=lambda: Cache(_KEYS, _KEY_BYTES))

    def surely(self) -> int:
        """The time (ms) that it is by now at least: behind `clock` while that stands in doubt after a step far forward.

        For what ends by time and can't be brought back: what is deleted, sent no more, or published.
        """
        now = self.clock()
        return now - self.doubt.of(now)

    @property
    def clock_in_doubt(self) -> bool:
        """Whether our clock was just set far forward or back, or is far from those of the servers that we hear from."""
        now = self.clock()
        return self.doubt.of(now) > 0 or self.doubt.behind(now) or abs(self.client.dates.off(now) or 0) >= WRONG

    def new_id(self) -> int:
        """A new time-ordered id."""
        return self.db.ids.next(self.clock())

    def iri(self, path: str) -> str:
        """The IRI of something of this instance, from its path with a leading slash."""
        return self.config.origin + path

    def is_local(self, iri: str) -> bool:
        """Whether this IRI is one of this instance, also in another spelling of its host (case, a trailing dot): or
        whoever writes it so makes us ask ourselves, and take our own people for others'."""
        if iri.startswith(self.config.origin + "/"):
            return True
        try:
            return host_of(iri) == self.config.host
        except FederationError:
            return False

    @property
    def instance_iri(self) -> str:
        """The IRI of the instance's own actor, which signs fetches."""
        return self.iri("/actor")

    def private_key(self, tx: Tx, owner_iri: str, name: str = MAIN_KEY) -> PrivateKey:
        """A key of a local actor: the one that signs its requests, or the `PROOF_KEY`, which signs what it says.

        Key objects are kept, as loading one costs far more than a signature; the row is read each time, as another
        process may have changed the key. Raises LookupError when it has none here.
        """
        key_id = owner_iri + name
        row = keys.by_id(tx, key_id)
        if row is None or row.private is None:
            raise LookupError(f"{owner_iri} has no private key here")
        cached = self._private.get(key_id)
        if cached is not None and cached[0] == row.private:
            return cached[1]
        loaded = load_private(row.private, row.id)
        if len(self._private) >= _KEYS:
            self._private.pop(next(iter(self._private)))
        self._private[key_id] = row.private, loaded
        return loaded

    def public_key(self, tx: Tx, key_id: str) -> PublicKey | None:
        """A key that was read from its owner before; None when it is not known here.

        An actor's own IRI means its `publicKey` when it has one only: activitypub-express (Guppe, Immers) names no other,
        and Mastodon takes that.
        """
        cached = self.cached_public_key(key_id)
        if cached is not None:
            return cached
        now = self.clock()
        row = keys.by_id(tx, key_id)
        if row is None:
            listed = [one for one in keys.of_owner(tx, key_id) if one.public.startswith("-----BEGIN")]
            if len(listed) != 1:
                return None
            row = listed[0]
        loaded = load_public(row.public, key_id, row.owner)
        self._public.put(key_id, (now, loaded), _KEY + len(key_id) + len(row.owner))
        return loaded

    def cached_public_key(self, key_id: str) -> PublicKey | None:
        """As `public_key`, from memory only: what was read from the database within the last minute."""
        found = self._public.get(key_id)
        return found[1] if found is not None and 0 <= self.clock() - found[0] < KEY_AGE else None

    def forget_public_key(self, key_id: str) -> None:
        """Read the key from the database again next time."""
        self._public.forget(key_id)


def open_site(config: Config, *, transport: Transport | None = None, clock: Clock = now) -> Site:
    """The site of a configuration: its database is opened (not brought up to date: that is `fedi migrate`).

    `transport` replaces the real network, for several instances in one process. Close with `close_site`.
    """
    config.data.mkdir(parents=True, exist_ok=True)
    networks = Networks(config.federation.private_networks)
    ca_file = str(config.federation.ca_file) if config.federation.ca_file is not None else None
    agent = f"fedi/{VERSION} (+{config.origin})"
    services = transport or SocketTransport(Networks(("0.0.0.0/0", "::/0")), ca_file)
    client = Client(transport or SocketTransport(networks, ca_file), networks, agent, clock, services=services)
    db = Database(config.database)
    with contextlib.suppress(DBAPIError):  # there are no tables yet
        db.ids.after(db.read_now(newest))
    client.leads_to = partial(_not_shut, db)
    return Site(config, db, client, clock)


async def _not_shut(db: Database, host: str) -> None:
    """Raises Refused for a host that is blocked or suspended: who may be asked themselves must not lead us there."""
    peer = await db.read(lambda tx: peers.by_host(tx, host))
    if peer is not None and peer.stance in ("blocked", "suspended"):
        raise Refused(f"it leads to {host}, which is {peer.stance} here", answered=403)


async def close_site(site: Site) -> None:
    """End the connections and the database's threads of a site."""
    await site.client.close()
    site.db.close()
