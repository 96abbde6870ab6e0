"""What was received, worked out: verify, decide, fetch what is needed, handle, settle. The pipeline, top to bottom.

A batch is read once, its needs are fetched side by side, and all of it is handled in one transaction, each activity in a
savepoint of its own, in the order of arrival. Settled and handled are committed together: after a crash an activity is
handled once more or not at all, never half.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.exc import InterfaceError, OperationalError

from federation import fields as wire
from federation.activity import Activity, Authentic
from federation.errors import FederationError, Gone, MissingSignature
from federation.groups import inner_bytes
from federation.parse import parse
from federation.policy import Decision, Verdict
from federation.signatures.verify import authentic_stored, signature_of, verify
from fedi import fetching, policy
from fedi.context import Site
from fedi.errors import Problem
from fedi.inbox.handling import NOTHING, Fetched, Handler, Ignored, Inner, Needs
from fedi.inbox.table import HANDLERS, IGNORED
from storage import peers, received
from storage.metadata import Tx
from storage.received import Received

log = logging.getLogger(__name__)

ATTEMPTS = 8
"""Tries for what can't be fetched now: with the delays below that is about a day."""

_DELAYS = (60, 300, 900, 3600, 2 * 3600, 6 * 3600, 12 * 3600)
_FETCH_SECONDS = 60.0


@dataclass(slots=True)
class _Item:
    """One row on its way through the pipeline."""

    row: Received
    authentic: Authentic | None = None
    handler: Handler | None = None
    needs: Needs = NOTHING
    fetched: Fetched = field(default_factory=Fetched)
    problem: Exception | None = None


async def process(site: Site, rows: Sequence[Received]) -> None:
    """Work these claimed rows out and settle each as done, refused, failed, or for a later try."""
    items = [_Item(row) for row in rows]
    for item in items:
        if item.row.via is None:
            await _verify_late(site, item)
        else:
            _read(item)
    await site.db.read(lambda tx: _ask_needs(tx, site, items))
    needy = [item for item in items if item.needs and item.problem is None]
    if needy:
        await asyncio.gather(*(_fetch(site, item) for item in needy))
    await site.db.write(lambda tx: _handle_all(tx, site, items))


def _read(item: _Item) -> None:
    """What the door verified is authentic: the row says how and by which key."""
    try:
        item.authentic = authentic_stored(parse(item.row.body), item.row.key_id or "", item.row.via or "")
    except FederationError as problem:
        item.problem = problem


async def _verify_late(site: Site, item: _Item) -> None:
    """Verify what came while its key could not be had; as of the time it came."""
    row = item.row
    kept = row.headers or {}
    try:
        activity = parse(row.body)
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in kept.get("headers", [])]
        claim = signature_of(kept.get("method", "POST"), kept.get("target", "/inbox"), headers)
        key = await fetching.key(site, claim.key_id)
        authentic = verify(claim, key, row.body, row.received_at, activity)
    except FederationError as problem:
        item.problem = problem
        return
    fresh = await site.db.write(lambda tx: received.verified(tx, row.id, authentic.via, authentic.key_id))
    if fresh:
        item.authentic = authentic
    else:
        item.problem = Ignored("known", "the same activity was taken already")


def _ask_needs(tx: Tx, site: Site, items: list[_Item]) -> None:
    """Decide by policy, find the handler, and ask it what must be fetched; what comes in the same batch is not."""
    coming: set[str] = set()
    for item in items:
        if item.problem is not None or item.authentic is None:
            continue
        activity = item.authentic.activity
        item.handler = HANDLERS.get(activity.type)
        if item.handler is None:
            item.problem = Ignored(
                "ignored-type", IGNORED.get(activity.type, f"activities of type {activity.type[:40]!r} are not known")
            )
            continue
        decision = policy.receiving(tx, site, item.row.host, activity.type)
        if decision.verdict is Verdict.REJECT:
            item.problem = Problem(decision.text, code=decision.code, status=403)
            continue
        try:
            item.needs = _without(item.handler.needs(tx, site, item.authentic), coming)
        except (FederationError, Problem, Ignored) as problem:
            item.problem = problem
        except Exception as problem:
            if _is_database_trouble(problem):
                raise
            _fault(item, problem)
        coming |= _published(activity)


def _published(activity: Activity) -> set[str]:
    if activity.type != "Create":
        return set()
    return {found for one in wire.as_objects(activity.object) if (found := wire.id_of(one)) is not None}


def _without(needs: Needs, coming: set[str]) -> Needs:
    if not needs or coming.isdisjoint(needs.posts):
        return needs
    return replace(needs, posts=tuple(one for one in needs.posts if one not in coming))


async def _fetch(site: Site, item: _Item) -> None:
    """Fetch what an activity needs. A parent or group that is not there is no reason to lose the activity; one that
    can't be asked now is a reason to try later."""
    activities: dict[str, Authentic] = {}
    gone: set[str] = set()
    patient = item.row.attempts < ATTEMPTS
    try:
        async with asyncio.timeout(_FETCH_SECONDS):
            needs = await _prove_inner(site, item.row.body, item.needs, activities, patient=patient)
            for iri in needs.actors:
                try:
                    await fetching.actor(site, iri, fresh=True)
                except (Problem, Gone):
                    continue
            await _ask_moderators(site, item, needs, patient=patient)
            for iri in (*needs.posts, *needs.fresh, *needs.again):
                again = iri in needs.again
                if await fetching.post(site, iri, fresh=again or iri in needs.fresh, again=again) is None:
                    gone.add(iri)
    except FederationError as problem:
        # What is proven can be handled without its parent, which its origin may well not show us.
        if problem.retry and patient and not activities:
            item.problem = problem
        else:
            log.info("%s: what it needs can't be had: %s", item.row.activity_id, problem)
    except TimeoutError:
        log.info("%s: what it needs did not come in time", item.row.activity_id)
    except Exception as problem:
        if _is_database_trouble(problem):
            raise
        _fault(item, problem)
    item.fetched = Fetched(activities, frozenset(gone))


