"""The policy document: TOML in, rules and their tests out, or every error with its line and its mend.

    [policy]
    default = "accept"

    [[rule]]
    id = "r-0142"
    when = { direction = "in", peer = "b.example", group = "!msc-ai" }
    then = "reject"
    reason = { code = "scope", text = "Agreement v3 covers msc-ai only" }

    [[test]]
    name = "other groups of b.example are refused"
    given = { peer = "b.example", activity = "Create", group = "https://b.example/groups/other" }
    expect = "reject:scope"

What may stand in `when` is in `federation.policy.when`; how rules act together in `federation.policy.decide`.
"""

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from federation.policy.cases import Case, file_of, read_case
from federation.policy.lines import Path, lines
from federation.policy.rules import Condition, Rate, Rule, Verdict
from federation.policy.text import STEPS
from federation.policy.then import Then, read_reason, read_then
from federation.policy.values import Unfit, moment, nearest
from federation.policy.when import KEYS, read_condition, text_steps, too_large

MAX_BYTES = 2_000_000
MAX_RULES = 5_000
MAX_CASES = 2_000
MAX_VALUES = 100_000
"""Values in a whole document: hosts, words, patterns and all else."""
_PROBLEMS = 100
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,99}")
_TAKEN = ("stance", "mode", "agreement", "default")
_RULE_KEYS = ("id", "when", "then", "reason", "owner", "source", "priority", "not_after", "observe")
_VERDICTS = tuple(one.value for one in Verdict)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a document: on which line (from 1), what, and what to write instead."""

    line: int
    text: str
    mend: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text} — {self.mend}"


class Invalid(Exception):
    """A document that is none; `problems` has each thing that is wrong, by line."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Document:
    """What a document says: its rules as they are written, what happens where none decides, and its tests; `unread` are those
    tests (line, name of the file) whose file is not at hand."""

    rules: tuple[Rule, ...] = ()
    default: Verdict = Verdict.ACCEPT
    cases: tuple[Case, ...] = ()
    unread: tuple[tuple[int, str], ...] = ()


def read(text: str | bytes, load: Callable[[str], bytes] | None = None) -> Document:
    """Read a document; `load` gives the bytes of a file that a test names (raises OSError). Without it, where a stored
    document is read, such tests are left out. Raises Invalid."""
    raw = text.encode("utf-8", "replace") if isinstance(text, str) else text
    if len(raw) > MAX_BYTES:
        mend = f"{MAX_BYTES} are allowed; put hosts with the same `then` into one rule as a list"
        raise Invalid((Problem(1, f"the document has {len(raw)} bytes", mend),))
    try:
        whole = raw.decode().removeprefix("\ufeff").replace("\r\n", "\n")
        data = tomllib.loads(whole)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Invalid((Problem(line, "these bytes are not UTF-8", "save the file as UTF-8"),)) from None
    except tomllib.TOMLDecodeError as error:
        raise Invalid((_toml_problem(str(error), raw.count(b"\n") + 1),)) from None
    except RecursionError:
        raise Invalid(
            (Problem(1, "lists within lists, too deep", "a policy needs no more than three levels"),)
        ) from None
    return _Reader(lines(whole), load).document(data)


def _toml_problem(said: str, last: int) -> Problem:
    found = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)", said)
    text = said[: found.start()] if found is not None else said
    line = int(found[1]) if found is not None and found[1] else last
    mend = 'this is not TOML: texts want quotes ("…"), keys an = behind them, [ and { an end'
    if "overwrite" in text or "twice" in text or "mutate" in text:
        mend = "a key may stand there once; begin each rule with [[rule]]"
    elif "Invalid value" in text:
        mend = 'put texts in quotes ("…"); true and false are small'
    return Problem(line, text, mend)


