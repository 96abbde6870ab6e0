"""One turn of one link: sign and POST its parcels, and have written down what came of each (`fedi.outbox.ledger`).

Rows of one actor go one after the other, so that they arrive in order; rows of different actors go side by side within
the link's window. The cursor moves over the settled rows from the beginning on: what was delivered beyond one that was
not is sent again, and the receiver knows it.
"""

import asyncio
import logging
import random
from collections import defaultdict
from dataclasses import dataclass
from time import perf_counter

from federation.delivery import LinkState, Outcome, after, outcome_of
from federation.errors import FederationError, Unreachable
from fedi.context import MAIN_KEY, Site
from fedi.outbox.fanout import Parcel, Turn
from fedi.outbox.ledger import Entry, Ledger
from fedi.outbox.traffic import Traffic

log = logging.getLogger(__name__)

SECONDS = 20.0
"""For one POST, whatever the client makes of it."""
STUCK_AFTER = 3
"""Failures in a row after which it is tried whether the host takes the next row: then it is the first that it can't take."""
TURN_SECONDS = 25.0
"""After so long no further row of a turn is begun, so that a slow host gives its place back."""


@dataclass(slots=True)
class _State:
    """What happens while a turn runs."""

    turn: Turn
    entry: Entry
    traffic: Traffic
    stop_at: float
    others: asyncio.Event | None
    broken: bool = False


async def run(site: Site, turn: Turn, traffic: Traffic, ledger: Ledger, others: asyncio.Event | None = None) -> int:
    """Deliver a turn's parcels and write down how it went; how many rows were settled comes back.

    `others` is set when all turns that were claimed with this one have begun: only then more than its first row is sent.
    """
    begun = perf_counter()
    stop_at = asyncio.get_running_loop().time() + TURN_SECONDS
    state = _State(turn, Entry(turn), traffic, stop_at, others)
    if turn.refused is None:
        await _deliver(site, state)
        site.steps.add("deliver.post", perf_counter() - begun, len(turn.parcels))
    await ledger.write(state.entry)
    return len(state.entry.settled)


async def _deliver(site: Site, state: _State) -> None:
    to_send: list[Parcel] = []
    for parcel in state.turn.parcels:
        if parcel.over is not None:
            state.entry.troubles.append((parcel, "", *parcel.over))
        if parcel.inboxes:
            to_send.append(parcel)
        else:
            state.entry.settled.add(parcel.row.position)
    if not to_send:
        return
    # The first goes alone: a host that does not answer holds one slot, not a window of them.
    before = state.entry.link
    await _send(site, state, to_send[0], asyncio.Semaphore(1))
    if state.broken and before.failures >= STUCK_AFTER and len(to_send) > 1:
        await _try_without(site, state, before, to_send.pop(0), to_send[0])
    if state.others is not None and len(to_send) > 1:
        await state.others.wait()
    window = asyncio.Semaphore(max(state.entry.link.window, 1))
    by_actor: dict[int, list[Parcel]] = defaultdict(list)
    for parcel in to_send[1:]:
        by_actor[parcel.row.actor_id].append(parcel)
    if not by_actor:
        return

    async def in_order(parcels: list[Parcel]) -> None:
        for parcel in parcels:
            if _stopped(state):
                return
            await _send(site, state, parcel, window)

    if len(by_actor) == 1:
        await in_order(to_send[1:])
    else:
        await asyncio.gather(*(in_order(parcels) for parcels in by_actor.values()))


async def _try_without(site: Site, state: _State, before: LinkState, stuck: Parcel, following: Parcel) -> None:
    """One activity that a peer's software breaks at (500 each time) must not hold up all that comes after it: when the
    host answers the next one, the first is set aside, to be tried again by itself (the job `redeliver`)."""
    failed = state.entry.link
    if not (failed.problem or "").startswith("server-error"):
        return
    state.broken, state.entry.link = False, before
    await _send(site, state, following, asyncio.Semaphore(1))
    if following.row.position in state.entry.settled and not state.broken:
        state.entry.aside.append(stuck)
        state.entry.settled.add(stuck.row.position)
    else:
        state.broken, state.entry.link = True, failed


def _stopped(state: _State) -> bool:
    """Whether no further row should be begun: something was not settled, the link is closed, or time is up."""
    return state.broken or state.entry.link.state != "open" or asyncio.get_running_loop().time() > state.stop_at


async def _send(site: Site, state: _State, parcel: Parcel, window: asyncio.Semaphore) -> None:
    if len(parcel.inboxes) == 1:
        settled = [await _post(site, state, parcel, parcel.inboxes[0], window)]
    else:
        settled = await asyncio.gather(*(_post(site, state, parcel, inbox, window) for inbox in parcel.inboxes))
    if all(settled):
        state.entry.settled.add(parcel.row.position)
    else:
        state.broken = True


async def _post(site: Site, state: _State, parcel: Parcel, inbox: str, window: asyncio.Semaphore) -> bool:
    """POST to one inbox; whether that is over, one way or the other."""
    error: FederationError | None = None
    async with window, state.traffic:
        if _stopped(state):
            return False
        begun = perf_counter()
        try:
            async with asyncio.timeout(SECONDS):
                assert parcel.key is not None  # noqa: S101 - a parcel with inboxes has one
                await site.client.post(
                    inbox, parcel.row.body, parcel.key, parcel.digest, parcel.headers, parcel.quick_key
                )
        except FederationError as problem:
            error = problem
        except TimeoutError:
            error = Unreachable(f"no answer within {SECONDS:.0f} seconds")
        except Exception as problem:  # a bug on our side must not stop the link for ever, nor the other links at all
            log.exception("sending %s to %s failed", parcel.row.activity_id, inbox)
            error = Unreachable(f"{type(problem).__name__}: {problem}")
    site.outcomes.add("delivered", "taken" if error is None else error.code)
    outcome = outcome_of(error)
    state.entry.posts.append((outcome.kind, 1000 * (perf_counter() - begun)))
    if outcome.kind == "refused" and await _rotated(site, parcel):
        return False  # by the key that its actor has now it may well be taken
    if outcome.kind == "gone":
        state.entry.gone.append(inbox)
        outcome = Outcome("gone", outcome.reason)
    state.entry.link = after(state.entry.link, outcome, site.clock(), random.random(), state.turn.agreed)  # noqa: S311 - jitter
    if outcome.kind in ("refused", "gone"):
        state.entry.troubles.append((parcel, inbox, outcome.kind, outcome.reason))
    return outcome.settled


async def _rotated(site: Site, parcel: Parcel) -> bool:
    """Whether the key that signed a parcel was changed after its turn was planned."""
    used = parcel.key
    if used is None:
        return False
    try:
        now = await site.db.read(lambda tx: site.private_key(tx, used.id.removesuffix(MAIN_KEY)))
    except LookupError:
        return False
    return now.key.public_key() != used.key.public_key()
