"""Tests that stand in a policy beside its rules: what is given, and what must come of it."""

import json
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from msgspec import structs

from federation.audience import read_audience, visibility
from federation.errors import FederationError
from federation.fields import as_list, first_id
from federation.hosts import host_of
from federation.policy.decide import Decision, Policy, decide
from federation.policy.facts import TEXT, Facts
from federation.policy.rules import EFFECTS, Verdict
from federation.policy.values import Unfit, moment, nearest

MAX_FILE = 1_000_000
_KEYS = ("name", "given", "file", "expect")
_FIELDS = {name: hint for name, hint in get_type_hints(Facts).items() if name != "rates"}
_ALIASES = {"peer": "host", "dir": "direction"}


@dataclass(frozen=True, slots=True)
class Case:
    """A test: of these facts this verdict must come, with this code if one is written, and at least these effects. Facts
    that name no time are asked at the time of the run."""

    name: str
    given: Facts
    verdict: Verdict
    code: str | None
    effects: tuple[str, ...]
    line: int
    timed: bool = False

    @property
    def expect(self) -> str:
        """What must come, as it is written."""
        code = f":{self.code}" if self.code is not None else ""
        return "+".join((self.verdict.value + code, *self.effects))


@dataclass(frozen=True, slots=True)
class Failure:
    """A test whose answer is another than it wants."""

    name: str
    line: int
    expected: str
    got: str
    decision: Decision

    def __str__(self) -> str:
        return f"line {self.line}: test {self.name!r}: expected {self.expected}, got {self.got}"


def run(cases: Sequence[Case], policy: Policy, at: int) -> tuple[Failure, ...]:
    """The tests that fail under a policy at a time (ms)."""
    failed = []
    for case in cases:
        facts = case.given if case.timed else structs.replace(case.given, at=at)
        decision = decide(policy, facts)
        right = decision.verdict is case.verdict and case.code in (None, decision.code, decision.rule)
        if not right or not set(case.effects) <= set(decision.effects):
            code = decision.code if decision.rule is None else f"{decision.code} (rule {decision.rule})"
            got = "+".join((f"{decision.verdict.value}:{code}", *decision.effects))
            failed.append(Failure(case.name, case.line, case.expect, got, decision))
    return tuple(failed)


def file_of(table: dict[str, Any]) -> str | None:
    """The file that a [[test]] names, if it does."""
    name = table.get("file", table.get("given"))
    return name if isinstance(name, str) else None


def read_case(table: dict[str, Any], line: int, load: Callable[[str], bytes] | None = None) -> Case:
    """A [[test]] of a document. Raises Unfit."""
    for key in table:
        if key not in _KEYS:
            raise Unfit(f"a test has no {key!r}", nearest(key, _KEYS), key)
    name = table.get("name", f"line {line}")
    if not isinstance(name, str) or not 0 < len(name) <= 200:
        raise Unfit("the name of the test", "a text of 200 characters at most", "name")
    given = table.get("given", {})
    if isinstance(given, str):
        table, given = {**table, "file": given}, {}
    if not isinstance(given, dict) or not (given or "file" in table):
        mend = 'write given = { peer = "uni.example", activity = "Create" }, or file = "activity.json"'
        raise Unfit("a test without `given`", mend, "given")
    values: dict[str, Any] = {"at": 0, "direction": "in"}
    if "file" in table:
        values |= _of_file(table["file"], load)
    for key, value in given.items():
        field = _ALIASES.get(str(key), str(key))
        values[field] = _fact(field, value)
    if "text" in values:
        values.setdefault("visibility", "public")
    if not {"activity", "object"} & values.keys() and values["direction"] in ("in", "out", "announce"):
        values["activity"] = "Create"
    if "host" not in values:
        raise Unfit("a test that names no peer", 'add peer = "uni.example" to `given`', "given")
    verdict, code, effects = _expected(table.get("expect"))
    return Case(name, Facts(**values), verdict, code, effects, line, "at" in given)


def _expected(text: Any) -> tuple[Verdict, str | None, tuple[str, ...]]:
    mend = 'write expect = "accept", "reject:scope" (with the code or the rule), or "accept+strip-media" (with effects)'
    if not isinstance(text, str):
        raise Unfit("a test without `expect`", mend, "expect")
    said, *effects = text.replace(" ", "").split("+")
    word, _, code = said.partition(":")
    if word not in {one.value for one in Verdict}:
        raise Unfit(f"expect knows no {word!r:.60}", nearest(word, [one.value for one in Verdict]), "expect")
    for one in effects:
        if one not in EFFECTS:
            raise Unfit(f"there is no effect {one!r:.60}", nearest(one, EFFECTS), "expect")
    return Verdict(word), code or None, tuple(effects)


