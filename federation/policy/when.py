"""What stands in a rule's `when`, read: each key has its own form, and an error that says the mend."""

import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any

from federation.errors import FederationError
from federation.hosts import normal_host, split_iri
from federation.policy.conditions import Outside, Range, Terms, Text, Version, version_numbers
from federation.policy.rules import Condition, Rate
from federation.policy.text import STEPS, keyword_pattern, problem, steps
from federation.policy.values import Unfit, nearest, read_rate

DIRECTIONS = ("in", "out", "fetch", "show", "announce", "answer")
TIERS = ("public", "agreed", "members")
GROUP_SCOPES = ("local", "named", "agreed", "public")
VISIBILITIES = ("public", "unlisted", "peers", "members", "followers", "direct")
AFFILIATIONS = ("faculty", "student", "staff", "alum", "member", "affiliate", "employee", "library-walk-in")
"""eduPerson's controlled vocabulary (internet2.edu, eduPerson 4.2, 2.2.1)."""
ACTIVITIES = tuple(
    "Accept Add Announce Arrive Block Create Delete Dislike EmojiReact Flag Follow Ignore Invite Join Leave Like Listen Lock "
    "Move Offer Question Read Reject Remove TentativeAccept TentativeReject Travel Undo Update View".split()
)
OBJECTS = tuple(
    "Note Article Page Question Event Image Video Audio Document Tombstone Place Profile Relationship Collection "
    "OrderedCollection Person Group Organization Application Service ChatMessage".split()
)
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_NUMBER = re.compile(r"(>=|<=|>|<|=)? *([0-9]{1,15}) *([a-zA-Z]{0,3})")
_BETWEEN = re.compile(r"([0-9]{1,15}) *([a-zA-Z]{0,3}) *\.\. *([0-9]{1,15}) *([a-zA-Z]{0,3})")
_VERSION = re.compile(r"(>=|<=|>|<|=)? *(v?[0-9][0-9.]*)")
_WORD = re.compile(r"[^\s!][^\s]{0,199}")
_LANGUAGE = re.compile(r"[a-z]{2,8}(?:-[a-z0-9]{1,8}){0,4}")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/(?:\*|[a-z0-9][a-z0-9.+-]{0,100})")


def read_condition(name: str, value: Any) -> Condition | Rate:
    """The condition that stands under a key of `when`. Raises Unfit."""
    read = _READERS.get(name)
    if read is None:
        raise Unfit(f"`when` knows no {name!r}", nearest(name, _READERS))
    return read(name, value)


def _strings(name: str, value: Any) -> Iterator[tuple[int | None, str]]:
    """The texts of a value that is one or a list of them, with their places."""
    if isinstance(value, str):
        yield None, value
        return
    if not isinstance(value, list) or not value:
        raise Unfit(f"{name} is {value!r:.60}", f'write a text or a list of texts: {name} = "…" or {name} = ["…", "…"]')
    for place, one in enumerate(value):
        if not isinstance(one, str):
            raise Unfit(f"{name}: {one!r:.60} is no text", "put it in quotes", place)
        yield place, one


def _terms(name: str, value: Any, read: Callable[[str], str], *, negates: bool = True) -> Terms:
    wanted: dict[str, None] = {}
    unwanted: dict[str, None] = {}
    for place, text in _strings(name, value):
        no = negates and text.startswith("!")
        try:
            (unwanted if no else wanted)[read(text.removeprefix("!").strip() if no else text.strip())] = None
        except Unfit as error:
            raise Unfit(
                f"{name} {text!r:.80}: {error.text}", error.mend, *(() if place is None else (place,))
            ) from None
    return Terms(name, tuple(wanted), tuple(unwanted))


def _choice(known: tuple[str, ...]) -> Callable[[str, Any], Condition]:
    def one(text: str) -> str:
        if text not in known:
            raise Unfit("not one of them", nearest(text, known))
        return text

    return lambda name, value: _terms(name, value, one)


