"""What was received, worked out: verify, decide, fetch what is needed, handle (`settling`). The pipeline, top to bottom.

A batch is read once, and all of it that needs nothing from elsewhere is handled in the transaction that asks what it needs,
in the order of arrival. What needs something is fetched after that, and holds up what came from the same host after it, and
no other.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter

from federation import fields as wire
from federation.activity import Activity, Authentic
from federation.errors import FederationError, Gone, MissingSignature
from federation.groups import inner_bytes
from federation.parse import parse, parse_again
from federation.policy.decide import Policy, Verdict
from federation.signatures.verify import authentic_stored, signature_of, verify
from fedi import fetching, policy
from fedi.context import Site
from fedi.errors import Problem
from fedi.facts import Known
from fedi.inbox import ahead
from fedi.inbox.handling import NOTHING, Fetched, HeldBack, Ignored, Inner, Needs, Unwanted
from fedi.inbox.settling import ATTEMPTS, Item, handle_all
from fedi.inbox.table import HANDLERS, IGNORED
from storage import received
from storage.metadata import Tx
from storage.received import RELEASED, Received
from storage.savepoints import is_trouble

log = logging.getLogger(__name__)

_FETCH_SECONDS = 60.0


async def process(
    site: Site, rows: Sequence[Received], claim: int = 0, quick: Callable[[], None] = lambda: None
) -> None:
    """Work these rows of a claim out and settle each as done, refused, failed, or for a later try.

    `quick` is called when only those are left that wait for other servers.
    """
    late = {row.host for row in rows if row.via is None}
    items = [Item(row) for row in rows]
    waiting = await _begin(site, [item for item in items if item.row.host not in late], claim)
    tasks = [asyncio.create_task(_fetch_and_handle(site, group, claim)) for group in waiting]
    tasks += [
        asyncio.create_task(_begin_late(site, [one for one in items if one.row.host == host], claim)) for host in late
    ]
    quick()
    if tasks:
        await asyncio.wait(tasks)
        for task in tasks:
            task.result()


async def _begin(site: Site, items: list[Item], claim: int) -> list[list[Item]]:
    """Handle what needs nothing; the others, in groups that don't depend on each other, come back."""
    if not items:
        return []
    for item in items:
        if item.row.via is not None:
            _read(item)
    return await _handle(site, items, claim, ask=True)


async def _begin_late(site: Site, items: list[Item], claim: int) -> None:
    """What a host sent of which something could not be verified when it came."""
    for item in items:
        if item.row.via is None:
            await _verify_late(site, item)
    for group in await _begin(site, items, claim):
        await _fetch_and_handle(site, group, claim)


async def _fetch_and_handle(site: Site, items: list[Item], claim: int) -> None:
    await asyncio.gather(*(_fetch(site, item) for item in items if item.needs and item.problem is None))
    await _handle(site, items, claim)


async def _handle(site: Site, items: list[Item], claim: int, *, ask: bool = False) -> list[list[Item]]:
    """Handle these; `ask`: only those that need nothing. The others come back, in groups that don't depend on each other."""

    def unit(tx: Tx) -> tuple[Counter[str], list[list[Item]]]:
        if ask:
            _ask_needs(tx, site, items)
        # What was read to ask is known in this transaction still: a batch reads its actors and posts once.
        ready, waiting = _parted(items) if ask else (items, [])
        return handle_all(tx, site, ready, claim) if ready else Counter(), waiting

    begun = perf_counter()
    ended, waiting = await site.db.write_patiently(unit)
    for code, count in ended.items():
        site.outcomes.add("processed", code, count)
    if ended:
        site.steps.add("inbox.process", perf_counter() - begun, ended.total())
    return waiting


def _parted(items: list[Item]) -> tuple[list[Item], list[list[Item]]]:
    """Those of hosts of which nothing needs anything; and the others, by host, or by several where one's activity relies
    on what comes with another's."""
    needy = {item.row.host for item in items if item.needs and item.problem is None}
    if not needy:
        return items, []
    groups: dict[str, set[str]] = {host: {host} for host in needy}
    grown = True
    while grown:
        grown = False
        for item in items:
            for host in item.relies_on & groups.keys():
                mine = groups.setdefault(item.row.host, {item.row.host})
                if mine is not groups[host]:
                    joined = mine | groups[host]
                    groups.update(dict.fromkeys(joined, joined))
                    grown = True
    ready = [item for item in items if item.row.host not in groups]
    several = {id(group): group for group in groups.values()}
    return ready, [[item for item in items if item.row.host in group] for group in several.values()]


def _read(item: Item) -> None:
    """What the door verified is authentic: the row says how and by which key."""
    try:
        activity = parse_again(item.row.body)
        item.authentic = authentic_stored(activity, item.row.key_id or "", item.row.via or "")
    except FederationError as problem:
        item.problem = problem


async def _verify_late(site: Site, item: Item) -> None:
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


def _ask_needs(tx: Tx, site: Site, items: list[Item]) -> None:
    """Decide by policy, find the handler, and ask it what must be fetched; what comes in the same batch is not."""
    coming: dict[str, str] = {}
    rules, known = policy.current(tx, site), Known(tx, site)
    ahead.remember(tx, [item.authentic for item in items if item.authentic is not None])
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
        if not _decide(tx, site, item, item.authentic, rules, known):
            continue
        try:
            item.needs = _without(item, item.handler.needs(tx, site, item.authentic), coming)
        except (FederationError, Problem, Ignored) as problem:
            item.problem = problem
        except Exception as problem:
            if is_trouble(problem):
                raise
            item.problem = problem
        for iri in _published(activity):
            coming.setdefault(iri, item.row.host)


def _decide(tx: Tx, site: Site, item: Item, authentic: Authentic, rules: Policy, known: Known) -> bool:
    """Ask the policy about an activity; whether it goes on. What is tried again was counted before."""
    facts = known.received(authentic, item.row.host)
    judged = policy.judge(tx, site, rules, facts, counts=item.row.attempts <= 1)
    authentic.activity.read["judged"] = judged
    authentic.activity.read["decision"] = judged.decision
    authentic.activity.read["released"] = item.row.code == RELEASED
    if judged.decision.verdict is Verdict.REJECT:
        item.problem = Unwanted(judged.decision)
    elif judged.decision.verdict is Verdict.HOLD and item.row.code != RELEASED:
        item.problem = HeldBack(judged.decision)
    return item.problem is None


def _published(activity: Activity) -> set[str]:
    if activity.type != "Create":
        return set()
    return {found for one in wire.as_objects(activity.object) if (found := wire.id_of(one)) is not None}


def _without(item: Item, needs: Needs, coming: dict[str, str]) -> Needs:
    if not needs or coming.keys().isdisjoint(needs.posts):
        return needs
    item.relies_on |= {coming[one] for one in needs.posts if one in coming}
    return replace(needs, posts=tuple(one for one in needs.posts if one not in coming))


async def _fetch(site: Site, item: Item) -> None:
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
        if is_trouble(problem):
            raise
        item.problem = problem
    item.fetched = Fetched(activities, frozenset(gone))


async def _ask_moderators(site: Site, item: Item, needs: Needs, *, patient: bool) -> None:
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
