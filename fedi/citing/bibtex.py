"""BibTeX: reading what people paste, in one pass over bounded text; writing what BibTeX and biber read."""

import re
from collections.abc import Iterable

from fedi.citing import identifiers, licences
from fedi.citing.works import MAX_ABSTRACT, MAX_TITLE, Work, names, plain, year_of

MAX_TEXT = 200_000
MAX_ENTRIES = 100
_MAX_FIELD = 20_000
_DEEP = 50
_KINDS = {
    "article": "article-journal",
    "inproceedings": "paper-conference",
    "conference": "paper-conference",
    "book": "book",
    "incollection": "chapter",
    "inbook": "chapter",
    "phdthesis": "thesis",
    "mastersthesis": "thesis",
    "thesis": "thesis",
    "techreport": "report",
    "report": "report",
    "dataset": "dataset",
    "software": "software",
    "online": "webpage",
    "unpublished": "article",
}
_TYPES = {
    "article-journal": "article",
    "paper-conference": "inproceedings",
    "book": "book",
    "chapter": "incollection",
    "thesis": "phdthesis",
    "report": "techreport",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_HEAD = re.compile(r"@\s{0,9}([A-Za-z]{1,30})\s{0,9}([{(])")
_NAME = re.compile(r"[\s,]*([A-Za-z][\w.:-]{0,40})\s*=\s*")
_BARE = re.compile(r"[\w.:/+-]{1,200}")
_ACCENTS = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", "=": "\u0304", "u": "\u0306", ".": "\u0307",
    '"': "\u0308", "r": "\u030a", "H": "\u030b", "v": "\u030c", "d": "\u0323", "c": "\u0327", "k": "\u0328",
}  # fmt: skip
_LETTERS = {
    "ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "o": "ø", "O": "Ø", "aa": "å", "AA": "Å", "l": "ł", "L": "Ł",
    "i": "i", "j": "j", "&": "&", "%": "%", "$": "$", "_": "_", "#": "#", "{": "", "}": "", "-": "", "dots": "…",
    "textendash": "–", "textemdash": "—", "textasciitilde": "~", "emph": "", "textit": "", "textbf": "", "textsc": "",
}  # fmt: skip
_COMMAND = re.compile(
    r"\\(?:([`'^~=.\"])\s?\{?\\?([A-Za-z])\}?|([uHvdckr])(?:\s|\{)\\?([A-Za-z])\}?|([A-Za-z]+)\s?|(.))"
)
_SPECIAL = {"\\": "/", "{": "(", "}": ")"} | {one: f"\\{one}" for one in "&%$#_"} | {"~": "\\textasciitilde{}"}


def looks(text: str) -> bool:
    """Whether this is meant as BibTeX."""
    return _HEAD.search(text[:2000]) is not None


def read(text: str) -> list[Work]:
    """The works of these entries, in order; what can't be read is passed over. At most `MAX_ENTRIES`."""
    text = text[:MAX_TEXT]
    strings = _Strings()
    found: list[Work] = []
    at = 0
    while len(found) < MAX_ENTRIES and (head := _HEAD.search(text, at)) is not None:
        kind, at = head[1].lower(), head.end()
        if kind in ("comment", "preamble"):
            continue
        fields, at = _fields(text, at, strings, kind)
        if kind == "string":
            strings.known.update(list(fields.items())[:200])
            continue
        work = _work(kind, fields)
        if work is not None:
            found.append(work)
    return found


class _Strings:
    """What words stand for, by `@string`. A word of two letters may stand for thousands, so all that they are replaced by has
    a bound, too; beyond it, words stand for themselves."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {name: str(at) for at, name in enumerate(_MONTHS, 1)}
        self.left = MAX_TEXT

    def meant(self, word: str) -> str:
        """What a bare word stands for."""
        value = self.known.get(word.lower(), word)
        if len(value) > self.left:
            return word
        self.left -= len(value)
        return value


def _fields(text: str, at: int, strings: _Strings, kind: str) -> tuple[dict[str, str], int]:
    """(the fields of the entry that begins at `at`, where it ends)."""
    fields: dict[str, str] = {}
    if kind != "string":
        comma = text.find(",", at, at + 500)
        at = comma + 1 if comma >= 0 else at
    while (named := _NAME.match(text, at)) is not None:
        value, at = _value(text, named.end(), strings)
        if len(fields) < 100:
            fields.setdefault(named[1].lower(), value)
        if at < len(text) and text[at] not in ", \t\r\n":
            break
    return fields, at


def _value(text: str, at: int, strings: _Strings) -> tuple[str, int]:
    """(a value, where it ends): in braces, in quotes, a bare word, or several of them joined by #."""
    pieces: list[str] = []
    length = 0
    while at < len(text) and len(pieces) < 20:
        if text[at] in '{"':
            end = _closing(text, at)
            piece, at = text[at + 1 : end], end + 1
        elif (bare := _BARE.match(text, at)) is not None:
            piece, at = strings.meant(bare[0]), bare.end()
        else:
            break
        if length < _MAX_FIELD:
            pieces.append(piece[:_MAX_FIELD])
            length += len(piece)
        joined = re.compile(r"\s{0,20}#\s{0,20}").match(text, at)
        if joined is None:
            break
        at = joined.end()
    space = re.compile(r"\s*").match(text, at)
    return "".join(pieces)[:_MAX_FIELD], space.end() if space is not None else at


