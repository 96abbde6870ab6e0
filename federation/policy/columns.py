"""The columns of a compiled policy (`federation.policy.compile`): one for each key of `when`, with a bit for each rule."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Protocol

from federation.policy.conditions import NUMBERS, PLAIN, TERMS, Outside, Range, Terms, Text, Version, open_text, within
from federation.policy.facts import Facts
from federation.policy.rules import Condition, Rule
from federation.policy.text import Patterns, fold

_VERSIONS = 1024
"""Versions of software for which it is remembered which rules they fit."""


class Column(Protocol):
    """One key of `when`: which rules its value in the facts leaves."""

    def mask(self, facts: Facts) -> int:
        """A bit for each rule that does not ask for this key, or whose condition holds."""


Mask = Callable[[Facts], int]
_CHEAP = {"direction": 0, "peer": 1, "activity": 2, "object": 3}


def columns(rules: tuple[Rule, ...]) -> tuple[tuple[Mask, ...], tuple[tuple[int, Mask], ...]]:
    """(columns, those that cost more, with the rules that have a condition there)."""
    every = (1 << len(rules)) - 1
    asked: dict[tuple[str, str, int], list[tuple[int, Condition]]] = defaultdict(list)
    for place, rule in enumerate(rules):
        seen: dict[tuple[str, str], int] = {}
        for one in rule.when:
            key = (type(one).__name__, one.name)
            nth = seen[key] = seen.get(key, -1) + 1
            asked[*key, nth].append((1 << place, one))
    early: list[tuple[int, Mask]] = []
    late: list[tuple[int, int, Mask]] = []
    for (kind, name, _), pairs in asked.items():
        with_condition = _union(bit for bit, _ in pairs)
        made: Column = _KINDS[kind](name, every ^ with_condition, pairs)
        if kind in ("Text", "Version"):
            late.append((kind == "Text", with_condition, made.mask))
        else:
            early.append((_CHEAP.get(name, 9), made.mask))
    early.sort(key=lambda one: one[0])
    late.sort(key=lambda one: one[0])
    return tuple(mask for _, mask in early), tuple((asks, mask) for _, asks, mask in late)


def _words(name: str, without: int, pairs: Iterable[tuple[int, Condition]]) -> Column:
    terms = _Terms(name, without, pairs)
    return _Plain(name, terms) if name in PLAIN else terms


class _Terms:
    """Conditions on words."""

    __slots__ = ("_free", "_terms", "_unwanted", "_wanted", "without")

    def __init__(self, name: str, without: int, pairs: Iterable[tuple[int, Condition]]) -> None:
        self._terms = TERMS[name]
        self.without = without
        self._free = without  # asks for none of some, or for nothing
        self._wanted: dict[str, int] = {}
        self._unwanted: dict[str, int] = {}
        joined: dict[int, int] = {}  # one number for each set of rules, however many terms have it
        for bit, one in pairs:
            if not isinstance(one, Terms):
                continue
            if not one.wanted:
                self._free |= bit
            for table, terms in ((self._wanted, one.wanted), (self._unwanted, one.unwanted)):
                for term in terms:
                    both = table.get(term, 0) | bit
                    table[term] = joined.setdefault(both, both)

    @property
    def named(self) -> set[str]:
        """The terms that conditions name."""
        return {*self._wanted, *self._unwanted}

    def mask(self, facts: Facts) -> int:
        found = self._terms(facts)
        return self.without if found is None else self.of(found)

    def of(self, found: Sequence[str]) -> int:
        """What is left by facts with these terms."""
        left = self._free
        wanted = self._wanted
        for term in found:
            if term in wanted:
                left |= wanted[term]
        if self._unwanted:
            for term in found:
                if term in self._unwanted:
                    left &= ~self._unwanted[term]
        return left


class _Plain:
    """Conditions on words where facts have only one: the answers are known before."""

    __slots__ = ("_answers", "_other", "_read")

    def __init__(self, name: str, terms: _Terms) -> None:
        self._read: Callable[[Facts], str | None] = attrgetter(name)
        self._other = terms.of(())
        self._answers: dict[str | None, int] = {term: terms.of((term,)) for term in terms.named}
        self._answers |= {None: terms.without, "": terms.without}

    def mask(self, facts: Facts) -> int:
        return self._answers.get(self._read(facts), self._other)


class _Outside:
    """Conditions on domains of which one host is not in any."""

    __slots__ = ("_asks", "_inside", "_without")

    def __init__(self, name: str, without: int, pairs: Iterable[tuple[int, Condition]]) -> None:
        self._without = without
        self._asks = 0
        self._inside: dict[str, int] = {}
        joined: dict[int, int] = {}
        for bit, one in pairs:
            self._asks |= bit
            for domain in one.inside if isinstance(one, Outside) else ():
                both = self._inside.get(domain, 0) | bit
                self._inside[domain] = joined.setdefault(both, both)

    def mask(self, facts: Facts) -> int:
        left = self._without
        for host in facts.hosts:
            outside = self._asks
            for domain in within(host):
                if domain in self._inside:
                    outside &= ~self._inside[domain]
            left |= outside
        return left


class _Range:
    """Conditions on numbers: the answer changes only at some points."""

    __slots__ = ("_masks", "_number", "_points", "_without")

    def __init__(self, name: str, without: int, pairs: Iterable[tuple[int, Condition]]) -> None:
        self._number = NUMBERS[name]
        self._without = without
        starts: dict[int, int] = defaultdict(int)
        ends: dict[int, int] = defaultdict(int)
        left = without
        for bit, one in pairs:
            if not isinstance(one, Range) or (one.low is not None and one.high is not None and one.low > one.high):
                continue
            if one.low is None:
                left |= bit
            else:
                starts[one.low] |= bit
            if one.high is not None:
                ends[one.high + 1] |= bit
        self._points = sorted(starts.keys() | ends.keys())
        self._masks = [left]
        for point in self._points:
            left = (left | starts.get(point, 0)) & ~ends.get(point, 0)
            self._masks.append(left)

    def mask(self, facts: Facts) -> int:
        found = self._number(facts)
        return self._without if found is None else self._masks[bisect_right(self._points, found)]


class _Version:
    """Conditions on versions: few versions are about, so what was answered is kept."""

    __slots__ = ("_kept", "_pairs", "_without")

    def __init__(self, name: str, without: int, pairs: Iterable[tuple[int, Condition]]) -> None:
        self._without = without
        bits: dict[Condition, int] = defaultdict(int)
        for bit, one in pairs:
            bits[one] |= bit
        self._pairs = tuple(bits.items())
        self._kept: dict[str | None, int] = {}

    def mask(self, facts: Facts) -> int:
        known = self._kept.get(facts.version)
        if known is None:
            known = self._without | _union(bit for one, bit in self._pairs if one.holds(facts))
            if len(self._kept) >= _VERSIONS or len(facts.version or "") > 100:
                self._kept.clear()
            self._kept[facts.version] = known
        return known


class _Text:
    """Keywords, or patterns, all in one pass over the text."""

    __slots__ = ("_folds", "_masks", "_patterns", "_without")

    def __init__(self, name: str, without: int, pairs: Iterable[tuple[int, Condition]]) -> None:
        self._without = without
        self._folds = name == "keyword"
        bits: dict[str, int] = defaultdict(int)
        for bit, one in pairs:
            if isinstance(one, Text):
                for pattern in one.patterns:
                    bits[pattern] |= bit
        self._masks = tuple(bits.values())
        self._patterns = Patterns(tuple(bits))

    def mask(self, facts: Facts) -> int:
        text = open_text(facts)
        if not text:
            return self._without
        left = self._without
        for place in self._patterns.found(fold(text) if self._folds else text):
            left |= self._masks[place]
        return left


def _union(masks: Iterable[int]) -> int:
    together = 0
    for mask in masks:
        together |= mask
    return together


_KINDS: dict[str, Callable[[str, int, Iterable[tuple[int, Condition]]], Column]] = {
    Terms.__name__: _words,
    Outside.__name__: _Outside,
    Range.__name__: _Range,
    Version.__name__: _Version,
    Text.__name__: _Text,
}
