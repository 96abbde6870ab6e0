"""On which line of a TOML document each value is written. The reader of TOML that Python brings does not say."""

import re
from collections.abc import Iterator

Path = tuple[str | int, ...]
"""Keys and places in lists from the top of the document: ("rule", 3, "when", "peer", 0)."""

_TOKEN = re.compile(
    r"""
      (?P<blank>[ \t\r]+|\#[^\n]*)
    | (?P<line>\n)
    | (?P<string>\"\"\"(?:[^\\]|\\.)*?\"{3,5}|'''.*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')
    | (?P<sign>[\[\]{}=,.])
    | (?P<bare>[^\s\[\]{}=,.\#"']+)
    """,
    re.VERBOSE | re.DOTALL,
)


def lines(text: str) -> dict[Path, int]:
    """For each value of a document that `tomllib` reads, the line (from 1) where it, or its table, begins."""
    found: dict[Path, int] = {}
    lists: dict[Path, int] = {}  # how many tables each [[header]] has had
    table: Path = ()
    tokens = list(_tokens(text))
    at = 0
    while at < len(tokens):
        kind, what, line = tokens[at]
        if kind == "line":
            at += 1
        elif what == "[":
            table, at = _header(tokens, at, lists)
            found.setdefault(table, line)
        else:
            at = _pair(tokens, at, table, found)
    return found


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    line, at = 1, 0
    for match in _TOKEN.finditer(text):
        if match.start() != at:  # what is no TOML; its reader says so
            return
        kind, what, at = match.lastgroup or "", match[0], match.end()
        if kind == "blank":
            continue
        yield kind, what, line
        if kind == "line":
            line += 1
        elif kind == "string" and len(what) > 6:
            line += what.count("\n")


def _header(tokens: list[tuple[str, str, int]], at: int, lists: dict[Path, int]) -> tuple[Path, int]:
    """The table of a [header] or a [[header]], and the place after it."""
    double = at + 1 < len(tokens) and tokens[at + 1][1] == "["
    names, at = _key(tokens, at + (2 if double else 1), "]")
    path: Path = ()
    for place, name in enumerate(names):
        path = (*path, name)
        last = place == len(names) - 1
        if last and double:
            lists[path] = lists.get(path, -1) + 1
        if path in lists:
            path = (*path, lists[path])
    return path, at + (1 if double else 0)


def _key(tokens: list[tuple[str, str, int]], at: int, end: str) -> tuple[list[str], int]:
    """The names of a dotted key, and the place after the sign that ends it."""
    names = []
    while at < len(tokens) and tokens[at][1] != end and tokens[at][0] != "line":
        kind, what, _ = tokens[at]
        if kind == "string":
            names.append(what[1:-1])
        elif kind == "bare":
            names.append(what)
        at += 1
    return names, at + 1


def _pair(tokens: list[tuple[str, str, int]], at: int, table: Path, found: dict[Path, int]) -> int:
    """Note a key and its value; the place after both."""
    line = tokens[at][2]
    names, at = _key(tokens, at, "=")
    path = table
    for name in names:
        path = (*path, name)
        found.setdefault(path, line)
    return _value(tokens, at, path, found)


def _value(tokens: list[tuple[str, str, int]], at: int, path: Path, found: dict[Path, int]) -> int:
    """Note a value and all within it; the place after it."""
    open_: list[tuple[str, Path, int]] = []  # sign, path of the table or list, place in the list
    here = path
    while at < len(tokens):
        kind, what, line = tokens[at]
        if kind == "line":
            if not open_:
                return at
            at += 1
            continue
        if (not open_ or open_[-1][0] == "[") and what not in ("]", ","):
            found.setdefault(here, line)
        if what in ("[", "{"):
            open_.append((what, here, 0))
            here = (*here, 0) if what == "[" else here
            at += 1
        elif what in ("]", "}"):
            if not open_:
                return at
            here = open_.pop()[1]
            at += 1
        elif what == "," and open_:
            sign, outer, place = open_[-1]
            open_[-1] = (sign, outer, place + 1)
            here = (*outer, place + 1) if sign == "[" else outer
            at += 1
        elif open_ and open_[-1][0] == "{" and here == open_[-1][1]:
            names, at = _key(tokens, at, "=")
            for name in names:
                here = (*here, name)
                found.setdefault(here, line)
        else:
            at += 1
    return at