def _closing(text: str, at: int) -> int:
    """Where what opens at `at` closes, or the text ends; braces count, and quotes within braces do not."""
    quoted, depth = text[at] == '"', 0
    for place in range(at + 1, len(text)):
        one = text[place]
        if text[place - 1] == "\\":
            continue
        if one == "{":
            depth += 1
        elif one == "}":
            if not quoted and depth == 0:
                return place
            depth = max(depth - 1, 0)
        elif one == '"' and quoted and depth == 0:
            return place
    return len(text)


def _work(kind: str, fields: dict[str, str]) -> Work | None:
    said = {name: plain(_untexed(value), MAX_ABSTRACT) for name, value in fields.items() if name != "author"}
    title = plain(said.get("title", ""), MAX_TITLE)
    if not title:
        return None
    authors = " ".join((fields.get("author") or fields.get("editor", "")).split()).split(" and ")
    doi = identifiers.doi(said.get("doi", ""))
    isbn = identifiers.isbn(said.get("isbn", "").partition(",")[0])
    arxiv = identifiers.arxiv(said.get("eprint", "")) if "eprint" in said else None
    url = said.get("url", "")
    month = said.get("month", "")
    number = _MONTHS.index(month[:3].lower()) + 1 if month[:3].lower() in _MONTHS else None
    return Work(
        title=title,
        kind=_KINDS.get(kind, "document"),
        authors=names(_untexed(one) for one in authors),
        year=year_of(said.get("year") or said.get("date", "")),
        month=int(month) if re.fullmatch("0?[1-9]|1[0-2]", month) else number,
        venue=plain(said.get("journal") or said.get("journaltitle") or said.get("booktitle", "")),
        volume=plain(said.get("volume", ""), 30),
        issue=plain(said.get("number") or said.get("issue", ""), 30),
        pages=plain(said.get("pages", "").replace("--", "–"), 40),
        publisher=plain(said.get("publisher") or said.get("school") or said.get("institution", "")),
        doi=doi.value if doi is not None else "",
        arxiv=arxiv.value if arxiv is not None else "",
        isbn=isbn.value if isbn is not None else "",
        url=url if url.lower().startswith(("https://", "http://")) and " " not in url else "",
        language=plain(said.get("language") or said.get("langid", ""), 20),
        licence=licences.named(said.get("license") or said.get("copyright", "")),
        abstract=said.get("abstract", ""),
    )


def _untexed(value: str) -> str:
    """TeX as plain text: accents, letters, and braces that protect capitals."""
    return _COMMAND.sub(_command, value.replace("~", " ")).replace("{", "").replace("}", "").replace("---", "—")


def _command(found: re.Match[str]) -> str:
    accent, letter = found[1] or found[3], found[2] or found[4]
    if accent is not None:
        return f"{letter}{_ACCENTS[accent]}"
    return _LETTERS.get(found[5] or found[6], "")


def write(works: Iterable[Work]) -> str:
    """These works as one .bib, each under a key of its own."""
    taken: set[str] = set()
    made = []
    for work in works:
        key = key_of(work, taken)
        names_ = [_texed(one.family) if one.given else f"{{{_texed(one.family)}}}" for one in work.authors]
        given = [f", {_texed(one.given)}" if one.given else "" for one in work.authors]
        fields = {
            "title": f"{{{_texed(work.title)}}}",  # in braces twice, so that capitals stay
            "author": " and ".join(map("".join, zip(names_, given, strict=True))),
            "year": str(work.year or ""),
            "month": str(work.month or ""),
            "booktitle" if work.kind in ("paper-conference", "chapter") else "journal": _texed(work.venue),
            "volume": _texed(work.volume),
            "number": _texed(work.issue),
            "pages": _texed(work.pages.replace("–", "--")),
            "school" if work.kind == "thesis" else "publisher": _texed(work.publisher),
            "doi": _quoted(work.doi),
            "eprint": work.arxiv,
            "archiveprefix": "arXiv" if work.arxiv else "",
            "isbn": work.isbn,
            "url": _quoted(work.url),
            "language": _texed(work.language),
            "copyright": work.licence,
            "note": "Retracted" if work.retracted else "",
        }
        lines = [f"  {name} = {{{told}}}" for name, told in fields.items() if told]
        made.append(f"@{_TYPES.get(work.kind, 'misc')}{{{key},\n" + ",\n".join(lines) + "\n}\n")
    return "\n".join(made)


def _texed(value: str) -> str:
    return "".join(_SPECIAL.get(one, one) for one in value)


def _quoted(address: str) -> str:
    """An address, which BibTeX takes as it is but for braces."""
    return "".join({"{": "%7B", "}": "%7D", "\\": "%5C"}.get(one, one) for one in address)


def key_of(work: Work, taken: set[str]) -> str:
    """What a work is cited by: family name, year, first word; one that nothing in `taken` has, and that is put there."""
    family = work.authors[0].family if work.authors else ""
    word = re.search(r"[A-Za-z]{4,}", work.title)
    named = f"{family}{work.year or ''}{word[0] if word is not None else ''}"
    base = re.sub(r"[^a-z0-9]", "", named.lower()) or "work"
    key, number = base[:60], 1
    while key in taken:
        number += 1
        key = f"{base[:60]}{number}"
    taken.add(key)
    return key
