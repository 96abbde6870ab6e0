"""POST /inbox: prove who sent it, keep it, answer 202. What it means is worked out later (`fedi.inbox.process`).

A plain ASGI application, asked by `fedi.app` before any router. Cheap refusals come first; the signature is verified here,
which takes less time than to hand it to a thread; only the key of somebody unknown is fetched first, once however many wait
for it (`fedi.inbox.unknown`). What is proven is stored together with what else came within some ms (`fedi.inbox.gather`).
Every refusal tells its reason and is kept for the operator, within a bound (`fedi.inbox.refusals`); who sends nothing but
what is refused waits before anything of it is read (`fedi.inbox.forgeries`).
"""

import asyncio
import re
from collections.abc import Callable

from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from federation.activity import Activity, Authentic
from federation.errors import BadSignature, FederationError, TooLarge
from federation.hosts import host_of
from federation.parse import MAX_BYTES, parse
from federation.peering import sequence
from federation.signatures.verify import Claim, verify
from federation.synchronisation import HEADER
from fedi import fetching, policy
from fedi.context import Site
from fedi.inbox import refusals
from fedi.inbox.answers import ACCEPTED, LATER, Answer, busy, failed, full, refusal, suspended, unwanted
from fedi.inbox.backlog import RETRY, TOO_MUCH, Backlog
from fedi.inbox.forgeries import Forgeries, Name, claimed
from fedi.inbox.gather import Gatherer, Proven
from fedi.inbox.room import Room
from fedi.inbox.unknown import key_of_unknown
from fedi.limits import network
from fedi.policy import Judged
from fedi.signatures import claim_in, target
from storage.received import Arrived

PROVEN = 16 << 20
"""Bytes of activities in memory at most that are proven and wait for the disk, by the host that sent them."""
UNPROVEN = 16 << 20
"""The same of bodies that are still coming and of those that wait for a key, by the address that sent them."""
OVERHEAD = 2048
"""Bytes that an activity which waits takes beside its body."""
SLOWEST = 30.0
"""Seconds that a body may take to come."""

_USUAL = b"application/activity+json"
_KINDS = frozenset({"application/activity+json", "application/ld+json", "application/json"})
_WHATEVER_KEY = frozenset({"bad-date", "bad-digest"})
"""What is wrong with a signature whichever key made it."""
_PATH = re.compile(r"/(?:actor/|(?:people|groups)/[^/]+/)?inbox")
_HEADER = HEADER.encode()
_NUMBER = sequence.HEADER.encode()


