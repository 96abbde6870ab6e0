"""Rules that are made from other servers' lists, written as a policy document that an admin looks through before it counts."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from federation.errors import FederationError
from federation.hosts import normal_host
from federation.policy.document import MAX_RULES, Invalid, Problem, read

MAX_BYTES = 5_000_000
"""Of a list that is read."""
MAX_ENTRIES = 50_000
_PROBLEMS = 200
_NO_ID = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule that is to be written: `when` and `then` as TOML has them."""

    id: str
    when: dict[str, Any]
    then: str | Sequence[str]
    code: str
    text: str
    source: str
    priority: int = 0
    observe: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a list: the document, as TOML; how many rules it has, about how many hosts and actors; and what of the
    list could not be taken over, with its line there."""

    text: str
    rules: int = 0
    entries: int = 0
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class Entries:
    """What a list says of hosts, gathered by what is to be done and why."""

    source: str
    groups: dict[tuple[tuple[str, ...], str, bool], dict[str, None]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, line: int, host: str, then: Sequence[str], comment: str = "", *, observe: bool = False) -> None:
        """A host, or a domain as `*.example`, of which something is said on a line."""
        if sum(map(len, self.groups.values())) >= MAX_ENTRIES:
            self.skip(line, f"more than {MAX_ENTRIES} hosts", "divide the list")
            return
        found = self.host(line, host)
        if found is not None:
            comment = " ".join(comment.split())[:500]
            self.groups.setdefault((tuple(then), comment, observe), {})[found] = None

    def host(self, line: int, text: str) -> str | None:
        """A host as it is compared; None, and a problem, for what is none."""
        bare = text.strip().removeprefix("*.").rstrip(".")
        if "*" in bare:
            self.skip(
                line, f"{text[:100]!r} is made unreadable with *", "ask who publishes the list for the whole name"
            )
            return None
        try:
            return normal_host(bare)
        except FederationError:
            self.skip(line, f"{text[:100]!r} is no host", "it is left out")
            return None

    def skip(self, line: int, text: str, mend: str) -> None:
        """Something that is not taken over."""
        if len(self.problems) < _PROBLEMS:
            self.problems.append(Problem(line, text, mend))

    def drafts(self, prefix: str, code: str, text: str) -> list[Draft]:
        """A rule for each thing that is to be done and each reason for it; ids stay the same when the list grows."""
        made = []
        for (then, comment, observe), hosts in sorted(self.groups.items()):
            id = "-".join((named(prefix, self.source), *then))
            if comment:
                id += "-" + hashlib.sha256(comment.encode()).hexdigest()[:8]
            observed = f"observe-{id}" if observe else id
            reason = comment or text
            made.append(
                Draft(observed[:100], {"peer": sorted(hosts)}, then, code, reason, self.source, observe=observe)
            )
        return made


def named(prefix: str, source: str) -> str:
    """How the ids of a source's rules begin: two lists must not give one id twice."""
    slug = _NO_ID.sub("-", source.removeprefix("https://")).strip("-.")[:30]
    if slug != source:
        slug += "-" + hashlib.sha256(source.encode("utf-8", "replace")).hexdigest()[:6]
    return f"{prefix}-{slug.lstrip('-')}"


def bounded(text: str | bytes) -> str:
    """A list as text. Raises Invalid when it is too large or no UTF-8."""
    raw = text.encode("utf-8", "replace") if isinstance(text, str) else text
    if len(raw) > MAX_BYTES:
        raise Invalid((Problem(1, f"the list has {len(raw)} bytes", f"{MAX_BYTES} are allowed; divide it"),))
    try:
        return raw.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Invalid((Problem(line, "these bytes are not UTF-8", "save the file as UTF-8"),)) from None


def finish(drafts: Sequence[Draft], problems: Iterable[Problem], entries: int, title: str) -> Imported:
    """Write drafts. Raises Invalid when they are too many for one policy."""
    if len(drafts) > MAX_RULES:
        raise Invalid((Problem(1, f"this makes {len(drafts)} rules", f"{MAX_RULES} are allowed in one policy"),))
    text = write(drafts, title)
    read(text)
    return Imported(text, len(drafts), entries, tuple(problems))


def write(drafts: Iterable[Draft], title: str = "") -> str:
    """Drafts as TOML."""
    blocks = [f"# {''.join(map(_escaped, ' '.join(title.split())))}\n"] if title else []
    for one in drafts:
        lines = ["[[rule]]", f"id = {_value(one.id)}", f"when = {_table(one.when)}", f"then = {_words(one.then)}"]
        lines.append(f"reason = {{ code = {_value(one.code)}, text = {_value(one.text)} }}")
        lines.append(f"source = {_value(one.source[:300])}")
        if one.priority:
            lines.append(f"priority = {one.priority}")
        if one.observe:
            lines.append("observe = true")
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _words(then: str | Sequence[str]) -> str:
    if isinstance(then, str):
        return _value(then)
    return _value(then[0]) if len(then) == 1 else _value(list(then))


def _table(when: dict[str, Any]) -> str:
    return f"{{ {', '.join(f'{key} = {_value(value)}' for key, value in when.items())} }}" if when else "{}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"' + "".join(_escaped(sign) for sign in value) + '"'
    if len(value) == 1:
        return _value(value[0])
    if len(value) <= 3:
        return f"[{', '.join(map(_value, value))}]"
    return "[\n" + "".join(f"  {_value(one)},\n" for one in value) + "]"


def _escaped(sign: str) -> str:
    if sign in '"\\':
        return "\\" + sign
    if sign < " " or sign == "\x7f":
        return f"\\u{ord(sign):04x}"
    return "\ufffd" if "\ud800" <= sign <= "\udfff" else sign
