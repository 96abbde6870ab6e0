"""Federation policy: facts in, one explained decision out.

Nothing here reads a clock, a database or a socket, so a decision can be made again, with the same answer, from the facts and
the version of the policy.

Asked in this order: how we stand to the host (`stance`), whom this instance speaks with at all (`mode`), what the agreement
opens (`agreement`), then the rules of the document. The first verdict is the answer; effects of the rules before it add up.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from federation.policy import built_in
from federation.policy.built_in import Decision, Policy, Scope
from federation.policy.conditions import Terms
from federation.policy.facts import Facts
from federation.policy.rules import EFFECTS, REFUSING, Rule, Verdict, in_rate, in_time

__all__ = [
    "BUILT_IN",
    "EFFECTS",
    "Counted",
    "Decision",
    "Policy",
    "Scope",
    "Step",
    "Verdict",
    "counted",
    "decide",
    "explain",
]

_DEFAULT_TEXTS = {
    Verdict.ACCEPT: "nothing speaks against it",
    Verdict.LIMIT: "no rule of this instance takes it as it is",
    Verdict.HOLD: "no rule of this instance takes it before somebody looked at it",
    Verdict.REJECT: "no rule of this instance allows it",
}
BUILT_IN = ("stance", "mode", "agreement")
"""Ids of the rules that every policy has before its own; no rule of a document may be called so."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one rule had to say: whether it fitted, why or why not, what it did (None: nothing)."""

    rule: str
    matched: bool
    why: str
    effect: str | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """A count that a rule asks for: of which rule, of whom (host or actor), within how many ms."""

    rule: str
    of: str
    window: int


def decide(policy: Policy, facts: Facts) -> Decision:
    """What happens to an activity or a request. Never raises; equal input gives an equal answer."""
    found = None
    if facts.stance != "none" or facts.mode != "open":  # else none of these three has anything to say
        found = built_in.stance(policy, facts) or built_in.mode(policy, facts) or built_in.agreement(policy, facts)
        if found is not None and found.verdict is Verdict.REJECT:
            return found
    compiled = policy.compiled
    left = compiled.left(facts)
    if not left and compiled.default is Verdict.ACCEPT and found is None:
        return built_in.limited(policy, facts) or _accepted(policy.version)
    effects: dict[str, None] = dict.fromkeys(found.effects) if found is not None else {}
    because = list(found.because) if found is not None else []
    observed = []
    for rule in compiled.among(left, facts):
        if not in_rate(rule, facts) or not _speaks_of(rule, facts):
            continue
        verdict = _verdict(rule, facts)
        if verdict is None and not rule.effects:
            continue
        if rule.observe:
            observed.append((rule.id, rule.then))
            continue
        effects |= dict.fromkeys(rule.effects)
        because.append(rule.id)
        if verdict is not None:
            return _ended(policy, facts, rule, verdict, tuple(effects), tuple(because), tuple(observed))
    return _default(policy, facts, tuple(effects), tuple(because), tuple(observed))


def counted(policy: Policy, facts: Facts) -> tuple[Counted, ...]:
    """The counts that rules ask for, of what this activity is one of: with it counted, `Facts.rates` has them, and then
    `decide` can be asked."""
    if policy.compiled.rated is None:
        return ()
    found = []
    for rule in policy.compiled.rated.candidates(facts):
        if rule.rate is not None:
            of = facts.actor if rule.rate.by == "actor" else facts.host
            found.append(Counted(rule.id, of or facts.host, rule.rate.window))
    return tuple(found)


def explain(policy: Policy, facts: Facts) -> tuple[Step, ...]:
    """How `decide` comes to its answer: every rule up to the one that decides, with what it wanted and what it found. Asks
    each rule by itself, another way than `decide` does."""
    return tuple(_steps(policy, facts))


def _steps(policy: Policy, facts: Facts) -> Iterator[Step]:
    for name, asks in zip(BUILT_IN, (built_in.stance, built_in.mode, built_in.agreement), strict=True):
        found = asks(policy, facts)
        if found is None and name == "stance":
            found = built_in.limited(policy, facts)
        if found is None:
            yield Step(name, matched=False, why=built_in.passes(name, facts))
            continue
        yield Step(name, matched=True, why=found.text, effect=" ".join(found.effects) or found.verdict.value)
        if found.verdict is Verdict.REJECT:
            return
    for rule in policy.compiled.rules:
        step = _step(rule, facts)
        yield step
        if step.matched and not rule.observe and _verdict(rule, facts) is not None:
            return
    peering = facts.object == built_in.PEERING
    why = "no rule decided" if not peering else "no rule decided, and anybody may ask for an agreement"
    yield Step("default", matched=True, why=why, effect="accept" if peering else policy.compiled.default.value)


