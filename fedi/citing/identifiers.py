"""What identifies a work: DOI, arXiv id, ISBN. Finding them in text and addresses, and writing each in one way only."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

Scheme = Literal["doi", "arxiv", "isbn"]

MAX_DOI = 200
_DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>\x00-\x1f]{1,200}")
_DOI_HOSTS = ("doi.org/", "dx.doi.org/", "www.doi.org/")
_ARXIV = re.compile(r"(?:\d{4}\.\d{4,5}|[a-z][a-z-]{1,20}(?:\.[A-Z]{2})?/\d{7})(?=v\d|$|[^\d.])", re.ASCII)
_ARXIV_HOSTS = ("arxiv.org/abs/", "arxiv.org/pdf/", "www.arxiv.org/abs/", "export.arxiv.org/abs/")
_BOOKS = "openlibrary.org/isbn/"
_IN_TEXT = re.compile(
    r"(?:(?:https?://)?(?:dx\.|www\.)?doi\.org/|\bdoi:\s?)(?P<doi>10\.\d{4,9}/[^\s\"<>]{1,200})"
    r"|(?:(?:https?://)?(?:www\.|export\.)?arxiv\.org/(?:abs|pdf)/|\barxiv:\s?)(?P<arxiv>[\w.-]{1,30}(?:/\d{7})?)"
    r"|\bisbn(?:-1[03])?:?\s{0,2}(?P<isbn>[\dXx][\dXx \u2010-]{8,16})",
    re.IGNORECASE,
)
_READ = 20_000
"""Characters of a text that are looked through."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """A scheme and a value in the one way in which we write it."""

    scheme: Scheme
    value: str

    @property
    def key(self) -> str:
        """What tells works apart, as `doi:10.1000/182`."""
        return f"{self.scheme}:{self.value}"

    @property
    def url(self) -> str:
        """The address that stands for the work: one for all ways of writing it."""
        if self.scheme == "doi":
            return f"https://doi.org/{self.value}"
        page = "https://arxiv.org/abs/" if self.scheme == "arxiv" else "https://openlibrary.org/isbn/"
        return page + self.value


def doi(text: str) -> Identifier | None:
    """The DOI that `text` is, bare, with `doi:` or as an address; in lower case, as DOIs differ in nothing else."""
    value = unquote(text.strip()[: 3 * MAX_DOI])
    value = re.sub(r"^(?:https?://)?(?:dx\.|www\.)?doi\.org/|^doi:\s*", "", value, flags=re.IGNORECASE)
    found = _DOI.fullmatch(_trimmed(value))
    return Identifier("doi", found[0].lower()) if found is not None and len(found[0]) <= MAX_DOI else None


def arxiv(text: str) -> Identifier | None:
    """The arXiv id that `text` is, bare, with `arXiv:` or as an address; without its version."""
    value = text.strip()[:200].rstrip("/.,;)")
    value = re.sub(
        r"^(?:https?://)?(?:www\.|export\.)?arxiv\.org/(?:abs|pdf)/|^arxiv:\s*", "", value, flags=re.IGNORECASE
    )
    value = re.sub(r"(?:v\d{1,3})?(?:\.pdf)?$", "", value)
    found = _ARXIV.fullmatch(value)
    return Identifier("arxiv", found[0]) if found is not None else None


def isbn(text: str) -> Identifier | None:
    """The ISBN that `text` is, of 13 digits; one of 10 is written anew. None where the check digit is wrong."""
    bare = re.sub(r"^(?:urn:)?isbn(?:-1[03])?:?\s*", "", text.strip()[:60], flags=re.IGNORECASE)
    digits = re.sub(r"[\s\u2010-]", "", bare).upper()
    if re.fullmatch(r"\d{9}[\dX]", digits, re.ASCII):
        total = sum((10 - at) * (10 if one == "X" else int(one)) for at, one in enumerate(digits))
        if total % 11:
            return None
        head = "978" + digits[:9]
        return Identifier("isbn", head + _check(head))
    if re.fullmatch(r"97[89]\d{10}", digits, re.ASCII) and _check(digits[:12]) == digits[12]:
        return Identifier("isbn", digits)
    return None


def _check(head: str) -> str:
    return str(-sum(int(one) * (3 if at % 2 else 1) for at, one in enumerate(head)) % 10)


def of(text: str) -> Identifier | None:
    """The work that a text of one word names, by any scheme."""
    return doi(text) or arxiv(text) or isbn(text)


def of_url(url: str) -> Identifier | None:
    """The work that an address stands for; None for every page that is not a resolver's."""
    _, _, rest = url.partition("://")
    low = rest.lower()
    if low.startswith(_DOI_HOSTS):
        return doi(rest.partition("#")[0].partition("?")[0])
    if low.startswith(_ARXIV_HOSTS):
        return arxiv(rest.partition("#")[0].partition("?")[0])
    return isbn(rest[len(_BOOKS) :].rstrip("/")) if low.startswith(_BOOKS) else None


def first(text: str) -> Identifier | None:
    """The first work that a text names: by an address, or with `doi:`, `arXiv:` or `ISBN` before it."""
    for found in _IN_TEXT.finditer(text[:_READ]):
        known = (
            doi(found["doi"])
            if found["doi"]
            else arxiv(found["arxiv"])
            if found["arxiv"]
            else isbn(found["isbn"].rstrip())
        )
        if known is not None:
            return known
    return None


def _trimmed(value: str) -> str:
    """Without the punctuation of the sentence around it; a closing bracket stays where the DOI opened one."""
    while value:
        last = value[-1]
        opening = {")": "(", "]": "[", "}": "{"}.get(last)
        if opening is not None and value.count(opening) >= value.count(last):
            break
        if opening is None and last not in ".,;:?!'»”’":
            break
        value = value[:-1]
    return value
