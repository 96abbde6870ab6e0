"""What in a policy can be read, and is hardly meant so: rules that never fit, that an earlier rule leaves nothing for, that
contradict each other."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from federation.policy.compile import compile_rules
from federation.policy.conditions import MEMBER_ROLES, Range, Terms, Text, within
from federation.policy.document import Document, Problem
from federation.policy.rules import Condition, Rule, Verdict

_SINGLE = (
    "direction",
    "activity",
    "object",
    "actor",
    "author",
    "announcer",
    "group_scope",
    "tier",
    "software",
    "visibility",
)
_TAKEN = frozenset({"in", "fetch"})
_WITHOUT_TEXT = frozenset({"followers", "direct", "peers", "members"})
_MOST = 200
_LOOKED_AT = 100


def warnings(document: Document, at: int | None = None) -> tuple[Problem, ...]:
    """What should be looked at, by line; `at` (ms) is when it is looked at, for rules that have run out."""
    rules = compile_rules(document.rules, document.default).rules
    found = [problem for rule in rules for problem in _alone(rule, at)]
    found += _behind_others(rules)
    found += [
        Problem(line, f"the file {name!r} of a test is not at hand here", "the test runs where the policy is a file")
        for line, name in document.unread
    ]
    return tuple(sorted(found, key=lambda one: one.line)[:_MOST])


def _alone(rule: Rule, at: int | None) -> Iterable[Problem]:
    """What a rule alone shows."""
    if at is not None and rule.not_after is not None and rule.not_after < at:
        yield Problem(rule.line, f"the rule {rule.id!r} has run out", "delete it, or move not_after")
    by_name = {one.name: one for one in rule.when}
    for one in rule.when:
        if isinstance(one, Terms) and one.wanted and all(_barred(one, term) for term in one.wanted):
            said = f"the rule {rule.id!r} never fits: {one.name} wants only what it excludes too"
            yield Problem(rule.line, said, f"leave out one of the two in {one.name}")
    seen, group = by_name.get("visibility"), by_name.get("keyword") or by_name.get("pattern")
    if group is not None and isinstance(seen, Terms) and seen.wanted and _WITHOUT_TEXT.issuperset(seen.wanted):
        said = f"the rule {rule.id!r} never fits: {group.name} sees public texts only, and it asks for {seen.wanted[0]}"
        yield Problem(rule.line, said, f"leave out {group.name}, or visibility")
    directions = _directions(rule)
    if rule.verdict is Verdict.HOLD and not rule.effects and directions is not None and not directions & _TAKEN:
        said = f"the rule {rule.id!r} does nothing: only what comes in can be held"
        yield Problem(rule.line, said, 'write direction = "in", or then = "reject"')
    if (
        rule.verdict is Verdict.LIMIT
        and not rule.effects
        and directions is not None
        and directions <= {"out", "answer"}
    ):
        said = f"the rule {rule.id!r} does nothing: only what comes from others is limited"
        yield Problem(rule.line, said, 'write direction = "in", or then = "reject"')


def _directions(rule: Rule) -> frozenset[str] | None:
    for one in rule.when:
        if isinstance(one, Terms) and one.name == "direction" and one.wanted:
            return frozenset(one.wanted) - frozenset(one.unwanted)
    return None


def _barred(condition: Terms, term: str) -> bool:
    return not set(_expanded(condition.name, term)).isdisjoint(condition.unwanted)


@dataclass(slots=True)
class _Asked:
    """Of one key: which rules ask for it, which of them want which term, and which ask in another way."""

    asks: int = 0
    wants: dict[str, int] = field(default_factory=dict)
    other: int = 0


def _behind_others(rules: Sequence[Rule]) -> list[Problem]:
    """Rules for which a rule before them leaves nothing: whatever they fit has its answer already.

    For each rule the bits of those rules are made that fit whatever it fits, key by key, as in `federation.policy.compile`:
    so thousands of rules are no million pairs.
    """
    columns: dict[tuple[str, str], _Asked] = {}
    every = (1 << len(rules)) - 1
    ending = 0
    found = []
    for place, rule in enumerate(rules):
        bit = 1 << place
        if ending:
            earlier = _covering(rules, rule, columns, ending, every)
            if earlier is not None:
                found.append(_problem(earlier, rule))
        for one in rule.when:
            key = (type(one).__name__, one.name)
            column = columns.setdefault(key, _Asked())
            column.asks |= bit
            if isinstance(one, Terms) and one.wanted:
                for term in one.wanted:
                    column.wants[term] = column.wants.get(term, 0) | bit
            else:
                column.other |= bit
        always = rule.rate is None and not rule.observe and rule.not_after is None
        if always and rule.verdict is not None:
            ending |= bit
    return found


def _covering(
    rules: Sequence[Rule],
    rule: Rule,
    columns: dict[tuple[str, str], _Asked],
    ending: int,
    every: int,
) -> Rule | None:
    """The first of the ending rules that fits whatever `rule` fits."""
    own = {(type(one).__name__, one.name): one for one in rule.when}
    left = ending
    for key, column in columns.items():
        mine = own.get(key)
        if mine is None:
            left &= every ^ column.asks  # who asks for it does not fit where it is otherwise
        elif isinstance(mine, Terms) and mine.wanted:
            for term in mine.wanted[:_LOOKED_AT]:
                fits = (every ^ column.asks) | column.other
                for wider in _expanded(mine.name, term):
                    fits |= column.wants.get(wider, 0)
                left &= fits
        if not left:
            return None
    for _ in range(_LOOKED_AT):
        if not left:
            break
        earlier = rules[(left & -left).bit_length() - 1]
        left &= left - 1
        if _ends_all(earlier, rule) and all(_implied(one, own) for one in earlier.when):
            return earlier
    return None


def _ends_all(earlier: Rule, later: Rule) -> bool:
    """Whether the verdict of the earlier one counts in every direction in which the later one is asked."""
    if earlier.verdict in (Verdict.ACCEPT, Verdict.REJECT):
        return True
    directions = _directions(later)
    return directions is not None and directions <= _TAKEN


def _implied(wanted: Condition, own: dict[tuple[str, str], Condition]) -> bool:
    """Whether a condition holds wherever those of a rule do."""
    mine = own.get((type(wanted).__name__, wanted.name))
    if mine is None or mine == wanted:
        return mine is not None
    if isinstance(wanted, Range) and isinstance(mine, Range):
        low = wanted.low is None or (mine.low is not None and mine.low >= wanted.low)
        return low and (wanted.high is None or (mine.high is not None and mine.high <= wanted.high))
    if isinstance(wanted, Text) and isinstance(mine, Text):
        return set(mine.wanted) <= set(wanted.wanted)
    if not isinstance(wanted, Terms) or not isinstance(mine, Terms):
        return False
    terms = [set(_expanded(mine.name, term)) for term in mine.wanted]
    if wanted.wanted and (not terms or any(each.isdisjoint(wanted.wanted) for each in terms)):
        return False
    excluded = [set(_expanded(wanted.name, term)) for term in wanted.unwanted]
    if all(not each.isdisjoint(mine.unwanted) for each in excluded):
        return True
    # Where facts have one term only, who wants another has not the excluded one.
    return mine.name in _SINGLE and bool(terms) and all(each.isdisjoint(wanted.unwanted) for each in terms)


def _expanded(name: str, term: str) -> tuple[str, ...]:
    """The terms that whatever fits a term fits too."""
    if name in ("peer", "links"):
        return within(term)
    if name == "language":
        parts = term.split("-")
        return tuple("-".join(parts[: at + 1]) for at in range(len(parts)))
    if name == "media_types":
        return (term, term.partition("/")[0] + "/*")
    if name == "affiliation":
        role, at, scope = term.partition("@")
        roles = (role, "member") if role in MEMBER_ROLES else (role,)
        return (*roles, *(f"{each}@{scope}" for each in roles if at))
    if name == "group":
        return (term, "*", term.rstrip("/").rpartition("/")[2]) if "/" in term else (term, "*")
    return (term,)


def _problem(earlier: Rule, later: Rule) -> Problem:
    where = f"{earlier.id!r} on line {earlier.line}"
    if set(earlier.when) == set(later.when) and later.rate is None:
        if (earlier.verdict, earlier.effects) == (later.verdict, later.effects):
            return Problem(later.line, f"the rule {later.id!r} says what {where} says already", "delete one of them")
        said = f"the rule {later.id!r} ({later.then}) contradicts {where} ({earlier.then}), which is asked first"
        return Problem(later.line, said, "delete one of them, or give one other conditions")
    said = f"the rule {later.id!r} is never reached: {where} decides all that it fits ({earlier.then})"
    return Problem(later.line, said, "delete it, give it a higher priority, or make the other one narrower")
