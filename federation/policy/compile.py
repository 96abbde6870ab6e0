"""A policy's rules, made quick to ask.

Each rule is a bit. For each key of `when` there is a column that says, for what the facts have there, which rules could still
fit: those that want it and those that do not ask. All columns together leave the rules that fit, in order; what that costs
depends on how many keys the rules use, hardly on how many rules there are. (Bit vectors of packet filters: Lakshman and
Stiliadis, SIGCOMM 1998.)
"""

from collections.abc import Iterator, Sequence

from federation.policy.columns import columns
from federation.policy.conditions import Terms
from federation.policy.facts import Facts
from federation.policy.rules import Rule, Verdict, in_rate, in_time


class Compiled:
    """Rules in the order in which they are asked, and what happens to what none of them decides."""

    __slots__ = ("_all", "_columns", "_late", "default", "rated", "rules")

    rated: "Compiled | None"
    """The rules that ask how many came, by themselves; None: there are none."""

    def __init__(self, rules: tuple[Rule, ...] = (), default: Verdict = Verdict.ACCEPT) -> None:
        self.rules = rules
        self.default = default
        counting = tuple(rule for rule in rules if rule.rate is not None)
        self.rated = self if counting == rules and rules else Compiled(counting) if counting else None
        self._all = (1 << len(rules)) - 1
        self._columns, self._late = columns(rules)

    def __reduce__(self) -> tuple[type["Compiled"], tuple[tuple[Rule, ...], Verdict]]:
        return Compiled, (self.rules, self.default)

    def fitting(self, facts: Facts) -> Iterator[Rule]:
        """The rules that fit, in order; those with a rate where so many came."""
        return (rule for rule in self.among(self.left(facts), facts) if in_rate(rule, facts))

    def candidates(self, facts: Facts) -> Iterator[Rule]:
        """The rules of which all holds but, perhaps, the rate."""
        return self.among(self.left(facts), facts)

    def left(self, facts: Facts) -> int:
        """The rules whose conditions hold, as bits."""
        left = self._all
        for column in self._columns:
            left &= column(facts)
            if not left:
                return 0
        for asked, late in self._late:
            if left & asked:
                left &= late(facts)
        return left

    def among(self, left: int, facts: Facts) -> Iterator[Rule]:
        """The rules of these bits that have not run out, in order."""
        while left:
            bit = left & -left
            rule = self.rules[bit.bit_length() - 1]
            if in_time(rule, facts):
                yield rule
            left ^= bit


def compile_rules(rules: Sequence[Rule], default: Verdict = Verdict.ACCEPT) -> Compiled:
    """Rules in the order in which they are asked: the higher priority first, then the more specific, then as they are
    written. More specific is who has more conditions, then who names the longer domain."""
    return Compiled(tuple(sorted(rules, key=lambda rule: (-rule.priority, -specificity(rule)))), default)


def specificity(rule: Rule) -> int:
    """How narrow a rule is: by its conditions, then by the labels of the widest domain that it names."""
    labels = 0
    for one in rule.when:
        if isinstance(one, Terms) and one.name == "peer" and one.wanted:
            labels = min(host.count(".") + 1 for host in one.wanted)
    return (len(rule.when) + (rule.rate is not None)) * 256 + labels
