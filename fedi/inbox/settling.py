"""A batch of activities handled in one transaction, and each settled as done, refused, failed, or for a later try.

First all of them run as if none could fail, with no savepoint, since those cost more than the handlers do. When one raises
after it wrote something, all is undone and runs again with a savepoint around that one; an activity that fails leaves
nothing behind, and holds up no other. Settled and handled are committed together: after a crash an activity is handled
once more or not at all, never half.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.exc import SQLAlchemyError

from federation.activity import Authentic
from federation.errors import FederationError
from federation.policy.decide import Decision, Verdict
from fedi import policy
from fedi.actions import envelopes, graduated, refusing
from fedi.context import Site
from fedi.errors import Problem
from fedi.inbox import ahead
from fedi.inbox.answers import SUSPENDED
from fedi.inbox.handling import NOTHING, Fetched, Handler, HeldBack, Ignored, Needs, Unwanted, judged
from fedi.policy import Judged
from storage import claims, held, peers, received
from storage.held import Overtaken
from storage.metadata import Tx
from storage.received import Received
from storage.savepoints import is_trouble, savepoint

log = logging.getLogger(__name__)

ATTEMPTS = 8
"""Tries for what can't be fetched now: with the delays below that is about a day."""

_DELAYS = (60, 300, 900, 3600, 2 * 3600, 6 * 3600, 12 * 3600)
_PUT_OFF = 6 * 3600_000
"""What came before a peering was suspended is looked at again after so long, in ms."""
_RUNS = 4
"""Runs of a batch with savepoints around some; after those each has its own, and nothing is held back."""


@dataclass(slots=True)
class Item:
    """One row on its way through the pipeline. `relies_on` are hosts of whose activities in the batch it needs a post."""

    row: Received
    authentic: Authentic | None = None
    handler: Handler | None = None
    needs: Needs = NOTHING
    fetched: Fetched = field(default_factory=Fetched)
    problem: Exception | None = None
    relies_on: set[str] = field(default_factory=set)


class _Again(Exception):
    """The batch must run again, with a savepoint around this row (None: around each)."""

    def __init__(self, row_id: int | None) -> None:
        super().__init__()
        self.row_id = row_id


def handle_all(tx: Tx, site: Site, items: Sequence[Item], claim: int = 0) -> Counter[str]:
    """Handle and settle these, in their order, in this transaction, and let go of their hosts. What `claim` has no more is
    left: another worker has it in hand, or is done with it. How many ended how comes back: done, later, or a reason code."""
    hosts = claims.mine(tx, claim, {item.row.host for item in items})
    items = [item for item in items if item.row.host in hosts]
    ended = _handle(tx, site, items)
    claims.release(tx, claim, hosts)
    return ended


def _handle(tx: Tx, site: Site, items: Sequence[Item]) -> Counter[str]:
    careful: set[int] = set()
    for _ in range(_RUNS):
        try:
            with savepoint(tx, "batch"):
                return _run(tx, site, items, careful)
        except _Again as again:
            if again.row_id is None:
                break
            careful.add(again.row_id)
        except (Overtaken, SQLAlchemyError) as problem:
            if is_trouble(problem):
                raise
            break
    holds = held.of(tx)
    eager = holds.eager if holds is not None else True
    if holds is not None:
        holds.eager = True
    try:
        return _run(tx, site, items, {item.row.id for item in items})
    finally:
        if holds is not None:
            holds.eager = eager


def _run(tx: Tx, site: Site, items: Sequence[Item], careful: set[int]) -> Counter[str]:
    ahead.remember(tx, [item.authentic for item in items if item.handler is not None and item.authentic is not None])
    done: list[int] = []
    seen: set[str] = set()
    failed: list[tuple[Item, Exception]] = []
    decided: list[Judged] = []
    for item in items:
        if item.authentic is not None:
            item.authentic.activity.read.pop("passed_on", None)  # of a run that was undone
        problem = item.problem or _handled(tx, site, item, careful)
        if problem is None:
            done.append(item.row.id)
            seen.add(item.row.host)
            decided += judged(item.authentic) if item.authentic is not None else []
        else:
            failed.append((item, problem))
    now = site.clock()
    if done:
        received.settle(tx, done, "done", now)
    ended: Counter[str] = Counter()
    for item, problem in failed:
        became = _settle(tx, site, item.row, problem, now)
        ended[became] += 1
        if became != "later":
            decided += judged(item.authentic) if item.authentic is not None else []
    _keep_decided(tx, site, decided)
    peers.heard(tx, seen, now)
    if done:
        ended["done"] += len(done)
    return ended