class Inbox:
    """All inboxes of one instance: the shared one, and those of its people, groups and of itself. For one event loop."""

    def __init__(self) -> None:
        self._proven = Room(PROVEN)
        self._unproven = Room(UNPROVEN)
        self._forgeries = Forgeries()
        self._backlog: Backlog | None = None
        self._gatherer: Gatherer | None = None
        self._telling: set[asyncio.Task[None]] = set()

    def takes(self, path: str) -> bool:
        """Whether a POST to this path is for an inbox."""
        return path == "/inbox" or _PATH.fullmatch(path) is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one POST: 202 when the activity is kept (or was before); else the status and reason of
        `federation.errors`; 503 with Retry-After when it can't be kept now."""
        site: Site = scope["app"].state.site
        try:
            answer = await self._answer(site, scope, receive)
        except Exception as problem:  # noqa: BLE001 - whoever sent it is told
            answer = failed(problem)
        if answer is not None:
            await send(answer.start)
            await send(answer.body)

    def at_once(self, site: Site, scope: Scope, address: str, raw: bytes, told: Callable[[Answer], None]) -> bool:
        """Take a POST that came as a whole and needs nothing but to be proven and stored, as nearly all that come; `told`
        hears the answer later. False for all others, of which nothing is done: they are for `__call__`.

        `address` sent it, `raw` is its body. A task, its futures and the messages of ASGI cost as much as a proof.
        """
        headers: dict[bytes, bytes] = dict(scope["headers"])
        sender = network(address), claimed(headers)
        now = site.clock()
        if headers.get(b"content-type") != _USUAL or len(raw) > MAX_BYTES or self._forgeries.refuses(*sender, now):
            return False
        try:
            activity = parse(raw)
            claim = claim_in(site, scope["method"], target(scope), scope["headers"])
            key = site.cached_public_key(claim.key_id)
            if key is None:
                return False
            authentic = verify(claim, key, raw, now, activity)
        except FederationError:
            return False
        proven = _proven(site, authentic, claim, headers, now)
        host = proven.row.host
        if not self._proven.fits(host, len(raw) + OVERHEAD) or not self._backlog_of(site).enter(host, len(raw)):
            return False
        site.pressure.arrived()
        self._forgeries.good(*sender, host, now)
        self._keep(site, proven, told)
        return True

    def _keep(self, site: Site, proven: Proven, told: Callable[[Answer], None]) -> None:
        """Store what is proven and has its room; `told` hears the answer."""
        host, size, backlog = proven.row.host, len(proven.row.body) + OVERHEAD, self._backlog_of(site)
        self._proven.hold(host, size)

        def stored(came: Judged | Exception) -> None:
            self._proven.leave(host, size)
            if isinstance(came, Exception):
                backlog.leave(host, len(proven.row.body))
                told(failed(came))
            elif policy.refuses(came.decision) and came.decision.code in LATER:
                backlog.leave(host, len(proven.row.body))
                site.outcomes.add("refused", came.decision.code)
                told(suspended(came.decision))
            elif policy.refuses(came.decision):
                backlog.leave(host, len(proven.row.body))
                telling = asyncio.get_running_loop().create_task(_refused(site, proven.row, came, told))
                self._telling.add(telling)
                telling.add_done_callback(self._telling.discard)
            else:
                told(ACCEPTED)

        if self._gatherer is None:
            self._gatherer = Gatherer(site)
        self._gatherer.put(proven, stored)

    def _backlog_of(self, site: Site) -> Backlog:
        if self._backlog is None:
            self._backlog = Backlog(site)
        return self._backlog

    async def _answer(self, site: Site, scope: Scope, receive: Receive) -> Answer | None:
        """The answer; None for a sender who has gone."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        address = scope["client"][0] if scope.get("client") else ""
        sender = network(address), claimed(headers)
        if self._forgeries.refuses(*sender, site.clock()):
            site.outcomes.add("refused", "too-many-forgeries")
            return await self._forgeries.refuse()
        site.pressure.arrived()  # of what costs work only
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > MAX_BYTES:
            return refusal(413, TooLarge.code, f"an activity has at most {MAX_BYTES} bytes, not {int(length)}")
        kind = headers.get(b"content-type", b"")
        if kind != _USUAL and (plain := kind.partition(b";")[0].decode("latin-1").strip().lower()) not in _KINDS:
            return refusal(415, "wrong-content-type", f"send application/activity+json, not {plain or 'nothing'}")
        message = await receive()
        if message["type"] != "http.request":
            return None
        raw: bytes = message.get("body", b"")
        if message.get("more_body"):
            read = await self._rest(address, raw, receive)
            if not isinstance(read, bytes):
                return read
            raw = read
        proven = await self._prove(site, scope, headers, address, sender, raw)
        if isinstance(proven, Answer):
            return proven
        # From here on it is a row: what was read of the body is gone while it waits.
        row = proven.row
        if not self._proven.fits(row.host, len(raw) + OVERHEAD):
            return full()
        if not self._backlog_of(site).enter(row.host, len(raw)):
            await refusals.keep_decision(site, TOO_MUCH, row.host, row.actor, row.activity_id, row.type)
            return refusal(429, TOO_MUCH.code, TOO_MUCH.text, (b"retry-after", RETRY))
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def tell(answer: Answer) -> None:
            if not answered.done():  # else its sender has gone
                answered.set_result(answer)

        self._keep(site, proven, tell)
        return await answered

    async def _rest(self, address: str, begun: bytes, receive: Receive) -> bytes | Answer | None:
        """The whole body of which `begun` is the first part."""
        pieces, size, who = [begun], len(begun), network(address)
        if not self._unproven.enter(who, size):
            return full()
        try:
            async with asyncio.timeout(SLOWEST):
                while True:
                    message: Message = await receive()
                    if message["type"] != "http.request":
                        return None
                    piece: bytes = message.get("body", b"")
                    if size + len(piece) > MAX_BYTES:
                        return refusal(413, TooLarge.code, f"an activity has at most {MAX_BYTES} bytes")
                    if not self._unproven.enter(who, len(piece)):
                        return full()
                    pieces.append(piece)
                    size += len(piece)
                    if not message.get("more_body"):
                        return b"".join(pieces)
        except TimeoutError:
            return refusal(408, "too-slow", f"the body took longer than {SLOWEST:.0f} seconds")
        finally:
            self._unproven.leave(who, size)

    async def _prove(
        self, site: Site, scope: Scope, headers: dict[bytes, bytes], address: str, sender: Name, raw: bytes
    ) -> Proven | Answer:
        """Read it and prove who sent it; the answer where there is nothing more to be done."""
        activity: Activity | None = None
        claim: Claim | None = None
        try:
            if len(raw) > MAX_BYTES:
                raise TooLarge(f"an activity has at most {MAX_BYTES} bytes")
            activity = parse(raw)
            claim = claim_in(site, scope["method"], target(scope), scope["headers"])
            host, size = host_of(claim.key_id), len(raw) + OVERHEAD
            # Not proven yet, but only who is flooding, or lies about itself, hears of it; and it costs no proof.
            if not self._proven.fits(host, size):
                return full()
            key = site.cached_public_key(claim.key_id)
            if key is None:
                who, _ = sender
                if not self._unproven.enter(who, size):
                    return full()
                try:
                    found = await key_of_unknown(site, scope, who, activity, claim, host)
                finally:
                    self._unproven.leave(who, size)
                if isinstance(found, Answer):
                    if found.start["status"] == 503:  # more than is kept without a proof
                        self._forgeries.bad(*sender, site.clock())
                    return found
                key = found
            now = site.clock()
            try:
                authentic = verify(claim, key, raw, now, activity)
            except BadSignature as problem:
                if problem.code in _WHATEVER_KEY:
                    raise
                authentic = await self._with_new_key(site, address, activity, claim, problem)
                now = site.clock()
        except FederationError as problem:
            if problem.code == "bad-date" and site.clock_in_doubt:
                return busy("clock", "our clock seems to be wrong, so signatures can't be checked; try again", 300)
            if not problem.retry:
                self._forgeries.bad(*sender, site.clock())
            await refusals.keep(site, address, raw, activity, claim, problem)
            return refusal(problem.status, problem.code, problem.text)
        self._forgeries.good(*sender, host, now)
        return _proven(site, authentic, claim, headers, now)

    async def _with_new_key(
        self, site: Site, address: str, activity: Activity, claim: Claim, problem: BadSignature
    ) -> Authentic:
        """Prove it by the key as its owner gives it now, as it may have been changed. Raises as `verify`, or `problem`."""
        who, size = network(address), len(activity.raw) + OVERHEAD
        if not self._unproven.enter(who, size):
            raise problem
        try:
            key = await fetching.rotated_key(site, claim.key_id)
        finally:
            self._unproven.leave(who, size)
        if key is None:
            raise problem
        return verify(claim, key, activity.raw, site.clock(), activity)


def _proven(site: Site, authentic: Authentic, claim: Claim, headers: dict[bytes, bytes], now: int) -> Proven:
    """The row of what was proven at `now` ms, with what it says of its actor's followers."""
    activity = authentic.activity
    told = headers[_HEADER].decode("latin-1") if _HEADER in headers and HEADER in claim.covered else None
    number = headers[_NUMBER].decode("latin-1") if _NUMBER in headers and sequence.HEADER in claim.covered else None
    # The id is made in this moment, and then it goes into the queue: ids of an actor are in the order of arrival.
    row = Arrived(
        site.db.ids.next(now),
        activity.id,
        activity.type[:60],
        host_of(claim.key_id),
        activity.actor,
        claim.key_id,
        authentic.via,
        activity.raw,
        now,
        now,
    )
    return Proven(row, told, number)


async def _refused(site: Site, row: Arrived, judged: Judged, told: Callable[[Answer], None]) -> None:
    """Keep that policy refused it, then tell its sender."""
    try:
        await refusals.keep_decision(
            site, judged.decision, row.host, row.actor, row.activity_id, row.type, facts=judged.facts
        )
    finally:
        told(unwanted(site, judged.decision))


def routes(inbox: Inbox) -> list[Route]:
    """The addresses of inboxes, for the methods that they don't take: what is POSTed there never reaches the router."""
    paths = ("/inbox", "/actor/inbox", "/people/{name}/inbox", "/groups/{name}/inbox")
    return [Route(path, inbox, methods=["POST"]) for path in paths]
