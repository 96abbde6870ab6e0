"""The ledger: what became of turns, written down. Turns that end within some ms share one transaction.

A turn that was not written down, as the process died, is run again; peers know what they have by its id.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from time import perf_counter

from federation.delivery import POLICY, LinkState
from federation.peering.pausing import Pause
from federation.policy.decide import Decision, Verdict
from fedi import policy
from fedi.actions import envelopes
from fedi.actions import follows as follow_actions
from fedi.actions.refusing import FOLLOWS
from fedi.context import Site
from fedi.outbox import numbering
from fedi.outbox.fanout import Parcel, Turn
from fedi.policy import Judged
from storage import actors, audiences, delivered, follows, jobs, links, peers, troubles
from storage.database import StorageUnavailable
from storage.delivered import QUICK, USUAL, Delivered
from storage.links import Link
from storage.metadata import Tx
from storage.troubles import Trouble

log = logging.getLogger(__name__)

GATHER = 0.02
"""Seconds for which what ended is gathered, to be written together, unless no other turn is under way ..."""
MOST = 256
"""... so many turns at most."""
REDELIVER_AFTER = 30 * 60_000
"""What was set aside is tried again after so long, in ms, and then later each time."""


class Entry:
    """What a turn came to.

    `settled`: positions that are over. `troubles`: (parcel, inbox, kind, reason). `gone`: inboxes that are no more.
    `aside`: parcels that are to be tried by themselves. `link`: the state of sending to the host. `posts`: of each POST how it
    ended (`federation.delivery.Kind`) and how many ms it took. `why`: why what is put by must wait.
    """

    __slots__ = ("aside", "gone", "link", "posts", "settled", "troubles", "turn", "why")

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.link = _state_of(turn.link)
        self.settled: set[int] = set()
        self.troubles: list[tuple[Parcel, str, str, str]] = []
        self.gone: list[str] = []
        self.aside: list[Parcel] = []
        self.posts: list[tuple[str, float]] = []
        self.why: Pause | None = None


class Ledger:
    """Writes entries down, those of one moment together. `under_way` says how many turns will have one, with those that
    have one already."""

    def __init__(self, site: Site, under_way: Callable[[], int]) -> None:
        self._site = site
        self._under_way = under_way
        self._waiting: list[tuple[Entry, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, entry: Entry) -> None:
        """Return when this is on disk. Raises what writing it raises."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, future))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await future

    async def _write(self) -> None:
        try:
            if len(self._waiting) < self._under_way():
                await asyncio.sleep(GATHER)
            while self._waiting:
                together = self._waiting[:MOST]
                del self._waiting[:MOST]
                await self._write_together(together)
        finally:
            self._writing = None
            for _, future in self._waiting:
                future.cancel()
            self._waiting.clear()

    async def _write_together(self, together: list[tuple[Entry, "asyncio.Future[None]"]]) -> None:
        begun = perf_counter()
        entries = [entry for entry, future in together if not future.done()]
        try:
            await self._site.db.write(lambda tx: write_down(tx, self._site, entries))
        except Exception as problem:  # noqa: BLE001 - whoever waits is told
            if len(together) == 1 or isinstance(problem, StorageUnavailable):
                for _, future in together:
                    _end(future, problem)
                return
            log.info("%d turns are written one by one: %s", len(together), problem)
            for one in together:
                await self._write_together([one])  # so that one that can't be written takes no other with it
            return
        for _, future in together:
            _end(future, None)
        self._site.steps.add("deliver.write", perf_counter() - begun, len(entries))


def _end(future: "asyncio.Future[None]", problem: BaseException | None) -> None:
    if future.done():
        return
    if problem is None:
        future.set_result(None)
    else:
        future.set_exception(problem)


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


def write_down(tx: Tx, site: Site, entries: list[Entry]) -> None:
    """The links as they are now, the troubles, and what follows from inboxes that are gone."""
    now = site.clock()
    _look_whether_they_wait(tx, entries)
    states = [_written(tx, site, entry, now) for entry in entries]
    envelopes.keep(tx, site, [judged for entry in entries for judged in _over(entry)])
    links.save_all(tx, states, {entry.turn.link.host: entry.turn.link.cursor for entry in entries})
    delivered.add(
        tx, {entry.turn.link.host: _sum(entry) for entry in entries if entry.turn.agreed and entry.posts}, now
    )


