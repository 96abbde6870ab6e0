"""Replay: what another policy would have decided about envelopes that were kept, counted.

Pieces may be counted apart, in several processes, and then put together, unless the policy counts how many came (`rated`):
then they are to be taken in the order of time by one `Replay`.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from federation.policy.decide import Decision, Policy, Verdict, counted, decide
from federation.policy.envelopes import Envelope
from federation.policy.facts import Facts

DAY: Final = 24 * 3600 * 1000
KINDS: Final = ("refused", "let in", "held", "limited", "changed", "same")
"""What would become of an activity, beside what became of it: refused though it was not, let in though it was refused; held or
limited though it was not; only changed in another way, or for another reason; the same."""
DEFAULT: Final = "default"
"""What decides where no rule does."""
_HIT: Final = frozenset({"refused", "let in"})
_DISTINCT: Final = 50_000
"""Actors, people, groups and hosts that are told apart."""
_SAMPLES: Final = 3
"""Samples of what one rule would do."""
_KEYS: Final = 2_000
_COUNTERS: Final = 100_000


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """A verdict's word with its code, the rule that gave it, and what it does to what is taken."""

    verdict: str
    code: str
    rule: str | None
    effects: tuple[str, ...] = ()


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """One activity, what became of it, and what would."""

    facts: Facts
    kind: str
    before: Answer
    after: Answer


class Tally(msgspec.Struct):
    """What was counted. `rules`: of each rule that had a part, what it would do; of what is newly refused or let in, `hit` has
    for each of both how many activities concern which groups, hosts, actors elsewhere and people here (and people with the host that
    they would send to)."""

    total: int = 0
    first_at: int | None = None
    last_at: int | None = None
    before: dict[str, int] = msgspec.field(default_factory=dict)
    after: dict[str, int] = msgspec.field(default_factory=dict)
    kinds: dict[str, int] = msgspec.field(default_factory=dict)
    rules: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)
    hit: dict[str, dict[str, dict[str, int]]] = msgspec.field(default_factory=dict)
    days: dict[int, dict[str, int]] = msgspec.field(default_factory=dict)
    samples: dict[str, list[Sample]] = msgspec.field(default_factory=dict)
    more: bool = False
    """Whether there were more actors, people, groups or hosts than are told apart."""

    def put(self, other: "Tally") -> None:
        """Count what another counted too."""
        self.total += other.total
        self.first_at = min((one for one in (self.first_at, other.first_at) if one is not None), default=None)
        self.last_at = max((one for one in (self.last_at, other.last_at) if one is not None), default=None)
        self.more |= other.more
        for mine, theirs in ((self.before, other.before), (self.after, other.after), (self.kinds, other.kinds)):
            _add(mine, theirs)
        for name, counts in other.rules.items():
            _add(self.rules.setdefault(name, {}), counts)
        for day, counts in other.days.items():
            _add(self.days.setdefault(day, {}), counts)
        for kind, whats in other.hit.items():
            for what, counts in whats.items():
                _add(self.hit.setdefault(kind, {}).setdefault(what, {}), counts)
        for key, several in other.samples.items():
            here = self.samples.setdefault(key, [])
            here.extend(several)
            here.sort(key=lambda one: (one.facts.at, one.facts.activity_id or ""))
            del here[_SAMPLES:]