def _fact(name: str, value: Any) -> Any:
    if name == "rates":
        if isinstance(value, dict) and all(isinstance(one, int) for one in value.values()):
            return tuple(value.items())
        raise Unfit("rates", 'write rates = { "id-of-the-rule" = 31 }', "given", name)
    if name not in _FIELDS:
        known = (*_FIELDS, "peer", "rates")
        raise Unfit(f"facts have no {name!r}", nearest(name, known), "given", name)
    if name == "at":
        try:
            return value if isinstance(value, int) else moment(value)
        except ValueError:
            raise Unfit(f"at is {value!r:.60}", 'write a day as "2027-09-30"', "given", name) from None
    hint = _FIELDS[name]
    kinds = get_args(hint) if isinstance(hint, types.UnionType) or get_origin(hint) is Union else (hint,)
    for kind in kinds:
        if get_origin(kind) is tuple and isinstance(value, list) and all(isinstance(one, str) for one in value):
            return tuple(value)
        if get_origin(kind) is Literal:
            if value in get_args(kind):
                return value
            raise Unfit(f"{name} is {value!r:.60}", nearest(str(value), get_args(kind)), "given", name)
        if kind in (str, int, bool) and type(value) is kind:
            return value
    words = {str: "a text", int: "a number", bool: "true or false"}
    wanted = next((words[kind] for kind in kinds if kind in words), "a list of texts")
    raise Unfit(f"{name} is {value!r:.60}", f"write {wanted}", "given", name)


def _of_file(name: Any, load: Callable[[str], bytes] | None) -> dict[str, Any]:
    """The facts of an activity that lies in a file."""
    if not isinstance(name, str) or load is None:
        raise Unfit(f"file is {name!r:.100}", 'write file = "activity.json"', "file")
    try:
        raw = load(name)
        document = json.loads(raw[: MAX_FILE + 1])
    except (OSError, ValueError, RecursionError) as error:
        raise Unfit(f"the file {name!r:.100}: {error!s:.200}", "a JSON file with one activity", "file") from None
    if not isinstance(document, dict) or first_id(document.get("actor")) is None:
        raise Unfit(f"the file {name!r:.100} has no activity", "a JSON file with one activity and its actor", "file")
    try:
        return facts_of(document)
    except FederationError as error:
        raise Unfit(f"the file {name!r:.100}: {error}", "ids are https addresses", "file") from None


def facts_of(activity: dict[str, Any]) -> dict[str, Any]:
    """What an activity alone says of itself, as fields of `Facts`. Raises FederationError for an actor that is no IRI."""
    held = activity.get("object")
    inner = held if isinstance(held, dict) else {}
    actor = first_id(activity.get("actor")) or ""
    author = first_id(inner.get("attributedTo")) or actor
    tags = [one for one in as_list(inner.get("tag")) if isinstance(one, dict)]
    files = [one for one in as_list(inner.get("attachment")) if isinstance(one, dict)]
    content = inner.get("content")
    seen = visibility(read_audience(inner or activity), None)
    values: dict[str, Any] = {
        "host": host_of(actor),
        "activity": _word(activity.get("type")) or "",
        "object": _word(inner.get("type")),
        "activity_id": _word(activity.get("id")),
        "object_id": first_id(held),
        "actor": actor,
        "author": author,
        "author_host": host_of(author),
        "group": first_id(inner.get("audience")) or first_id(activity.get("audience")),
        "mentions": sum(one.get("type") == "Mention" for one in tags),
        "hashtags": tuple(
            str(one.get("name")).removeprefix("#").casefold() for one in tags if one.get("type") == "Hashtag"
        ),
        "media": len(files),
        "media_types": tuple(str(one["mediaType"]) for one in files if "mediaType" in one),
        "visibility": seen,
        "sensitive": inner.get("sensitive") is True,
        "reply": first_id(inner.get("inReplyTo")) is not None,
        "size": len(json.dumps(activity)),
        "text": content[:TEXT] if isinstance(content, str) and seen in ("public", "unlisted") else "",
    }
    return values


def _word(value: Any) -> str | None:
    return next((one for one in as_list(value) if isinstance(one, str)), None)
