"""`Work`: what is said of something that one cites, in plain text of bounded length, and its citation as plain text.

Reading and writing the formats is `csl`, `bibtex` and `ris`; what identifies a work is `identifiers`.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

MAX_TITLE = 500
MAX_NAME = 200
MAX_WORD = 300
"""Characters of a venue, a publisher and the like."""
MAX_ABSTRACT = 2000
MAX_AUTHORS = 60
_SHOWN = 3
"""Authors that a line of citation names; of more, the first and «et al.»."""
_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\s]+")
_TAG = re.compile(r"<[^<>]{0,200}>")

KINDS = (
    "article-journal",
    "paper-conference",
    "article",
    "book",
    "chapter",
    "thesis",
    "report",
    "dataset",
    "software",
    "webpage",
    "document",
)
"""CSL's types that are told apart; every other is a `document`."""


@dataclass(frozen=True, slots=True)
class Name:
    """Who wrote something: family and given name; an organisation or a name in one piece is all `family`."""

    family: str
    given: str = ""

    @property
    def whole(self) -> str:
        """As one says it."""
        return f"{self.given} {self.family}".strip()

    @property
    def short(self) -> str:
        """As lists of references have it: family name first, initials behind."""
        initials = " ".join(f"{part[0]}." for part in re.split(r"[\s.]+", self.given) if part)
        return f"{self.family}, {initials}" if initials else self.family


@dataclass(frozen=True, slots=True)
class Work:
    """What is said of a work; empty text and None where nothing is. `kind` is one of `KINDS`; `licence` as `licences.named`
    gives it; `isbn` has 13 digits; `doi` is in lower case; `arxiv` without its version."""

    title: str
    kind: str = "document"
    authors: tuple[Name, ...] = ()
    year: int | None = None
    month: int | None = None
    venue: str = ""
    volume: str = ""
    issue: str = ""
    pages: str = ""
    publisher: str = ""
    doi: str = ""
    arxiv: str = ""
    isbn: str = ""
    url: str = ""
    language: str = ""
    licence: str = ""
    abstract: str = ""
    retracted: bool = False

    @property
    def by(self) -> str:
        """Who wrote it, in a line: three names at most."""
        names = [one.family for one in self.authors]
        if len(names) > _SHOWN:
            return f"{names[0]} et al."
        return " & ".join(([", ".join(names[:-1])] if len(names) > 1 else []) + names[-1:])

    @property
    def line(self) -> str:
        """The work in a line: who, when, what."""
        head = " ".join(part for part in (self.by, str(self.year or "")) if part)
        return f"{head}: {self.title}" if head else self.title

    @property
    def address(self) -> str:
        """Where it is found on the web; empty where nobody said."""
        if self.doi:
            return f"https://doi.org/{self.doi}"
        return f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else self.url


def plain(value: object, most: int = MAX_WORD) -> str:
    """Text in one line without markup, control characters and what turns the direction; cut where it is too long."""
    if not isinstance(value, str):
        return ""
    text = _HIDDEN.sub(" ", _TAG.sub("", value[: 4 * most])).strip()
    text = unicodedata.normalize("NFC", text.encode("utf-8", "ignore").decode())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def citation(work: Work) -> str:
    """The work as a list of references in APA's manner has it, as plain text."""
    names = [one.short for one in work.authors[:20]]
    if len(work.authors) > 20:
        names[19:] = ["…", work.authors[-1].short]
    who = names[0] if len(names) == 1 else ", ".join(names[:-1]) + f", & {names[-1]}" if names else ""
    when = f"({work.year if work.year is not None else 'n.d.'})"
    parts = [f"{who} {when}" if who else "", _dotted(work.title)]
    if not who:
        parts = [_dotted(work.title), when]
    place = work.venue
    if work.volume:
        place += f", {work.volume}" + (f"({work.issue})" if work.issue else "")
    if work.pages:
        place += f", {work.pages}"
    parts += [place.lstrip(", "), work.publisher if work.publisher != work.venue else ""]
    return " ".join(_dotted(part) for part in parts if part) + (f" {work.address}" if work.address else "")


def _dotted(part: str) -> str:
    return part if part.endswith((".", "?", "!", "…")) else part + "."


def names(values: Iterable[str]) -> tuple[Name, ...]:
    """Names as people write them: «Family, Given» or «Given Family»."""
    found = []
    for value in values:
        text = plain(value, MAX_NAME)
        if not text:
            continue
        family, comma, given = text.partition(",")
        if not comma:
            given, _, family = text.rpartition(" ")
        found.append(Name(family.strip(), given.strip()))
        if len(found) == MAX_AUTHORS:
            break
    return tuple(one for one in found if one.family)


def year_of(value: object) -> int | None:
    """A year from 1000 to 2999 in what somebody says of a date."""
    found = re.search(r"(?<!\d)([12]\d{3})(?!\d)", str(value)[:100]) if isinstance(value, str | int) else None
    return int(found[1]) if found is not None else None