async def _ask_moderators(site: Site, item: _Item, needs: Needs, *, patient: bool) -> None:
    """Ask who moderates; without an answer nobody can tell whether somebody may, so that it is waited for."""
    for iri in needs.moderators:
        try:
            await fetching.moderators(site, iri)
        except FederationError as problem:
            log.info("%s: who moderates %s can't be had: %s", item.row.activity_id, iri, problem)
            if problem.retry and patient:
                item.problem = problem


async def _prove_inner(
    site: Site, body: bytes, needs: Needs, activities: dict[str, Authentic], *, patient: bool
) -> Needs:
    """Prove what was passed on, by its actor's proof or its origin, and give what is needed beyond that.

    Of several, one that can't be had now does not hold up the others; a single one is waited for while `patient`.
    """
    wanted = replace(needs, inner=())
    for inner in needs.inner:
        try:
            proven = await _proven(site, body, inner)
        except FederationError as problem:
            if problem.retry and patient and len(needs.inner) == 1 and not inner.otherwise:
                raise
            log.info("what was passed on can't be proven: %s", problem)
            proven = None
        if proven is None:
            wanted += inner.otherwise
            continue
        activities[proven.activity.id] = proven
        wanted += inner.then if inner.then is not None else await _needs_of(site, proven)
    return wanted


async def _proven(site: Site, body: bytes, inner: Inner) -> Authentic | None:
    """What was passed on in `body`, by its proof or else as its origin has it; None when neither is to be had."""
    try:
        return await fetching.proven(site, inner.document, inner_bytes(body, inner.document))
    except MissingSignature:
        pass
    except FederationError as problem:
        log.info("a proof of what was passed on does not hold, so its origin is asked: %s", problem)
    inner_id = wire.id_of(inner.document)
    if not inner.by_id or inner_id is None:
        return None
    return await fetching.activity(site, inner_id)


async def _needs_of(site: Site, proven: Authentic) -> Needs:
    handler = HANDLERS.get(proven.activity.type)
    return await site.db.read(lambda tx: handler.needs(tx, site, proven)) if handler is not None else NOTHING


def _handle_all(tx: Tx, site: Site, items: list[_Item]) -> None:
    done: list[int] = []
    seen: set[str] = set()
    for item in items:
        if item.problem is None and item.handler is not None and item.authentic is not None:
            tx.exec_driver_sql("SAVEPOINT item")
            try:
                item.handler.handle(tx, site, item.authentic, item.fetched)
                tx.exec_driver_sql("RELEASE SAVEPOINT item")
                done.append(item.row.id)
                seen.add(item.row.host)
                continue
            except (FederationError, Problem, Ignored) as problem:
                tx.exec_driver_sql("ROLLBACK TO SAVEPOINT item")
                item.problem = problem
            except Exception as problem:
                if _is_database_trouble(problem):
                    raise
                tx.exec_driver_sql("ROLLBACK TO SAVEPOINT item")
                _fault(item, problem)
        _settle(tx, site, item)
    now = site.clock()
    if done:
        received.settle(tx, done, "done", now)
    for host in seen:
        peers.meet(tx, host, now)
        peers.change(tx, host, last_seen_at=now)


def _settle(tx: Tx, site: Site, item: _Item) -> None:
    """End a row that was not handled, or plan its next try."""
    now = site.clock()
    row, problem = item.row, item.problem
    if isinstance(problem, Ignored):
        received.settle(tx, [row.id], "done", now, code=problem.code, problem=problem.text)
        return
    retry = not isinstance(problem, Problem) and (not isinstance(problem, FederationError) or problem.retry)
    text = str(problem)[:500] or type(problem).__name__
    if retry and row.attempts < ATTEMPTS:
        received.later(tx, row.id, now + 1000 * _DELAYS[min(row.attempts, len(_DELAYS)) - 1], text)
        return
    code = problem.code if isinstance(problem, FederationError | Problem) else "internal-error"
    state = "failed" if retry else "refused"
    received.settle(tx, [row.id], state, now, code=code, problem=text)
    if state == "refused":
        decision = Decision(Verdict.REJECT, code, text)
        policy.keep(tx, site, decision, "in", row.host, actor=row.actor, activity_id=row.activity_id, type=row.type)


def _fault(item: _Item, problem: Exception) -> None:
    """A fault of ours with one activity: it is tried again by itself, and the others of its batch are not held up."""
    log.error("handling %s failed", item.row.activity_id, exc_info=problem)
    item.problem = problem


def _is_database_trouble(problem: Exception) -> bool:
    """Errors of the connection, deadlocks and serialisation failures concern the whole unit, not this activity."""
    return isinstance(problem, OperationalError | InterfaceError)
