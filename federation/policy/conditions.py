"""Conditions of rules, and what of the facts each of them is about.

A condition on words (`Terms`) wants one of some, or none of some. Facts have for each key the terms that they fit: the host
`a.uni.example` fits `a.uni.example`, `uni.example` and `example`; so a condition is a question of being among them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter

from federation.policy.facts import Facts
from federation.policy.text import finds, fold, keyword_pattern

_LONGEST, _TAG = 300, 35
"""Characters that a host with its port, and a language tag (RFC 5646, 4.4.1), may have."""
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,7}")
# eduPerson (internet2.edu, 4.2): who is one of these is a member; an alum is not.
MEMBER_ROLES = frozenset({"faculty", "student", "staff", "employee"})


def within(host: str) -> tuple[str, ...]:
    """A host, and all domains that it is in; with and without its port."""
    # Texts link to hosts that nobody proved, of a hundred labels too: those take no place in memory.
    return _kept_within(host) if len(host) <= 80 else _within(host)


def _within(host: str) -> tuple[str, ...]:
    if len(host) > _LONGEST:
        return (host,)
    if host.startswith("["):
        return (host, host.partition("]")[0] + "]")
    name, colon, port = host.partition(":")
    labels = name.split(".")
    domains = [".".join(labels[at:]) for at in range(len(labels))]
    return tuple(domains) if not colon else (*domains, *(f"{domain}:{port}" for domain in domains))


_kept_within = lru_cache(maxsize=4096)(_within)


def _hosts(facts: Facts) -> tuple[str, ...]:
    if facts.author_host is None and facts.announcer_host is None:
        return within(facts.host)
    return tuple(term for host in facts.hosts for term in within(host))


def _group(facts: Facts) -> tuple[str, ...] | None:
    if facts.group is None:
        return None
    return (facts.group, facts.group.rstrip("/").rpartition("/")[2], "*")


def _affiliations(values: tuple[str, ...]) -> tuple[str, ...]:
    found = []
    for value in values:
        role, at, scope = value.lower().partition("@")
        for each in (role, "member") if role in MEMBER_ROLES else (role,):
            found.append(each)
            if at:
                found.append(f"{each}@{scope}")
    return tuple(found)


def _languages(tag: str) -> tuple[str, ...]:
    parts = tag[:_TAG].lower().split("-")
    return tuple("-".join(parts[: at + 1]) for at in range(len(parts)))


def _alone(facts: Facts) -> bool:
    """Whether they are of a host alone: of what it says nothing is known, so that no condition about that fits."""
    return not facts.activity and facts.object is None


def _said(read: Callable[[Facts], tuple[str, ...]]) -> Callable[[Facts], tuple[str, ...] | None]:
    return lambda facts: None if _alone(facts) else read(facts)


def open_text(facts: Facts) -> str:
    """The text that rules may look into: of what is not public none, whoever told it, as it is not kept either."""
    return facts.text if facts.visibility in ("public", "unlisted") else ""


def _media_types(facts: Facts) -> tuple[str, ...]:
    return tuple(term for type in facts.media_types for term in (type, type.partition("/")[0] + "/*"))


def _value(name: str) -> Callable[[Facts], tuple[str, ...] | None]:
    read: Callable[[Facts], str | None] = attrgetter(name)

    def terms(facts: Facts) -> tuple[str, ...] | None:
        value = read(facts)
        return (value,) if value else None

    return terms


def _flag(value: bool | None) -> tuple[str, ...] | None:
    return None if value is None else ("yes",) if value else ("no",)


PLAIN = (
    *("direction", "activity", "object", "actor", "author", "announcer"),
    *("group_scope", "tier", "software", "visibility"),
)
"""Keys whose only term is the value of the facts with that name."""

TERMS: dict[str, Callable[[Facts], tuple[str, ...] | None]] = {
    **{name: _value(name) for name in PLAIN},
    "peer": _hosts,
    "group": _group,
    "language": lambda facts: _languages(facts.language) if facts.language else None,
    "affiliation": _said(lambda facts: _affiliations(facts.affiliation)),
    "hashtag": _said(lambda facts: facts.hashtags),
    "links": _said(lambda facts: tuple(term for host in facts.links for term in within(host))),
    "media_types": _said(_media_types),
    "followed": lambda facts: _flag(facts.followed),
    "sensitive": _said(lambda facts: _flag(facts.sensitive) or ()),
    "reply": _said(lambda facts: _flag(facts.reply) or ()),
}
"""What conditions on words are about: the terms that the facts fit; None when it is not known."""

NUMBERS: dict[str, Callable[[Facts], int | None]] = {
    "account_days": lambda facts: facts.account_days,
    "followers": lambda facts: facts.followers,
    "media_bytes": lambda facts: facts.media_bytes,
    "mentions": lambda facts: None if _alone(facts) else facts.mentions,
    "media": lambda facts: None if _alone(facts) else facts.media,
    "size": lambda facts: None if _alone(facts) else facts.size,
    "hashtag": lambda facts: None if _alone(facts) else len(facts.hashtags),
    "links": lambda facts: None if _alone(facts) else len(facts.links),
}
"""What conditions on numbers are about."""


@dataclass(frozen=True, slots=True)
class Terms:
    """One of `wanted` (when there are any), and none of `unwanted`."""

    name: str
    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()

    def holds(self, facts: Facts) -> bool:
        """Whether it is so."""
        found = TERMS[self.name](facts)
        if found is None or not set(found).isdisjoint(self.unwanted):
            return False
        return not self.wanted or not set(found).isdisjoint(self.wanted)

    def says(self, facts: Facts) -> str:
        """What is wanted, and what was found."""
        found = TERMS[self.name](facts)
        wanted = [*self.wanted[:3], *(f"!{one}" for one in self.unwanted[:3])]
        more = "" if len(self.wanted) <= 3 and len(self.unwanted) <= 3 else " …"
        shown = facts.hosts if self.name == "peer" else found[:1] if found and self.name == "group" else found
        said = "not known" if shown is None else ", ".join(shown[:3])[:300] or "none"
        return f"{self.name} {', '.join(wanted)}{more}: is {said}"


@dataclass(frozen=True, slots=True)
class Outside:
    """One of the hosts is in none of these domains."""

    inside: tuple[str, ...]
    name: str = "outside"

    def holds(self, facts: Facts) -> bool:
        """Whether it is so."""
        return self._found(facts) is not None

    def says(self, facts: Facts) -> str:
        """What is wanted, and what was found."""
        found = self._found(facts)
        more = " …" if len(self.inside) > 3 else ""
        said = f"{found} is" if found is not None else "nobody is"
        return f"outside {', '.join(self.inside[:3])}{more}: {said}"

    def _found(self, facts: Facts) -> str | None:
        return next((host for host in facts.hosts if set(within(host)).isdisjoint(self.inside)), None)


@dataclass(frozen=True, slots=True)
class Range:
    """A number from `low` to `high`, both included; None: no bound."""

    name: str
    low: int | None = None
    high: int | None = None

    def holds(self, facts: Facts) -> bool:
        """Whether it is so."""
        found = NUMBERS[self.name](facts)
        if found is None:
            return False
        return (self.low is None or found >= self.low) and (self.high is None or found <= self.high)

    def says(self, facts: Facts) -> str:
        """What is wanted, and what was found."""
        found = NUMBERS[self.name](facts)
        low, high = self.low if self.low is not None else "", self.high if self.high is not None else ""
        return f"{self.name} {low}..{high}: is {'not known' if found is None else found}"


@dataclass(frozen=True, slots=True)
class Version:
    """A version that passes all comparisons: (one of = < <= > >=, numbers); `=` asks only for as many numbers as it has."""

    wanted: tuple[tuple[str, tuple[int, ...]], ...]
    name: str = "version"

    def holds(self, facts: Facts) -> bool:
        """Whether it is so."""
        found = version_numbers(facts.version)
        return found is not None and all(_compares(found, sign, numbers) for sign, numbers in self.wanted)

    def says(self, facts: Facts) -> str:
        """What is wanted, and what was found."""
        wanted = " ".join(sign + ".".join(map(str, numbers)) for sign, numbers in self.wanted)
        return f"version {wanted}: is {facts.version or 'not known'}"


@dataclass(frozen=True, slots=True)
class Text:
    """One of some keywords, or one of some RE2 patterns, is in the public text; `name` is `keyword` or `pattern`. What is not
    public has no text here, and never fits."""

    name: str
    wanted: tuple[str, ...]

    @property
    def patterns(self) -> tuple[str, ...]:
        """What is looked for, as RE2 has it; for keywords in the folded text."""
        if self.name == "pattern":
            return self.wanted
        return tuple(found for one in self.wanted if (found := keyword_pattern(one)) is not None)

    def holds(self, facts: Facts) -> bool:
        """Whether it is so."""
        return self._found(facts) is not None

    def says(self, facts: Facts) -> str:
        """What is wanted, and what was found."""
        found = self._found(facts)
        if found is not None:
            return f"{self.name}: {found} is in the text"
        wanted = ", ".join(self.wanted[:3]) + (" …" if len(self.wanted) > 3 else "")
        return f"{self.name} {wanted}: {'is not in the text' if open_text(facts) else 'the text is not known'}"

    def _found(self, facts: Facts) -> str | None:
        text = open_text(facts)
        if not text:
            return None
        if self.name == "pattern":
            return next((one for one in self.wanted if finds(one, text)), None)
        folded = fold(text)
        pairs = ((one, keyword_pattern(one)) for one in self.wanted)
        return next((one for one, pattern in pairs if pattern is not None and finds(pattern, folded)), None)


def version_numbers(version: str | None) -> tuple[int, ...] | None:
    """The numbers that a version begins with: (4, 2, 10) of `4.2.10+glitch`; None when there are none."""
    found = _NUMBER.match((version or "").removeprefix("v"))
    return tuple(int(one) for one in found[0].split(".")) if found is not None else None


def _compares(found: tuple[int, ...], sign: str, wanted: tuple[int, ...]) -> bool:
    length = max(len(found), len(wanted))
    if sign == "=":
        length = len(wanted)
    one = (found + (0,) * length)[:length]
    other = (wanted + (0,) * length)[:length]
    match sign:
        case "<":
            return one < other
        case "<=":
            return one <= other
        case ">":
            return one > other
        case ">=":
            return one >= other
    return one == other
