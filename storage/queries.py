"""What a person typed into a search field -> words, phrases and operators. Nothing that can be typed is an error. Pure.

Operators are Mastodon's (docs.joinmastodon.org/user/network/#operators), and `in:!group@host` or `group:name` besides.
What looks like an operator and isn't one, as `before:noon`, is words. Before anything a `-` means «not»; a `+` nothing.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from storage.words import asked_for

LONGEST = 4096
"""Characters that are read of a query, as in Mastodon."""
TERMS = 24
"""Words and operators that are read of it."""

HAS = ("media", "image", "video", "audio", "poll", "link", "embed")
IS = ("reply", "sensitive")
IN = ("library", "public", "all")
_DAYS = ("before", "after", "during")

_PIECES = re.compile(r'([+-]?)(?:"([^"]*)"?|(\S+))')
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "\x00": " "})
_OPERATOR = re.compile(r"([a-z]+):(\S+)\Z", re.IGNORECASE)
_DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})\Z", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*\Z", re.IGNORECASE | re.ASCII)
_ADDRESS = re.compile(r"[@!]?[\w.-]+(?:@[\w.:-]+)?\Z")
_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Operator:
    """One condition: its name as typed (`group` for every way to name one), its value, and whether it must not hold.

    A day is the ms at which it begins in UTC; other values are as typed, in lower case.
    """

    name: str
    value: str
    not_: bool = False
    day: int = 0


@dataclass(frozen=True, slots=True)
class Query:
    """Groups of words that must be there (several in a group: side by side), those that must not, and the operators."""

    wanted: tuple[tuple[str, ...], ...] = ()
    exact: tuple[tuple[str, ...], ...] = ()  # between quotes: no longer words
    unwanted: tuple[tuple[str, ...], ...] = ()
    operators: tuple[Operator, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is asked for; what must not be there alone asks for nothing."""
        return bool(self.wanted or self.exact or any(not one.not_ for one in self.operators))


def parse(text: str) -> Query:
    """What `text` asks for."""
    wanted: list[tuple[str, ...]] = []
    exact: list[tuple[str, ...]] = []
    unwanted: list[tuple[str, ...]] = []
    operators: list[Operator] = []
    for number, piece in enumerate(_PIECES.finditer(text[:LONGEST].translate(_QUOTES))):
        if number == TERMS:
            break
        sign, phrase, word = piece.groups()
        operator = _operator(word, not_=sign == "-") if word is not None else None
        if operator is not None:
            operators.append(operator)
            continue
        words = tuple(asked_for(phrase if word is None else word))
        if words:
            (unwanted if sign == "-" else wanted if word is not None else exact).append(words)
    return Query(tuple(wanted), tuple(exact), tuple(unwanted), tuple(operators))


def _operator(word: str, *, not_: bool) -> Operator | None:
    found = _OPERATOR.match(word)
    if found is None:
        return None
    name, value = found[1].lower(), found[2].strip('"').lower()
    if name in _DAYS:
        day = _day(value)
        return None if day is None else Operator(name, value, not_, day)
    known = (
        (name == "has" and value in HAS)
        or (name == "is" and value in IS)
        or (name == "in" and value in IN)
        or (name == "language" and _LANGUAGE.match(value) is not None)
        or (name == "from" and _ADDRESS.match(value) is not None)
    )
    if known:
        return Operator(name, value, not_)
    address = _ADDRESS.match(value) is not None
    if (name == "group" and address) or (name == "in" and address and ("@" in value or value.startswith("!"))):
        return Operator("group", value.lstrip("!@"), not_)
    return None


def _day(text: str) -> int | None:
    found = _DAY.match(text)
    if found is None:
        return None
    try:
        at = datetime(int(found[1]), int(found[2]), int(found[3]), tzinfo=UTC)
    except ValueError:
        return None
    return int(at.timestamp()) * 1000


def next_day(day: int) -> int:
    """When the day after the one that began at `day` ms begins."""
    return day + _MS