def _type(known: tuple[str, ...]) -> Callable[[str, Any], Condition]:
    """A type of ActivityStreams. Other software has types of its own, so only what looks like a slip is refused."""

    def one(text: str) -> str:
        if text in known:
            return text
        same = [each for each in known if each.lower() == text.lower()]
        if same or _WORD.fullmatch(text) is None or get_close_matches(text, known, n=1, cutoff=0.8):
            raise Unfit("no such type", f"did you mean {same[0]}?" if same else nearest(text, known))
        return text

    return lambda name, value: _terms(name, value, one)


def _host(text: str) -> str:
    bare = text.removeprefix("https://").removeprefix("http://").removeprefix("@").removeprefix("*.").rstrip("/")
    if "/" in bare or "@" in bare or not bare:
        raise Unfit("not a host", "write the host alone, like uni.example; its subdomains are meant too")
    try:
        return normal_host(bare)
    except FederationError:
        raise Unfit("not a host name", "write the host as in an address, like uni.example") from None


def _iri(text: str) -> str:
    try:
        split_iri(text)
    except FederationError:
        raise Unfit(
            "not an address", "write the whole address (its id), like https://uni.example/people/maria"
        ) from None
    return text


def _group(text: str) -> str:
    if text == "*" or (_WORD.fullmatch(text) and "/" not in text):
        return text
    return _iri(text)


def _matching(form: re.Pattern[str], wrong: str, mend: str) -> Callable[[str, Any], Condition]:
    def one(text: str) -> str:
        folded = text.lower()
        if form.fullmatch(folded) is None:
            raise Unfit(wrong, mend)
        return folded

    return lambda name, value: _terms(name, value, one)


def _hashtag(text: str) -> str:
    tag = text.removeprefix("#").casefold()
    if _WORD.fullmatch(tag) is None:
        raise Unfit("not a hashtag", "write the word alone, like exams")
    return tag


def _affiliation(text: str) -> str:
    role, at, scope = text.lower().partition("@")
    if role not in AFFILIATIONS:
        raise Unfit(f"{role!r} is no affiliation", nearest(role, AFFILIATIONS))
    return f"{role}@{_host(scope)}" if at else role


def _flag(name: str, value: Any) -> Condition:
    if not isinstance(value, bool):
        raise Unfit(f"{name} is {value!r:.60}", f"write {name} = true or {name} = false")
    return Terms(name, ("yes" if value else "no",))


def _number(name: str, value: Any) -> Condition:
    if isinstance(value, bool) and name == "media":
        return Range(name, 1, None) if value else Range(name, 0, 0)
    if isinstance(value, int) and not isinstance(value, bool):
        return Range(name, value, value)
    if isinstance(value, str) and (found := _BETWEEN.fullmatch(value.strip())):
        return _proper(Range(name, _amount(name, found[1], found[2]), _amount(name, found[3], found[4])), value)
    low, high = None, None
    parts = _NUMBER.findall(value) if isinstance(value, str) and not _NUMBER.sub("", value).strip() else []
    if not parts or len(parts) > 2:
        raise Unfit(f"{name} is {value!r:.60}", f'write a comparison: {name} = ">10", "<=3", "5..10", ">5 <10" or 7')
    for sign, digits, unit in parts:
        number = _amount(name, digits, unit)
        if sign in (">", ">=", "=", ""):
            low = number + (sign == ">")
        if sign in ("<", "<=", "=", ""):
            high = number - (sign == "<")
    return _proper(Range(name, low, high), value)


def _proper(made: Range, value: Any) -> Range:
    if (made.low is not None and made.high is not None and made.low > made.high) or (
        made.high is not None and made.high < 0
    ):
        raise Unfit(f"{made.name} {value!r} fits no number", "write the smaller number first")
    return made


def _amount(name: str, digits: str, unit: str) -> int:
    if unit.lower() not in _UNITS or (unit and name not in ("size", "media_bytes")):
        mend = "B kB MB GB KiB MiB GiB" if name in ("size", "media_bytes") else "a number alone"
        raise Unfit(f"{name}: {unit!r} is no unit for it", f"write {mend}")
    return int(digits) * _UNITS[unit.lower()]


def _count_or(terms: Callable[[str], str]) -> Callable[[str, Any], Condition]:
    """A comparison of how many there are, or words of which one is there."""

    def read(name: str, value: Any) -> Condition:
        counts = isinstance(value, int) or (isinstance(value, str) and value.lstrip()[:1] in ("<", ">", "="))
        return _number(name, value) if counts else _terms(name, value, terms)

    return read


