"""One turn of one link: sign and POST its parcels, and write down what came of each.

Rows of one actor go one after the other, so that they arrive in order; rows of different actors go side by side within
the link's window. The cursor moves over the settled rows from the beginning on: what was delivered beyond one that was
not is sent again, and the receiver knows it.
"""

import asyncio
import logging
import random
from collections import defaultdict
from dataclasses import dataclass, field, replace

from federation.delivery import LinkState, Outcome, after, outcome_of
from federation.errors import FederationError, Unreachable
from federation.policy import Decision, Verdict
from fedi import policy
from fedi.actions import follows as follow_actions
from fedi.context import MAIN_KEY, Site
from fedi.outbox.fanout import Parcel, Turn
from storage import actors, audiences, follows, jobs, links, troubles
from storage.links import Link
from storage.metadata import Tx
from storage.troubles import Trouble

log = logging.getLogger(__name__)

SECONDS = 20.0
"""For one POST, whatever the client makes of it."""
REDELIVER_AFTER = 30 * 60_000
"""What was set aside is tried again after so long, in ms, and then later each time."""
BEGIN = 4
"""POSTs that begin in one round of the event loop."""
STUCK_AFTER = 3
"""Failures in a row after which it is tried whether the host takes the next row: then it is the first that it can't take."""
TURN_SECONDS = 25.0
"""After so long no further row of a turn is begun, so that a slow host gives its place back."""


@dataclass(slots=True)
class Traffic:
    """What all turns of a process share: `slots` bounds the POSTs under way, `pace` lets a few begin at a time.

    Signing takes a third of a millisecond. Were a hundred turns to do so in one round of the event loop, every request
    that waits for an answer would wait for all of them, at each of its steps.
    """

    slots: asyncio.Semaphore
    pace: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(BEGIN))


@dataclass(slots=True)
class _State:
    """What happens while a turn runs."""

    turn: Turn
    link: LinkState
    traffic: Traffic
    stop_at: float
    settled: set[int] = field(default_factory=set)
    troubles: list[tuple[Parcel, str, str, str]] = field(default_factory=list)  # parcel, inbox, kind, reason
    gone: list[str] = field(default_factory=list)
    aside: list[Parcel] = field(default_factory=list)
    broken: bool = False


async def run(site: Site, turn: Turn, traffic: Traffic) -> int:
    """Deliver a turn's parcels and write down how it went; how many rows were settled comes back."""
    stop_at = asyncio.get_running_loop().time() + TURN_SECONDS
    state = _State(turn, _state_of(turn.link), traffic, stop_at)
    if turn.refused is None:
        await _deliver(site, state)
    await site.db.write(lambda tx: _write_down(tx, site, state))
    return len(state.settled)


async def _deliver(site: Site, state: _State) -> None:
    to_send: list[Parcel] = []
    for parcel in state.turn.parcels:
        if parcel.over is not None:
            state.troubles.append((parcel, "", *parcel.over))
        if parcel.inboxes:
            to_send.append(parcel)
        else:
            state.settled.add(parcel.row.position)
    if not to_send:
        return
    # The first goes alone: a host that does not answer holds one slot, not a window of them.
    before = state.link
    await _send(site, state, to_send[0], asyncio.Semaphore(1))
    if state.broken and before.failures >= STUCK_AFTER and len(to_send) > 1:
        await _try_without(site, state, before, to_send.pop(0), to_send[0])
    window = asyncio.Semaphore(max(state.link.window, 1))
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
    failed = state.link
    if not (failed.problem or "").startswith("server-error"):
        return
    state.broken, state.link = False, before
    await _send(site, state, following, asyncio.Semaphore(1))
    if following.row.position in state.settled and not state.broken:
        state.aside.append(stuck)
        state.settled.add(stuck.row.position)
    else:
        state.broken, state.link = True, failed


def _stopped(state: _State) -> bool:
    """Whether no further row should be begun: something was not settled, the link is closed, or time is up."""
    return state.broken or state.link.state != "open" or asyncio.get_running_loop().time() > state.stop_at


async def _send(site: Site, state: _State, parcel: Parcel, window: asyncio.Semaphore) -> None:
    if len(parcel.inboxes) == 1:
        settled = [await _post(site, state, parcel, parcel.inboxes[0], window)]
    else:
        settled = await asyncio.gather(*(_post(site, state, parcel, inbox, window) for inbox in parcel.inboxes))
    if all(settled):
        state.settled.add(parcel.row.position)
    else:
        state.broken = True


