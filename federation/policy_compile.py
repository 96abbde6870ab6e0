"""A policy's rules, made quick to ask."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from federation.facts import Facts
from federation.policy_rules import Rule, Verdict, in_rate, in_time


@dataclass(frozen=True, slots=True)
class Compiled:
    """Rules in the order in which they are asked, and what happens to what none of them decides."""

    rules: tuple[Rule, ...] = ()
    default: Verdict = Verdict.ACCEPT

    @property
    def rated(self) -> bool:
        """Whether any rule asks how many came."""
        return any(rule.rate is not None for rule in self.rules)

    def fitting(self, facts: Facts) -> Iterator[Rule]:
        """The rules that fit, in order; those with a rate where so many came."""
        return (rule for rule in self.candidates(facts) if in_rate(rule, facts))

    def candidates(self, facts: Facts) -> Iterator[Rule]:
        """The rules of which all holds but, perhaps, the rate."""
        for rule in self.rules:
            if in_time(rule, facts) and all(one.holds(facts) for one in rule.when):
                yield rule


def compile_rules(rules: Sequence[Rule], default: Verdict = Verdict.ACCEPT) -> Compiled:
    """Rules in the order: the higher priority first, then the one with more conditions, then as they are written."""
    order = sorted(range(len(rules)), key=lambda at: (-rules[at].priority, -len(rules[at].when), at))
    return Compiled(tuple(rules[at] for at in order), default)
