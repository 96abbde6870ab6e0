"""CSL-JSON (citationstyles.org): what resolvers of DOIs answer, what programs for references read, and how we keep works."""

from typing import Any

from fedi.citing import identifiers, licences
from fedi.citing.works import (
    KINDS,
    MAX_ABSTRACT,
    MAX_AUTHORS,
    MAX_NAME,
    MAX_TITLE,
    Name,
    Work,
    plain,
    year_of,
)

_KINDS = {
    "journal-article": "article-journal",
    "proceedings-article": "paper-conference",
    "posted-content": "article",
    "monograph": "book",
    "edited-book": "book",
    "reference-book": "book",
    "book-chapter": "chapter",
    "dissertation": "thesis",
    "post-weblog": "webpage",
    "post": "webpage",
}
"""Crossref's own words, which it leaves in what should be CSL."""
_RETRACTED = frozenset({"retraction", "removal", "withdrawal", "retracted"})


def read(value: object) -> Work | None:
    """The work that a CSL object tells of; None without a title. Whatever else is wrong is left out."""
    if not isinstance(value, dict):
        return None
    title = plain(_first(value.get("title")), MAX_TITLE)
    if not title:
        return None
    kind = plain(value.get("type"), 40)
    kind = _KINDS.get(kind, kind)
    said = value.get("custom")
    custom: dict[str, Any] = said if isinstance(said, dict) else {}
    doi = identifiers.doi(plain(value.get("DOI")))
    isbn = identifiers.isbn(plain(_first(value.get("ISBN"))))
    arxiv = identifiers.arxiv(plain(custom.get("arxiv")))
    year, month = _date(value)
    return Work(
        title=title,
        kind=kind if kind in KINDS else "document",
        authors=_authors(value.get("author") or value.get("editor")),
        year=year,
        month=month,
        venue=plain(_first(value.get("container-title"))),
        volume=plain(_text(value.get("volume")), 30),
        issue=plain(_text(value.get("issue")), 30),
        pages=plain(_text(value.get("page")), 40),
        publisher=plain(value.get("publisher")),
        doi=doi.value if doi is not None else "",
        arxiv=arxiv.value if arxiv is not None else "",
        isbn=isbn.value if isbn is not None else "",
        url=_address(value.get("URL")),
        language=plain(value.get("language"), 20),
        licence=licences.named(custom.get("licence")) or _licence(value.get("license")),
        abstract=plain(value.get("abstract"), MAX_ABSTRACT),
        retracted=custom.get("retracted") is True or _is_retracted(value, title),
    )


def write(work: Work, id_: str = "") -> dict[str, Any]:
    """A work as a CSL object, which `read` reads as the same work; `id_` is what it is cited by."""
    custom = {"arxiv": work.arxiv, "licence": work.licence, "retracted": work.retracted}
    made: dict[str, Any] = {
        "id": id_,
        "type": work.kind,
        "title": work.title,
        "author": [{"family": one.family, **({"given": one.given} if one.given else {})} for one in work.authors],
        "issued": {"date-parts": [[work.year, *([work.month] if work.month else [])]]} if work.year else None,
        "container-title": work.venue,
        "volume": work.volume,
        "issue": work.issue,
        "page": work.pages,
        "publisher": work.publisher,
        "DOI": work.doi,
        "ISBN": work.isbn,
        "URL": work.url,
        "language": work.language,
        "abstract": work.abstract,
        "custom": {name: told for name, told in custom.items() if told},
    }
    return {name: told for name, told in made.items() if told}


def _first(value: object) -> object:
    return value[0] if isinstance(value, list) and value else value


def _text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else value


def _authors(value: object) -> tuple[Name, ...]:
    found = []
    for one in value[:MAX_AUTHORS] if isinstance(value, list) else ():
        if not isinstance(one, dict):
            continue
        particle = plain(one.get("non-dropping-particle"), 30)
        family = plain(one.get("family") or one.get("literal") or one.get("name"), MAX_NAME)
        if family:
            found.append(Name(f"{particle} {family}".strip(), plain(one.get("given"), MAX_NAME)))
    return tuple(found)


def _date(value: dict[str, Any]) -> tuple[int | None, int | None]:
    for name in ("issued", "published", "published-print", "published-online", "created"):
        said = value.get(name)
        if not isinstance(said, dict):
            continue
        parts = _first(said.get("date-parts"))
        year = year_of(_text(parts[0])) if isinstance(parts, list) and parts else year_of(said.get("raw"))
        if year is not None:
            month = parts[1] if isinstance(parts, list) and len(parts) > 1 else None
            right = isinstance(month, int) and not isinstance(month, bool) and 1 <= month <= 12
            return year, month if right else None
    return None, None


def _licence(value: object) -> str:
    """Crossref's list of licences: the one of the version of record, else the first that is known."""
    listed = [one for one in value[:10] if isinstance(one, dict)] if isinstance(value, list) else []
    listed.sort(key=lambda one: one.get("content-version") != "vor")
    return next((known for one in listed if (known := licences.named(one.get("URL")))), "")


def _address(value: object) -> str:
    text = plain(value, 2000)
    right = text.lower().startswith(("https://", "http://")) and " " not in text and len(text) < 2000
    return text if right else ""


def _is_retracted(value: dict[str, Any], title: str) -> bool:
    """Whether Crossref says so: by what updates it (Retraction Watch's data are there), or before the title."""
    updates = value.get("updated-by") or value.get("update-by")
    listed = updates[:20] if isinstance(updates, list) else []
    return title.upper().startswith(("RETRACTED", "WITHDRAWN:")) or any(
        isinstance(one, dict) and plain(one.get("type"), 40).lower() in _RETRACTED for one in listed
    )