async def _post(site: Site, state: _State, parcel: Parcel, inbox: str, window: asyncio.Semaphore) -> bool:
    """POST to one inbox; whether that is over, one way or the other."""
    error: FederationError | None = None
    async with window, state.traffic.slots:
        async with state.traffic.pace:
            await asyncio.sleep(0)
        if _stopped(state):
            return False
        try:
            async with asyncio.timeout(SECONDS):
                assert parcel.key is not None  # noqa: S101 - a parcel with inboxes has one
                await site.client.post(
                    inbox, parcel.row.body, parcel.key, headers=parcel.headers, quick_key=parcel.quick_key
                )
        except FederationError as problem:
            error = problem
        except TimeoutError:
            error = Unreachable(f"no answer within {SECONDS:.0f} seconds")
        except Exception as problem:  # a bug on our side must not stop the link for ever, nor the other links at all
            log.exception("sending %s to %s failed", parcel.row.activity_id, inbox)
            error = Unreachable(f"{type(problem).__name__}: {problem}")
    outcome = outcome_of(error)
    if outcome.kind == "refused" and await _rotated(site, parcel):
        return False  # by the key that its actor has now it may well be taken
    if outcome.kind == "gone":
        state.gone.append(inbox)
        outcome = Outcome("gone", outcome.reason)
    state.link = after(state.link, outcome, site.clock(), random.random(), state.turn.agreed)  # noqa: S311 - jitter
    if outcome.kind in ("refused", "gone"):
        state.troubles.append((parcel, inbox, outcome.kind, outcome.reason))
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


def _state_of(link: Link) -> LinkState:
    return LinkState(
        failures=link.failures,
        failing_since=link.failing_since,
        refused_in_row=link.refused_in_row,
        next_attempt_at=link.next_attempt_at,
        state=link.state,
        last_success_at=link.last_success_at,
        problem=link.problem,
    )


def _write_down(tx: Tx, site: Site, state: _State) -> None:
    """The link as it is now, the troubles, and what follows from inboxes that are gone."""
    turn, now = state.turn, site.clock()
    cursor = turn.looked
    for parcel in turn.parcels:
        if parcel.row.position not in state.settled and turn.refused is None:
            cursor = parcel.row.position - 1
            break
    retry_now = _forget_inboxes(tx, site, turn.link.host, state.gone)
    if retry_now:
        cursor = min(cursor, *(parcel.row.position - 1 for parcel, inbox, _, _ in state.troubles if inbox in retry_now))
    if turn.refused is not None:
        policy.keep(tx, site, turn.refused, "out", turn.link.host)
    for parcel, inbox, kind, reason in state.troubles:
        if inbox in retry_now:
            continue
        row = parcel.row
        troubles.add(
            tx, Trouble(site.new_id(), turn.link.host, inbox, row.position, row.activity_id, kind, reason[:500], now)
        )
        decision = Decision(Verdict.REJECT, kind, reason[:500])
        policy.keep(tx, site, decision, "out", turn.link.host, activity_id=row.activity_id, type=row.type)
    for parcel in state.aside:
        _set_aside(tx, site, turn.link.host, parcel)
    healthy = state.link.failures == 0
    links.save(
        tx,
        replace(
            turn.link,
            cursor=cursor,
            failures=state.link.failures,
            failing_since=state.link.failing_since,
            refused_in_row=state.link.refused_in_row,
            # Who had a turn goes behind those who wait for theirs.
            next_attempt_at=max(state.link.next_attempt_at, now) if healthy else state.link.next_attempt_at,
            state=state.link.state,
            last_success_at=state.link.last_success_at,
            problem=state.link.problem,
        ),
    )
    if turn.ask_software:
        host = turn.link.host
        jobs.add(tx, site.new_id(), "nodeinfo", host, {"host": host}, now)


def _set_aside(tx: Tx, site: Site, host: str, parcel: Parcel) -> None:
    row, now = parcel.row, site.clock()
    reason = "its server fails at this activity, and takes others; it is tried again by itself"
    made = Trouble(site.new_id(), host, "", row.position, row.activity_id, "stuck", reason, now)
    troubles.add(tx, made)
    payload = {"host": host, "position": row.position, "trouble": made.id}
    jobs.add(tx, site.new_id(), "redeliver", str(made.id), payload, now, now + REDELIVER_AFTER)


def _forget_inboxes(tx: Tx, site: Site, host: str, gone: list[str]) -> set[str]:
    """Inboxes answered 410. A person's: whoever has it follows nobody any more. A shared one: each person's own is
    tried, so these come back, for their rows to be sent once more.
    """
    shared: set[str] = set()
    for inbox in dict.fromkeys(gone):
        if audiences.forget_shared_inbox(tx, inbox):
            shared.add(inbox)
            continue
        for follower in actors.with_inbox(tx, inbox, host):
            for follow in follows.following(tx, follower.id, 10_000):
                target = actors.by_id(tx, follow.target_id)
                if target is not None and target.local:
                    follow_actions.undone(tx, site, follower, target)
    return shared