def _step(rule: Rule, facts: Facts) -> Step:
    if not in_time(rule, facts):
        return Step(rule.id, matched=False, why="it has run out")
    if not _speaks_of(rule, facts):
        return Step(
            rule.id, matched=False, why="of messages about peering only rules count that name the peer, or them"
        )
    failing = next((one for one in rule.when if not one.holds(facts)), None)
    if failing is not None:
        return Step(rule.id, matched=False, why=failing.says(facts))
    said = [one.says(facts) for one in rule.when]
    if rule.rate is not None:
        number = dict(facts.rates).get(rule.id, 0)
        said.append(f"rate: {number} came, more than {rule.rate.number} fit")
        if not in_rate(rule, facts):
            return Step(rule.id, matched=False, why=said[-1])
    why = "; ".join(said) or "always"
    verdict = _verdict(rule, facts)
    if verdict is None and not rule.effects:
        return Step(rule.id, matched=True, why=f"{why}; {rule.then} means nothing in direction {facts.direction}")
    effect = rule.then if verdict in (rule.verdict, None) else f"{rule.then} {verdict.value}"
    return Step(rule.id, matched=True, why=why, effect=f"observe {effect}" if rule.observe else effect)


def _speaks_of(rule: Rule, facts: Facts) -> bool:
    """Whether a rule counts for what is about peering: only one that names the peer, or such messages. Else a policy for those
    who are agreed with would keep others from asking for an agreement."""
    if facts.object != built_in.PEERING:
        return True
    return any(isinstance(one, Terms) and one.name in ("peer", "object") and one.wanted for one in rule.when)


def _verdict(rule: Rule, facts: Facts) -> Verdict | None:
    """What a rule that fits decides here; None: nothing, or nothing in this direction."""
    for effect in rule.effects:
        if effect in REFUSING and REFUSING[effect][0] == facts.activity:
            return Verdict.REJECT
    if rule.verdict is Verdict.HOLD and facts.direction != "in":
        # What may come in only after a person's yes is not fetched instead. There is nothing to hold in the other directions.
        return Verdict.REJECT if facts.direction == "fetch" else None
    if rule.verdict is Verdict.LIMIT and facts.direction not in built_in.TAKING:
        return None
    return rule.verdict


def _ended(
    policy: Policy,
    facts: Facts,
    rule: Rule,
    verdict: Verdict,
    effects: tuple[str, ...],
    because: tuple[str, ...],
    observed: tuple[tuple[str, str], ...],
) -> Decision:
    if verdict is Verdict.ACCEPT:
        limited = built_in.limited(policy, facts)
        if limited is not None:
            because = ("stance", *because)
            return Decision(
                Verdict.LIMIT, limited.code, limited.text, policy.version, "stance", effects, because, observed
            )
    if verdict is Verdict.REJECT:
        effects = ()
    return Decision(verdict, rule.code, rule.text, policy.version, rule.id, effects, because, observed)


def _default(
    policy: Policy,
    facts: Facts,
    effects: tuple[str, ...],
    because: tuple[str, ...],
    observed: tuple[tuple[str, str], ...],
) -> Decision:
    default = policy.compiled.default
    rule = Rule("default", (), default, code="default", text=_DEFAULT_TEXTS[default])
    verdict = (_verdict(rule, facts) if _speaks_of(rule, facts) else None) or Verdict.ACCEPT
    if verdict is not Verdict.ACCEPT:
        return _ended(policy, facts, rule, verdict, effects, (*because, "default"), observed)
    found = built_in.limited(policy, facts) or _accepted(policy.version)
    if not because and not observed:
        return found
    if found.verdict is Verdict.LIMIT:
        return replace(found, effects=effects, because=(*found.because, *because), observed=observed)
    if not effects:
        return replace(found, because=because, observed=observed)
    text = "taken, and changed"
    return Decision(Verdict.ACCEPT, "changed", text, policy.version, because[-1], effects, because, observed)


@lru_cache(maxsize=16)
def _accepted(version: int) -> Decision:
    return Decision(Verdict.ACCEPT, "accepted", "nothing speaks against it", version)
