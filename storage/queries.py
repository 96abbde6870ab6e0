"""What a person typed into a search field -> words, phrases and operators. Nothing that can be typed is an error. Pure.

Operators are Mastodon's (docs.joinmastodon.org/user/network/#operators), and besides in plain words: `in:group` (also
`in:!group@host`, `group:name`), `from:beta` for a university, `by:ada` for whoever is called so, `is:question`, `is:open` and
`is:solved`, `has:pdf`; a day may be a month or a year (`before:2026`). What looks like an operator and isn't one, as
`before:noon`, is words; so is an `in:` or `from:` that names nothing here. Before anything a `-` means «not»; a `+` nothing.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from storage.words import asked_for

LONGEST = 4096
"""Characters that are read of a query, as in Mastodon."""
TERMS = 24
"""Words and operators that are read of it."""

HAS = ("media", "image", "video", "audio", "poll", "link", "embed", "pdf")
IS = ("reply", "sensitive", "question", "open", "solved")
IN = ("library", "public", "all")
_DAYS = ("before", "after", "during")

_PIECES = re.compile(r'([+-]?)(?:"([^"]*)"?|(\S+))')
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "\x00": " "})
_OPERATOR = re.compile(r"([a-z]+):(\S+)\Z", re.IGNORECASE)
_DAY = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?\Z", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*\Z", re.IGNORECASE | re.ASCII)
_ADDRESS = re.compile(r"[@!]?[\w.-]+(?:@[\w.:-]+)?\Z")
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Operator:
    """One condition: its name as typed (`group` for every way to name one), its value, and whether it must not hold.

    A day is the ms at which it begins in UTC, `end` that at which the day (month, year) after it begins; other values are as
    typed, in lower case. `words` is what it means where it names nobody.
    """

    name: str
    value: str
    not_: bool = False
    day: int = 0
    end: int = 0
    words: tuple[str, ...] = ()


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
        span = _span(value)
        return None if span is None else Operator(name, value, not_, *span)
    known = (
        (name == "has" and value in HAS)
        or (name == "is" and value in IS)
        or (name == "in" and value in IN)
        or (name == "language" and _LANGUAGE.match(value) is not None)
        or (name in ("from", "by") and _ADDRESS.match(value) is not None)
    )
    if known:
        return Operator(name, value, not_)
    if name in ("group", "in") and _ADDRESS.match(value) is not None:
        plain = name == "in" and "@" not in value and not value.startswith("!")
        return Operator("group", value.lstrip("!@"), not_, words=tuple(asked_for(word)) if plain else ())
    return None


def _span(text: str) -> tuple[int, int] | None:
    """(when a day, month or year begins, when it is over), in ms."""
    found = _DAY.match(text)
    if found is None:
        return None
    year, month, day = int(found[1]), int(found[2] or 1), int(found[3] or 1)
    try:
        at = datetime(year, month, day, tzinfo=UTC)
        if found[3] is None:
            after = datetime(year + 1, 1, 1, tzinfo=UTC) if found[2] is None or month == 12 else None
            after = after or datetime(year, month + 1, 1, tzinfo=UTC)
            return _ms(at), _ms(after)
    except ValueError:
        return None
    return _ms(at), _ms(at) + _DAY_MS


def _ms(at: datetime) -> int:
    return int(at.timestamp()) * 1000