def _keep_decided(tx: Tx, site: Site, decided: Sequence[Judged]) -> None:
    """What the policy decided about what is over, in one row of envelopes; what is not simply taken by itself as well."""
    envelopes.keep(tx, site, decided)
    for one in decided:
        policy.keep_judged(tx, site, one)
        if policy.refuses(one.decision):
            refusing.tell(tx, site, one)


def _handled(tx: Tx, site: Site, item: Item, careful: set[int]) -> Exception | None:
    """Run the handler of one; what it raised. Raises _Again when that left something behind."""
    if item.handler is None or item.authentic is None:
        return Ignored("unknown-type", "it was not read")
    holds = held.of(tx)
    before = holds.writes if holds is not None else -1
    try:
        if item.row.id in careful:
            with savepoint(tx, "item"):
                item.handler.handle(tx, site, item.authentic, item.fetched)
        else:
            item.handler.handle(tx, site, item.authentic, item.fetched)
    except Exception as problem:
        if is_trouble(problem):
            raise
        if holds is not None and holds.broken:
            raise _Again(None) from problem  # it is another's, that was held back until now
        if item.row.id in careful:
            return problem
        if isinstance(problem, SQLAlchemyError) or holds is None or holds.writes != before:
            raise _Again(item.row.id) from problem  # it wrote something, or PostgreSQL goes no further
        return problem
    return None


def _is_suspended(tx: Tx, host: str) -> bool:
    peer = peers.by_host(tx, host)
    return peer is not None and peer.stance == "suspended"


def _settle(tx: Tx, site: Site, row: Received, problem: Exception, now: int) -> str:
    """End a row that was not handled, or plan its next try; its reason code comes back, or `later`."""
    if isinstance(problem, Ignored):
        received.settle(tx, [row.id], "done", now, code=problem.code, problem=problem.text)
        return problem.code
    if isinstance(problem, HeldBack):
        decision = problem.decision
        received.settle(tx, [row.id], "held", now, code=decision.code[:60], problem=decision.text[:500])
        if problem.waits is not None:
            graduated.held(tx, site, problem.waits, row.id)
        return "held"
    if isinstance(problem, Unwanted) and problem.code == SUSPENDED and _is_suspended(tx, row.host):
        # It came before the peering was suspended, and is worked out when that goes on (`received.hasten`).
        received.later(tx, replace(row, attempts=1), now + _PUT_OFF, str(problem)[:500])
        return "later"
    expected = isinstance(problem, FederationError | Problem)
    if not expected:
        # A fault of ours with one activity: it is tried again by itself, and the others of its batch are not held up.
        log.error("handling %s failed", row.activity_id, exc_info=problem)
    retry = not isinstance(problem, Problem) and (not isinstance(problem, FederationError) or problem.retry)
    text = str(problem)[:500] or type(problem).__name__
    if retry and row.attempts < ATTEMPTS:
        received.later(tx, row, now + 1000 * _DELAYS[min(row.attempts, len(_DELAYS)) - 1], text)
        return "later"
    code = problem.code if isinstance(problem, FederationError | Problem) else "internal-error"
    state = "failed" if retry else "refused"
    received.settle(tx, [row.id], state, now, code=code, problem=text)
    if state == "refused" and not isinstance(problem, Unwanted):
        decision = Decision(Verdict.REJECT, code, text)
        policy.keep(tx, site, decision, "in", row.host, actor=row.actor, activity_id=row.activity_id, type=row.type)
    return code
