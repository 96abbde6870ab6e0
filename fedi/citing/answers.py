"""What services answer about a work: arXiv's Atom feed, and the JSON of a catalogue of books."""

import re
from html import unescape
from typing import Any

from fedi.citing import licences
from fedi.citing.works import MAX_ABSTRACT, MAX_TITLE, Work, names, plain, year_of

_LINK = re.compile(r"<link\b([^<>]{0,1000})>")


def read_arxiv(text: str, id_: str) -> Work | None:
    """The work of an answer of arXiv's API (Atom) about `id_`. Only text between tags is taken, so that no reader of XML, with
    its entities, is needed."""
    _, _, entry = text[:1_000_000].partition("<entry")
    entry = entry.partition("</entry>")[0]
    if "/api/errors" in entry[:2000]:
        return None
    title = plain(_of(entry, "title"), MAX_TITLE)
    if not title or title == "Error":
        return None
    licence = next((one[1] for one in _LINK.finditer(entry) if 'rel="license"' in one[1]), "")
    return Work(
        title=title,
        kind="article",
        authors=names(unescape(one) for one in re.findall(r"<name>([^<]{1,300})</name>", entry)[:100]),
        year=year_of(_of(entry, "published")),
        venue=plain(_of(entry, "arxiv:journal_ref")),
        publisher="arXiv",
        arxiv=id_,
        url=f"https://arxiv.org/abs/{id_}",
        licence=licences.named(licence.partition('href="')[2].partition('"')[0]),
        abstract=plain(_of(entry, "summary"), MAX_ABSTRACT),
        retracted="withdrawn" in _of(entry, "arxiv:comment").lower()[:300],
    )


def _of(text: str, name: str) -> str:
    found = re.search(rf"<{name}\b[^>]{{0,200}}>([^<]{{0,20000}})</{name}>", text)
    return unescape(found[1]) if found is not None else ""


def read_book(value: object, isbn: str) -> Work | None:
    """The book of an answer in the manner of Open Library's `api/books` (`jscmd=data`) about `isbn`."""
    if not isinstance(value, dict):
        return None
    found: Any = value.get(f"ISBN:{isbn}", value if "title" in value else None)
    title = plain(found.get("title"), MAX_TITLE) if isinstance(found, dict) else ""
    if not title:
        return None
    sub = plain(found.get("subtitle"))
    return Work(
        title=f"{title}: {sub}"[:MAX_TITLE] if sub else title,
        kind="book",
        authors=names(_names(found.get("authors"))),
        year=year_of(found.get("publish_date")),
        publisher=plain(next(iter(_names(found.get("publishers"))), "")),
        isbn=isbn,
        url=plain(found.get("url"), 2000) if str(found.get("url")).startswith("https://") else "",
    )


def _names(value: object) -> list[str]:
    listed = value[:60] if isinstance(value, list) else []
    return [name for one in listed if isinstance(name := one.get("name") if isinstance(one, dict) else one, str)]
