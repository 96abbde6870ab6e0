"""Timed work: what is done every hour or day, by whichever worker gets to it first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fedi.actions import announcements
from fedi.actions.cards import KEPT
from fedi.actions.cases import KEPT as CASES
from fedi.context import Site
from storage import (
    apps,
    backfills,
    cards,
    cases,
    cursors,
    decisions,
    delivered,
    feed_tokens,
    idempotency,
    jobs,
    mails,
    memberships,
    mutes,
    partitions,
    received,
    samples,
    sequences,
    sessions,
    simulations,
    tickets,
    twins,
    wal,
)
from storage.metadata import Tx

_HOUR = 3600 * 1000
_DAY = 24 * _HOUR

BODIES = 14 * _DAY
"""How long the text of a settled activity is kept, for operators to look into and to replay."""
ROWS = 37 * _DAY
"""How long a settled activity is recognised when it comes again: longer than any peer goes on trying (30 days)."""
DECISIONS = 180 * _DAY
"""How long operators can see why something was refused."""


@dataclass(frozen=True, slots=True)
class Timed:
    """Work that is due `every` so many ms: a `unit` of work, or a `job` of that kind, where it takes more than one.

    Where the unit did as much as `full` says, there is more, and it is due again at once.
    """

    name: str
    every: int
    unit: Callable[[Tx, int], object] | None = None
    job: str | None = None
    full: int | None = None


SCHEDULE: Sequence[Timed] = (
    Timed("forget idempotency keys", _HOUR, lambda tx, now: idempotency.forget(tx, now - idempotency.DAYS * _DAY)),
    Timed("forget login sessions", _HOUR, sessions.forget),
    Timed("forget what counted once", _HOUR, tickets.forget),
    Timed("forget authorisation codes", _HOUR, lambda tx, now: apps.forget_grants(tx, now - _DAY)),
    Timed("forget what groups passed on", _HOUR, lambda tx, now: twins.forget_before(tx, now - ROWS)),
    Timed("end bans that are over", _HOUR, memberships.lapse),
    Timed("end announcements that are over", 60_000, announcements.lapse),
    Timed("end mutes that are over", _HOUR, mutes.lapse),
    Timed("forget what was backfilled", _HOUR, lambda tx, now: backfills.forget(tx, now - 7 * _DAY)),
    Timed("sweep media", _HOUR, job="sweep"),
    Timed("send digests", 60_000, job="digests"),
    Timed("forget mails", _HOUR, lambda tx, now: mails.forget(tx, now - 30 * _DAY)),
    Timed("forget feeds that were taken back", _DAY, lambda tx, now: feed_tokens.forget(tx, now - 90 * _DAY)),
    Timed("forget cards", _HOUR, lambda tx, now: cards.forget(tx, now - KEPT)),
    Timed("make room for what is received", _HOUR, partitions.make),
    Timed("watch the database's log", 5 * 60_000, wal.watch),
    Timed("look after envelopes", 60_000, job="envelopes"),
    Timed("look after the audit log", _DAY, job="audit"),
    Timed("note how it goes", samples.EVERY, samples.take),
    Timed("thin out how it went", _HOUR, samples.thin),
    Timed("forget simulations", _DAY, lambda tx, now: simulations.forget(tx, now - DECISIONS)),
    Timed("look of which hosts nothing is shown", _HOUR, job="showing"),
    Timed("try peers", _HOUR, job="probes"),
    Timed("read directories", _HOUR, job="directories"),
    Timed("tell of cases that are overdue", 5 * 60_000, job="cases"),
    Timed("forget what was said in cases", _DAY, lambda tx, now: cases.forget(tx, now - CASES)),
    Timed("let agreements begin and end", 5 * 60_000, job="agreements"),
    Timed("look for works that were withdrawn", _DAY, job="works"),
    Timed("look after peerings", _HOUR, job="peerings"),
    Timed("forget how deliveries went", _DAY, lambda tx, now: delivered.forget(tx, now - ROWS)),
    Timed("forget what was sent under which number", _DAY, lambda tx, now: sequences.forget(tx, now - ROWS)),
    Timed("forget decisions", _HOUR, lambda tx, now: decisions.forget(tx, now - DECISIONS)),
    Timed(
        "prune received activities",
        _HOUR,
        lambda tx, now: received.prune(tx, bodies_before=now - BODIES, rows_before=now - ROWS),
        full=received.PRUNED,
    ),
)


async def run_due(site: Site) -> int:
    """Do what is due; how much that was comes back. Work and its mark are committed together."""
    done = 0
    for timed in SCHEDULE:
        if await site.db.read(lambda tx, timed=timed: _due(tx, timed, site.surely())):  # type: ignore[misc]  # a lambda with a default
            done += await site.db.write(lambda tx, timed=timed: _run(tx, site, timed))  # type: ignore[misc]  # a lambda with a default
    return done


def _due(tx: Tx, timed: Timed, now: int) -> bool:
    return now - cursors.position(tx, f"schedule: {timed.name}") >= timed.every


def _run(tx: Tx, site: Site, timed: Timed) -> int:
    now = site.surely()
    if not cursors.advance(tx, f"schedule: {timed.name}", now - timed.every, now):
        return 0  # another worker was first
    done = None if timed.unit is None else timed.unit(tx, now)
    if timed.full is not None and done == timed.full:
        cursors.advance(tx, f"schedule: {timed.name}", now, now - timed.every)
    if timed.job is not None:
        jobs.add(tx, site.new_id(), timed.job, "timed", {}, now)
    return 1