@dataclass(slots=True)
class Replay:
    """Counts what `draft` would do to envelopes, beside what `base`, the policy in force, does. `origin` is how the ids of
    people here begin."""

    draft: Policy
    base: Policy
    origin: str
    tally: Tally = field(default_factory=Tally)
    _came: dict[tuple[str, str], deque[int]] = field(default_factory=dict)

    def decided(self, several: Sequence[Envelope]) -> list[Decision]:
        """What the draft says to each."""
        draft = self.draft
        if not draft.compiled.rated:
            return [decide(draft, one.facts) for one in several]
        return [decide(draft, self._rated(one.facts)) for one in several]

    def count(self, several: Sequence[Envelope], decisions: Iterable[Decision]) -> None:
        """Count what the draft says to each (`decided`)."""
        base, version = self.base, self.base.version
        for one, after in zip(several, decisions, strict=True):
            # The same version gave the same answer.
            if one.policy == version:
                before = Answer(one.verdict, one.code, one.rule, one.effects)
            else:
                before = _answer(decide(base, one.facts))
            self._count(one, before, after)

    def _count(self, one: Envelope, before: Answer, after: Decision) -> None:
        tally, facts = self.tally, one.facts
        kind = _kind(before, after)
        verdict = after.verdict.value
        tally.total += 1
        tally.before[before.verdict] = tally.before.get(before.verdict, 0) + 1
        tally.after[verdict] = tally.after.get(verdict, 0) + 1
        tally.kinds[kind] = tally.kinds.get(kind, 0) + 1
        at = facts.at
        tally.first_at = at if tally.first_at is None or at < tally.first_at else tally.first_at
        tally.last_at = at if tally.last_at is None or at > tally.last_at else tally.last_at
        day = tally.days.get(at // DAY)
        if day is None:
            day = tally.days[at // DAY] = {}
        day["total"] = day.get("total", 0) + 1
        if before.verdict == "reject":
            day["refused before"] = day.get("refused before", 0) + 1
        if verdict == "reject":
            day["refused after"] = day.get("refused after", 0) + 1
        self._rules(after, kind)
        if kind == "same":
            return
        day[kind] = day.get(kind, 0) + 1
        # What would be let in was refused by a rule of the policy in force: that is the one to be named.
        rule = (before.rule if kind == "let in" else after.rule) or DEFAULT
        if kind in _HIT:
            self._hit(kind, facts)
        if kind == "let in":
            counts = tally.rules.setdefault(rule, {})
            counts["let in"] = counts.get("let in", 0) + 1
        samples = tally.samples
        key = f"{kind} {rule}"
        if len(found := samples.get(key, ())) < _SAMPLES and (found or len(samples) < _KEYS):
            samples.setdefault(key, []).append(Sample(facts, kind, before, _answer(after)))

    def _rules(self, after: Decision, kind: str) -> None:
        rules = self.tally.rules
        verdict = after.verdict.value
        counts = rules.setdefault(after.rule or DEFAULT, {})
        counts["hits"] = counts.get("hits", 0) + 1
        counts[verdict] = counts.get(verdict, 0) + 1
        if kind not in ("same", "let in"):
            counts[kind] = counts.get(kind, 0) + 1
        for name in after.because:
            if name != after.rule:
                counts = rules.setdefault(name, {})
                counts["hits"] = counts.get("hits", 0) + 1
        for name, would in after.observed:
            counts = rules.setdefault(name, {})
            counts["hits"] = counts.get("hits", 0) + 1
            word = f"would {would}"
            counts[word] = counts.get(word, 0) + 1

    def _hit(self, kind: str, facts: Facts) -> None:
        hit = self.tally.hit.setdefault(kind, {})
        for host in facts.hosts:
            self._one(hit, "hosts", host)
        if facts.group is not None:
            self._one(hit, "groups", facts.group)
        who = facts.author or facts.actor
        if who is None:
            return
        if not who.startswith(self.origin + "/"):
            self._one(hit, "actors", who)
            return
        self._one(hit, "people", who)
        if facts.direction == "out":
            self._one(hit, "deliveries", f"{who} {facts.host}")

    def _one(self, hit: dict[str, dict[str, int]], what: str, key: str) -> None:
        counts = hit.setdefault(what, {})
        if key in counts or len(counts) < _DISTINCT:
            counts[key] = counts.get(key, 0) + 1
        else:
            self.tally.more = True

    def _rated(self, facts: Facts) -> Facts:
        """The facts with how many came, as the draft's rules count them."""
        found = []
        for one in counted(self.draft, facts):
            came = self._came.get((one.rule, one.of))
            if came is None:
                if len(self._came) >= _COUNTERS:
                    self._came.clear()
                came = self._came[one.rule, one.of] = deque()
            came.append(facts.at)
            while came[0] <= facts.at - one.window:
                came.popleft()
            found.append((one.rule, len(came)))
        return msgspec.structs.replace(facts, rates=tuple(found))


def _answer(decision: Decision) -> Answer:
    return Answer(decision.verdict.value, decision.code, decision.rule, decision.effects)


def _kind(before: Answer, after: Decision) -> str:
    verdict = after.verdict
    if before.verdict == verdict.value:
        if before.effects == after.effects and (before.rule == after.rule or verdict is Verdict.ACCEPT):
            return "same"
        return "changed"
    if verdict is Verdict.REJECT:
        return "refused"
    if before.verdict == "reject":
        return "let in"
    return {Verdict.HOLD: "held", Verdict.LIMIT: "limited"}.get(verdict, "changed")


def _add(mine: dict[str, int], theirs: dict[str, int]) -> None:
    for name, number in theirs.items():
        mine[name] = mine.get(name, 0) + number
