"""RIS (Reference Manager): reading what publishers' pages and programs for references export."""

import re
from dataclasses import replace

from fedi.citing import identifiers
from fedi.citing.works import MAX_ABSTRACT, MAX_TITLE, Work, names, plain, year_of

MAX_TEXT = 200_000
MAX_ENTRIES = 100
_LINE = re.compile(r"^([A-Z][A-Z0-9])  ?- ?(.{0,20000})$", re.MULTILINE)
_KINDS = {
    "JOUR": "article-journal",
    "CONF": "paper-conference",
    "CPAPER": "paper-conference",
    "BOOK": "book",
    "CHAP": "chapter",
    "THES": "thesis",
    "RPRT": "report",
    "DATA": "dataset",
    "COMP": "software",
    "ELEC": "webpage",
    "UNPB": "article",
}


def looks(text: str) -> bool:
    """Whether this is meant as RIS."""
    return re.search(r"(?m)^TY  ?- ?[A-Z]", text[:2000]) is not None


def read(text: str) -> list[Work]:
    """The works of these records, in order; what can't be read is passed over."""
    found: list[Work] = []
    record: dict[str, list[str]] = {}
    for line in _LINE.finditer(text[:MAX_TEXT].replace("\r\n", "\n").replace("\r", "\n")):
        if line[1] == "ER":
            work = _work(record)
            found += [work] if work is not None else []
            record = {}
            if len(found) == MAX_ENTRIES:
                return found
        elif len(record) < 100 and len(told := record.setdefault(line[1], [])) < 100:
            told.append(line[2].strip())
    last = _work(record)  # the end mark is easily lost in pasting
    return found + ([last] if last is not None else [])


def _work(record: dict[str, list[str]]) -> Work | None:
    def first(*tags: str) -> str:
        return next((record[tag][0] for tag in tags if record.get(tag)), "")

    title = plain(first("TI", "T1", "CT", "BT"), MAX_TITLE)
    if not title or "TY" not in record:
        return None
    begin, end = plain(first("SP"), 20), plain(first("EP"), 20)
    doi, isbn = identifiers.doi(first("DO")), identifiers.isbn(first("SN"))
    url = plain(first("UR", "L2"), 2000)
    made = Work(
        title=title,
        kind=_KINDS.get(plain(first("TY"), 10), "document"),
        authors=names([*record.get("AU", []), *record.get("A1", [])]),
        year=year_of(first("PY", "Y1", "DA")),
        venue=plain(first("JO", "JF", "T2", "JA")),
        volume=plain(first("VL"), 30),
        issue=plain(first("IS"), 30),
        pages=f"{begin}–{end}" if begin and end else begin,
        publisher=plain(first("PB")),
        doi=doi.value if doi is not None else "",
        isbn=isbn.value if isbn is not None else "",
        url=url if url.lower().startswith(("https://", "http://")) and " " not in url else "",
        language=plain(first("LA"), 20),
        abstract=plain(first("AB", "N2"), MAX_ABSTRACT),
    )
    known = identifiers.of_url(made.url)
    return replace(made, arxiv=known.value) if known is not None and known.scheme == "arxiv" else made