class _Reader:
    """Reads one document and gathers what is wrong."""

    def __init__(self, where: dict[Path, int], load: Callable[[str], bytes] | None) -> None:
        self.where = where
        self.load = load
        self.problems: list[Problem] = []
        self.ids: dict[str, int] = {}
        self.taken = {"keyword": 0, "pattern": 0}
        self.unread: list[tuple[int, str]] = []

    def document(self, data: dict[str, Any]) -> Document:
        for key in data:
            if key not in ("policy", "rule", "test"):
                known = ("[policy]", "[[rule]]", "[[test]]")
                self.wrong((key,), f"a policy has no {key!r}", nearest(key, known))
        if len(self.where) > MAX_VALUES:
            self.wrong((), f"{len(self.where)} values", f"{MAX_VALUES} are allowed in one policy")
            raise Invalid(tuple(self.problems))
        default = self.head(data.get("policy", {}))
        rules = [self.rule(place, one) for place, one in self.tables(data, "rule", MAX_RULES)]
        cases = [self.case(place, one) for place, one in self.tables(data, "test", MAX_CASES)]
        if self.problems:
            raise Invalid(tuple(sorted(self.problems, key=lambda one: one.line)))
        found = tuple(one for one in cases if one)
        return Document(tuple(one for one in rules if one), default, found, tuple(self.unread))

    def wrong(self, path: Path, text: str, mend: str) -> None:
        if len(self.problems) < _PROBLEMS:
            self.problems.append(Problem(self.line(path), text, mend))

    def line(self, path: Path) -> int:
        while path and path not in self.where:
            path = path[:-1]
        return self.where.get(path, 1)

    def head(self, head: Any) -> Verdict:
        if not isinstance(head, dict):
            self.wrong(("policy",), "`policy` is no table", "write [policy] on a line of its own")
            return Verdict.ACCEPT
        for key in head:
            if key != "default":
                self.wrong(("policy", key), f"[policy] has no {key!r}", nearest(key, ("default",)))
        default = head.get("default", "accept")
        if default not in _VERDICTS:
            self.wrong(("policy", "default"), f"default is {default!r:.60}", nearest(str(default), _VERDICTS))
            return Verdict.ACCEPT
        return Verdict(default)

    def tables(self, data: dict[str, Any], name: str, most: int) -> list[tuple[int, dict[str, Any]]]:
        found = data.get(name, [])
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            self.wrong((name,), f"`{name}` is no list of tables", f"begin each with [[{name}]], with two brackets")
            return []
        if len(found) > most:
            self.wrong((name, most), f"there are {len(found)} of [[{name}]]", f"{most} are allowed")
            return []
        return list(enumerate(found))

    def rule(self, place: int, table: dict[str, Any]) -> Rule | None:
        path: Path = ("rule", place)
        before = len(self.problems)
        if before >= _PROBLEMS or max(self.taken.values()) > STEPS:
            return None  # that is enough to mend, and each pattern takes its time
        for key in table:
            if key not in _RULE_KEYS:
                mend = f"write it into when = {{ {key} = … }}" if key in KEYS else nearest(key, _RULE_KEYS)
                self.wrong((*path, key), f"a rule has no {key!r}", mend)
        id = self.id(path, table.get("id"))
        when, rate = self.when((*path, "when"), table.get("when"))
        try:
            then = read_then(table.get("then"))
            if rate is not None and then.rate is not None:
                raise Unfit("a rate in `when` and one in `then`", "write one of them")
        except Unfit as error:
            self.wrong((*path, "then", *error.within), error.text, error.mend)
            then = Then()
        try:
            code, text = read_reason(table.get("reason"), then)
        except Unfit as error:
            self.wrong((*path, "reason", *error.within), error.text, error.mend)
            code, text = "rule", ""
        owner, source = self.text(path, table, "owner"), self.text(path, table, "source")
        priority = table.get("priority", 0)
        if not isinstance(priority, int) or isinstance(priority, bool) or abs(priority) > 1_000_000:
            self.wrong(
                (*path, "priority"), f"priority is {priority!r:.60}", "write a whole number; the higher is asked first"
            )
            priority = 0
        observe = table.get("observe", False)
        if not isinstance(observe, bool):
            self.wrong((*path, "observe"), f"observe is {observe!r:.60}", "write observe = true or leave it out")
        not_after = self.until((*path, "not_after"), table.get("not_after"))
        if len(self.problems) > before or id is None:
            return None
        return Rule(
            id, when, then.verdict, then.effects, code, text, owner, source, priority, not_after, bool(observe),
            rate or then.rate, self.line(path),
        )  # fmt: skip

    def id(self, path: Path, id: Any) -> str | None:
        if not isinstance(id, str) or _ID.fullmatch(id) is None:
            said = "a rule without an id" if id is None else f"id is {id!r:.120}"
            self.wrong((*path, "id"), said, 'write one as id = "no-spam": letters, digits and . _ : / @ -, 100 at most')
            return None
        if id in _TAKEN:
            self.wrong((*path, "id"), f"the id {id!r} belongs to a rule that every policy has", "take another")
        elif id in self.ids:
            self.wrong((*path, "id"), f"the id {id!r} is on line {self.ids[id]} too", "give each rule its own")
        self.ids.setdefault(id, self.line((*path, "id")))
        return id

    def when(self, path: Path, when: Any) -> tuple[tuple[Condition, ...], Rate | None]:
        if not isinstance(when, dict):
            said = "a rule without `when`" if when is None else "`when` is no table"
            self.wrong(path, said, 'write when = { peer = "uni.example" }, or when = {} if it is about everything')
            return (), None
        conditions, rate = {}, None
        for key, value in when.items():
            try:
                made = read_condition(key, value)
                if key in self.taken and not isinstance(made, Rate):
                    self.taken[key] += text_steps(made)
                    if self.taken[key] > STEPS:
                        raise too_large(key)
            except Unfit as error:
                self.wrong((*path, key, *error.within), error.text, error.mend)
                continue
            if isinstance(made, Rate):
                rate = made
            elif made.name in conditions:
                self.wrong((*path, key), f"{made.name} twice", "write it once, with a list")
            else:
                conditions[made.name] = made
        return tuple(conditions.values()), rate

    def text(self, path: Path, table: dict[str, Any], key: str) -> str | None:
        found = table.get(key)
        if found is None:
            return None
        if isinstance(found, str) and 0 < len(found) <= 300:
            return found
        self.wrong((*path, key), f"{key} is {found!r:.60}", f'write {key} = "…", of 300 characters at most')
        return None

    def until(self, path: Path, value: Any) -> int | None:
        if value is None:
            return None
        try:
            return moment(value, end=True)
        except ValueError:
            self.wrong(
                path, f"not_after is {value!r:.60}", 'write a day as "2027-09-30": it counts up to the end of that day'
            )
            return None

    def case(self, place: int, table: dict[str, Any]) -> Case | None:
        path: Path = ("test", place)
        name = file_of(table)
        if name is not None and self.load is None:
            self.unread.append((self.line(path), name))
            return None
        try:
            return read_case(table, self.line(path), self.load)
        except Unfit as error:
            self.wrong((*path, *error.within), error.text, error.mend)
            return None