def _look_whether_they_wait(tx: Tx, entries: list[Entry]) -> None:
    """Set why what was put by in these turns must wait, if it still must: it may have been resumed while the turn ran. The links
    are locked first, so that whoever resumes now comes after this and brings back what is passed over."""
    waiting = {entry.turn.link.host: entry for entry in entries if any(parcel.waits for parcel in entry.turn.parcels)}
    if not waiting:
        return
    links.locked(tx, list(waiting))
    for host, peer in peers.by_hosts(tx, list(waiting)).items():
        waiting[host].why = "all" if peer.stance == "suspended" else "private" if peer.paused else None


def _over(entry: Entry) -> Iterator[Judged]:
    """What the policy said of what is over now."""
    for parcel in entry.turn.parcels:
        if parcel.judged is not None and (parcel.row.position in entry.settled or parcel.over is not None):
            yield parcel.judged


def _sum(entry: Entry) -> Delivered:
    kinds = [kind for kind, _ in entry.posts]
    taken, refused = kinds.count("delivered"), kinds.count("refused") + kinds.count("gone")
    answered = [took for kind, took in entry.posts if kind != "unreachable"]
    quick = sum(took <= QUICK for took in answered)
    slow = sum(took > USUAL for took in answered)
    return Delivered(taken, len(kinds) - taken - refused, refused, quick, len(answered) - quick - slow, slow)


def _written(tx: Tx, site: Site, entry: Entry, now: int) -> Link:
    """The link as it is after a turn, with the rest of the turn written."""
    turn, host = entry.turn, entry.turn.link.host
    cursor = turn.looked
    if turn.refused is None:
        for parcel in turn.parcels:
            if parcel.row.position not in entry.settled or (parcel.waits and entry.why is None):
                cursor = parcel.row.position - 1
                break
    else:
        policy.keep(tx, site, turn.refused, "out", host)
    retry_now = _forget_inboxes(tx, site, host, entry.gone)
    if retry_now:
        again = (parcel.row.position - 1 for parcel, inbox, _, _ in entry.troubles if inbox in retry_now)
        cursor = min(cursor, *again)
    for parcel, inbox, kind, reason in entry.troubles:
        if inbox not in retry_now:
            _keep_trouble(tx, site, host, parcel, inbox, kind, reason[:500], now)
    for parcel in entry.aside:
        _set_aside(tx, site, host, parcel, now)
    if turn.ask_software:
        jobs.add(tx, site.new_id(), "nodeinfo", host, {"host": host}, now)
    kept = next((one for one in turn.parcels if one.waits and one.row.position <= cursor), None)
    if kept is not None and entry.why is not None:
        links.keep(tx, host, kept.row.position - 1, entry.why)
    state = entry.link
    return replace(
        turn.link,
        cursor=cursor,
        sequence=numbering.keep(tx, site, turn, cursor, now),
        failures=state.failures,
        failing_since=state.failing_since,
        refused_in_row=state.refused_in_row,
        # Who had a turn goes behind those who wait for theirs.
        next_attempt_at=state.next_attempt_at if state.failures else max(state.next_attempt_at, now),
        state=state.state,
        last_success_at=state.last_success_at,
        problem=state.problem,
    )


def _keep_trouble(tx: Tx, site: Site, host: str, parcel: Parcel, inbox: str, kind: str, reason: str, now: int) -> None:
    row = parcel.row
    troubles.add(tx, Trouble(site.new_id(), host, inbox, row.position, row.activity_id, kind, reason, now))
    if kind == "refused" and row.type in FOLLOWS:
        follow = follows.by_iri(tx, row.activity_id)
        # Nobody will answer it, whoever said no: as long as it waits, asking again sends nothing.
        if follow is not None and (follow.state == "pending" or reason.startswith(POLICY)):
            follow_actions.rejected(tx, site, follow)
    if parcel.judged is not None and policy.refuses(parcel.judged.decision):
        policy.keep_judged(tx, site, parcel.judged)
        return
    decision = Decision(Verdict.REJECT, kind, reason)
    policy.keep(tx, site, decision, "out", host, activity_id=row.activity_id, type=row.type)


def _set_aside(tx: Tx, site: Site, host: str, parcel: Parcel, now: int) -> None:
    row = parcel.row
    reason = "its server fails at this activity, and takes others; it is tried again by itself"
    made = Trouble(site.new_id(), host, "", row.position, row.activity_id, "stuck", reason, now)
    troubles.add(tx, made)
    payload: dict[str, object] = {"host": host, "position": row.position, "trouble": made.id}
    if parcel.number is not None:
        payload["headers"] = dict(parcel.headers or {})  # it is the same number whenever it is taken
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