def _version(name: str, value: Any) -> Condition:
    parts = _VERSION.findall(value) if isinstance(value, str) and not _VERSION.sub("", value).strip(" ,") else []
    wanted = [(sign or "=", numbers) for sign, text in parts if (numbers := version_numbers(text)) is not None]
    if not parts or len(wanted) != len(parts):
        raise Unfit(
            f"version is {value!r:.60}", 'write version = "4.2" (all that begin so), "<4.2.10" or ">=4.0 <4.2.10"'
        )
    return Version(tuple(wanted))


def _text(name: str, value: Any) -> Condition:
    found: dict[str, None] = {}
    taken = 0
    for place, text in _strings(name, value):
        within = () if place is None else (place,)
        if name == "keyword" and (len(text) > 200 or keyword_pattern(text) is None):
            raise Unfit(
                f"keyword {text!r:.60}",
                "a keyword has letters or digits, 200 at most; for signs use `pattern`",
                *within,
            )
        wrong = problem(text) if name == "pattern" else None
        if wrong is not None:
            mend = "patterns are RE2's: linear time, so no \\1, (?=…) or {1001} (github.com/google/re2/wiki/Syntax)"
            raise Unfit(f"pattern {text!r:.60}: {wrong}", mend, *within)
        if name == "pattern" and not text:
            raise Unfit("an empty pattern fits every text", "leave it out", *within)
        taken += _steps(name, text)
        if taken > STEPS:
            raise too_large(name, *within)
        found[text] = None
    return Text(name, tuple(found))


def _steps(name: str, text: str) -> int:
    return steps(text) if name == "pattern" else len(keyword_pattern(text) or "")


def text_steps(condition: Condition) -> int:
    """What the keywords or patterns of a condition take of `federation.policy.text.STEPS`; 0 for another condition."""
    return sum(_steps(condition.name, one) for one in condition.wanted) if isinstance(condition, Text) else 0


def too_large(name: str, *within: int) -> Unfit:
    """That there are too many of them, or too large ones."""
    mend = "shorten them: fewer of them, no large {n,m}, no \\pL; what is one word is better a keyword than a pattern"
    return Unfit(f"the {name}s up to this one are too large together ({STEPS:,} steps of RE2)", mend, *within)


_READERS: dict[str, Callable[[str, Any], Condition | Rate]] = {
    "direction": _choice(DIRECTIONS),
    "dir": lambda _, value: _choice(DIRECTIONS)("direction", value),
    "peer": lambda name, value: _terms(name, value, _host),
    "outside": lambda name, value: Outside(_terms(name, value, _host, negates=False).wanted),
    "tier": _choice(TIERS),
    "software": _matching(_WORD, "not a name of software", "write it as NodeInfo has it, like mastodon"),
    "version": _version,
    "activity": _type(ACTIVITIES),
    "object": _type((*OBJECTS, *ACTIVITIES)),
    "group": lambda name, value: _terms(name, value, _group),
    "group_scope": _choice(GROUP_SCOPES),
    "affiliation": lambda name, value: _terms(name, value, _affiliation),
    "account_days": _number,
    "followers": _number,
    "followed": _flag,
    "mentions": _number,
    "media": _number,
    "media_types": _matching(_MEDIA_TYPE, "not a media type", "write it as image/png, or image/* for all images"),
    "media_bytes": _number,
    "language": _matching(_LANGUAGE, "not a language tag", "write it as BCP 47 has it, like de or pt-BR"),
    "keyword": _text,
    "pattern": _text,
    "hashtag": _count_or(_hashtag),
    "links": _count_or(_host),
    "size": _number,
    "rate": lambda _, value: read_rate(value),
    "visibility": _choice(VISIBILITIES),
    "sensitive": _flag,
    "reply": _flag,
    "actor": lambda name, value: _terms(name, value, _iri),
    "author": lambda name, value: _terms(name, value, _iri),
    "announcer": lambda name, value: _terms(name, value, _iri),
}
KEYS = tuple(key for key in _READERS if key != "dir")
"""Every key of `when`."""
