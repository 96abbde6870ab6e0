"""Store together what comes in together: one transaction, one wait for the disk, for all that was proven within some ms.

Whoever waits is told after the commit, each what policy said of its own activity. Nothing is answered with a 2xx that is not
on disk, and what could not be stored is never answered with one.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import NamedTuple

from federation.activity import Authentic
from federation.errors import FederationError
from federation.parse import parse_again
from federation.peering.machine import TYPES
from federation.policy.decide import Policy
from federation.signatures.verify import authentic_stored
from federation.synchronisation import read_header
from fedi import policy
from fedi.actions import followers, numbers
from fedi.context import Site
from fedi.facts import Known
from fedi.inbox import ahead
from fedi.inbox.answers import LATER
from fedi.policy import Judged
from storage import links, received
from storage.database import StorageUnavailable
from storage.metadata import Tx
from storage.received import Arrived

WITHIN = 0.003
"""Seconds that the first of a batch waits for others."""
ROWS = 512
"""Activities in one transaction at most ..."""
BYTES = 4 << 20
"""... and bytes of their bodies."""


Told = Callable[[Judged | Exception], None]
"""Called with what policy decided of an activity, or with why it could not be stored. It must not raise."""


class Proven(NamedTuple):
    """An activity that was proven, on its way to disk; `told` is what its Collection-Synchronization header says, `number` its
    Peering-Seq."""

    row: Arrived
    told: str | None
    number: str | None = None


class Gatherer:
    """The activities of one process that wait to be stored, in the order in which they came. For one event loop.

    One batch is written at a time, and the next gathers meanwhile: what came first is never visible later.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._waiting: list[tuple[Proven, Told]] = []
        self._bytes = 0
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    def put(self, proven: Proven, told: Told) -> None:
        """Store it soon, unless policy refuses it or it was here already. Then, after the commit, `told` hears what policy
        decided; or StorageUnavailable when nothing can be stored now, or what else was wrong.
        """
        loop = asyncio.get_running_loop()
        if not self._waiting:
            self._since = loop.time()
        self._waiting.append((proven, told))
        self._bytes += len(proven.row.body)
        if self._writing is None:
            if len(self._waiting) >= ROWS or self._bytes >= BYTES:
                self._begin()
            elif self._timer is None:
                self._timer = loop.call_later(WITHIN, self._begin)

    def _begin(self) -> None:
        """Write what waits, as much as goes into one transaction."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        count = size = 0
        for proven, _ in self._waiting[:ROWS]:
            size += len(proven.row.body)
            if count and size > BYTES:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        self._bytes = sum(len(proven.row.body) for proven, _ in self._waiting)
        loop = asyncio.get_running_loop()
        self._since = loop.time()
        self._writing = loop.create_task(self._write(batch, followers.chances(self._site)))
        self._writing.add_done_callback(self._ended)

    def _ended(self, _: "asyncio.Task[None]") -> None:
        self._writing = None
        if self._waiting:
            loop = asyncio.get_running_loop()
            # Those that waited long enough while the last batch was written go as soon as its own have been told.
            self._timer = loop.call_at(max(self._since + WITHIN, loop.time()), self._begin)

    async def _write(self, batch: Sequence[tuple[Proven, Told]], may: Callable[[str], bool]) -> None:
        begun = perf_counter()
        try:
            several = [proven for proven, _ in batch]
            decided = await self._site.db.write(lambda tx: _store(tx, self._site, several, may))
        except Exception as problem:  # noqa: BLE001 - whoever waits is told
            if len(batch) == 1 or isinstance(problem, StorageUnavailable):
                for _, told in batch:
                    told(problem)
                return
            # One of them can't be stored: the others must not fail with it.
            for one in batch:
                await self._write([one], may)
            return
        self._site.steps.add("inbox.gather", perf_counter() - begun, len(batch))
        for (_, told), judged in zip(batch, decided, strict=True):
            told(judged)


def _store(tx: Tx, site: Site, several: Sequence[Proven], may: Callable[[str], bool]) -> list[Judged]:
    """Store all that policy takes; what it says of each."""
    decided = [policy.until_confirmed(tx, judged) for judged in _decided(tx, site, [one.row for one in several])]
    taken = [one for one, judged in zip(several, decided, strict=True) if not policy.refuses(judged.decision)]
    if taken:
        received.insert_arrived(tx, [one.row for one in taken])
        # Who speaks is awake: try what waits for them.
        links.wake_all(tx, list({one.row.host for one in taken}), taken[-1].row.received_at)
    for actor, told in {one.row.actor: one.told for one in taken if one.told is not None}.items():
        with contextlib.suppress(FederationError):  # it is an offer; what can't be read is passed over
            followers.heard(tx, site, actor, read_header(told), may)
    if any(one.number is not None for one in several):
        # What is refused for good has arrived as well; what must come again has not.
        final = [
            (one.row.host, one.number)
            for one, judged in zip(several, decided, strict=True)
            if one.number is not None and not (policy.refuses(judged.decision) and judged.decision.code in LATER)
        ]
        numbers.heard(tx, site, final)
    return decided


def _decided(tx: Tx, site: Site, several: Sequence[Arrived]) -> list[Judged]:
    """What policy says of what came in. It is asked again, with all that is known then, when it is worked out; here so that
    its sender hears at once what will never be taken. Without rules of its own it is a matter of the host alone, but for
    messages about agreements, which are how another host becomes one that we speak with."""
    rules, known = policy.current(tx, site), Known(tx, site)
    known.meet({one.host for one in several})
    if policy.has_rules(rules):
        read = [_read(one) for one in several]
        ahead.remember(tx, [one for one in read if one is not None])
        return [
            _of_host(tx, site, rules, known, row)
            if authentic is None
            else policy.judge(tx, site, rules, known.received(authentic, row.host), counts=False)
            for row, authentic in zip(several, read, strict=True)
        ]
    by_host: dict[tuple[str, str], Judged] = {}
    found = []
    for row in several:
        pair = row.host, row.type
        judged = by_host.get(pair) or by_host.setdefault(pair, _of_host(tx, site, rules, known, row))
        if policy.refuses(judged.decision) and (row.type in TYPES) and (authentic := _read(row)) is not None:
            judged = policy.judge(tx, site, rules, known.received(authentic, row.host), counts=False)
        found.append(judged)
    return found


def _of_host(tx: Tx, site: Site, rules: Policy, known: Known, row: Arrived) -> Judged:
    return policy.judge(tx, site, rules, known.host("in", row.host, activity=row.type), counts=False)


def _read(row: Arrived) -> Authentic | None:
    try:
        return authentic_stored(parse_again(row.body), row.key_id, row.via)
    except FederationError:
        return None  # it was read when it came; whatever is wrong now is found when it is worked out
