"""Forecast and fact: what a simulation said that each rule of a version would do, beside what it has done since it was applied."""

from collections import defaultdict
from dataclasses import dataclass, field

from fedi.actions import policies as versions
from fedi.actions.envelopes import DAY, counts, readable
from fedi.actions.versions import rules_of
from fedi.context import Site
from storage import envelopes, policies, rule_counts
from storage.metadata import Tx

_HITS = ("accept", "limit", "hold", "reject", "changed")


@dataclass(frozen=True, slots=True)
class Beside:
    """One rule: how often a day it was to fit (None: nobody simulated it), and how often a day it does; what it did in all, and
    what it would have done while it is only tried (`observe`)."""

    rule: str
    forecast: float | None
    fact: float
    did: dict[str, int] = field(default_factory=dict)
    would: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Compared:
    """A version: from when till when (ms) it counted, over how many days it was simulated (None: it was not), its rules."""

    version: int
    since: int
    until: int
    simulated: float | None
    rules: tuple[Beside, ...]


def compare(tx: Tx, site: Site, number: int | None = None) -> Compared:
    """What the rules of a version did, the one in force if none is given, beside what was forecast. Raises NotFound; for a draft
    nothing has happened yet."""
    row = versions.in_force(tx) if number is None else versions.version(tx, number)
    after = policies.applied_after(tx, row) if row.applied_at is not None else None
    since, until = row.applied_at or site.clock(), after.applied_at or 0 if after is not None else site.clock()
    if row.version == 0:  # it counted since envelopes are kept
        since = max(until - site.config.policy.keep_days * DAY, 0)
    days = max((until - since) / DAY, 1 / 24)
    did: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for one in rule_counts.of_version(tx, row.version, since=since // DAY):
        did[one.rule][one.did] = one.count
    for (_, policy, rule, what), count in _fresh(tx).items():
        if policy == row.version:
            did[rule][what] = did[rule].get(what, 0) + count
    forecast, simulated = _forecast(row.forecast)
    names = list(dict.fromkeys([*rules_of(row.document), *sorted(did), *sorted(forecast)]))
    rules = [_beside(name, did.get(name, {}), forecast.get(name), days) for name in names]
    return Compared(row.version, since, until, simulated, tuple(rules))


def _fresh(tx: Tx) -> dict[tuple[int, int, str, str], int]:
    """What is in small rows was not counted yet."""
    return dict(counts(one for row in envelopes.fresh(tx, 100_000) for one in readable(row)))


def _forecast(result: dict[str, object] | None) -> tuple[dict[str, float], float | None]:
    """(how often a day each rule was to fit, over how many days that was simulated)."""
    if not result:
        return {}, None
    first, last, rules = result.get("first_at"), result.get("last_at"), result.get("rules")
    if not isinstance(first, int) or not isinstance(last, int) or not isinstance(rules, list):
        return {}, None
    days = max((last - first) / DAY, 1 / 24)
    return {str(one["rule"]): int(one["hits"]) / days for one in rules if one.get("in_draft")}, days


def _beside(name: str, did: dict[str, int], forecast: float | None, days: float) -> Beside:
    would = {what.removeprefix("would "): count for what, count in did.items() if what.startswith("would ")}
    mine = {what: count for what, count in did.items() if what in _HITS}
    return Beside(name, forecast, (sum(mine.values()) + sum(would.values())) / days, mine, would)
