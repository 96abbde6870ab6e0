"""Akkoma's and Pleroma's SimplePolicy as rules that do the same.

Read are the `mrf_simple` of an instance's NodeInfo (metadata.federation, with its reasons in `mrf_simple_info`), the JSON of
the settings in its database (`GET /api/v1/pleroma/admin/config`), and the Elixir of a configuration file.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from federation.policy.document import Invalid, Problem
from federation.policy.drafts import Draft, Entries, Imported, bounded, finish, named

_COMING = ["in", "fetch", "announce", "show"]
"""SimplePolicy is asked about what comes in, in whatever way; it sends to everybody."""
_THEN = {
    "media_removal": "strip-media",
    "media_nsfw": "sensitive",
    "federated_timeline_removal": "unlisted",  # public posts lose their place in `to` for one in `cc`
    "followers_only": "followers-only",
    "report_removal": "reject-reports",
    "avatar_removal": "strip-avatar",
    "banner_removal": "strip-header",
}
ACTIONS = ("reject", "accept", "reject_deletes", "background_removal", *_THEN)
"""Every list that SimplePolicy has."""
_TEXTS = {
    "reject": "this instance takes nothing from there",
    "accept": "this instance takes from some institutions only",
    "reject_deletes": "this instance takes no deletions from there",
}
_ELIXIR = re.compile(r"config\s+:pleroma\s*,\s*:mrf_simple\s*,(.*?)(?=^\s*config\s|\Z)", re.DOTALL | re.MULTILINE)
_LIST = re.compile(r"(?<![\w:])([a-z_]{1,40}):\s*\[((?:[^\[\]\"]|\"(?:[^\"\\]|\\.)*\")*)\]")
_ENTRY = re.compile(r'\{\s*"((?:[^"\\]|\\.)*)"\s*,\s*"((?:[^"\\]|\\.)*)"\s*\}|"((?:[^"\\]|\\.)*)"')


def read(text: str | bytes, *, source: str = "SimplePolicy") -> Imported:
    """The lists of a SimplePolicy as rules. Raises Invalid for what has none."""
    whole = bounded(text)
    is_json = whole.lstrip()[:1] in ("{", "[")
    several: dict[str, Entries] = {}
    problems: list[Problem] = []
    for line, action, host, reason in _of_json(whole) if is_json else _of_elixir(whole):
        if action not in ACTIONS:
            if not any(repr(action) in one.text for one in problems):
                problems.append(Problem(line, f"SimplePolicy has no {action!r:.60}", "it is left out"))
            continue
        entries = several.setdefault(action, Entries(source, problems=problems))
        entries.add(line, host, (_THEN.get(action, action),), reason)
    if not any(entries.groups for entries in several.values()):
        mend = (
            'the `mrf_simple` of NodeInfo\'s metadata, or `config :pleroma, :mrf_simple, reject: [{"host", "reason"}]`'
        )
        raise Invalid((*problems, Problem(1, "there is no list of SimplePolicy in this", mend)))
    drafts = [draft for action in ACTIONS if action in several for draft in _drafts(action, several[action])]
    total = sum(len(hosts) for entries in several.values() for hosts in entries.groups.values())
    return finish(drafts, problems, total, f"SimplePolicy of {source}")


def _drafts(action: str, entries: Entries) -> list[Draft]:
    source = entries.source
    if action in _THEN:
        return entries.drafts("simple", "simple-policy", "as the SimplePolicy of this instance has it")
    hosts = sorted({host for group in entries.groups.values() for host in group})
    if action == "background_removal":
        entries.skip(1, "backgrounds of profiles are not shown here", "there is nothing to remove")
        return []
    if action == "accept":
        return [
            Draft(
                "simple-accept",
                {"outside": hosts, "direction": _COMING},
                "reject",
                "not-accepted",
                _TEXTS[action],
                source,
            ),
            _deletes({"outside": hosts}, source),
        ]
    if action == "reject_deletes":
        when: dict[str, Any] = {"peer": hosts, "activity": "Delete", "direction": "in"}
        return [
            Draft(
                f"{named('simple', source)}-reject-deletes",
                when,
                "reject",
                "deletes",
                _TEXTS[action],
                source,
                priority=2,
            )
        ]
    made = [
        Draft(one.id, {**one.when, "direction": _COMING}, one.then, "rejected", one.text, source)
        for one in entries.drafts("simple", "rejected", _TEXTS[action])
    ]
    return [*made, _deletes({"peer": hosts}, source)]


def _deletes(who: dict[str, Any], source: str) -> Draft:
    """SimplePolicy takes deletions also from whom it refuses: what came before can be deleted."""
    when = {**who, "activity": "Delete", "direction": "in"}
    id = f"{named('simple', source)}-deletes-of-" + ("others" if "outside" in who else "rejected")
    return Draft(id, when, "accept", "deletes", "what came before may be deleted", source, priority=1)


def _of_json(text: str) -> Iterator[tuple[int, str, str, str]]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise Invalid(
            (Problem(line, f"this is no JSON: {error!s:.200}", "the whole answer of the instance"),)
        ) from None
    lists: dict[str, Any] = _lists(data)
    reasons: Any = {}
    if isinstance(data, dict):
        federation = data.get("metadata", data)
        federation = federation.get("federation", federation) if isinstance(federation, dict) else {}
        reasons = federation.get("mrf_simple_info", {}) if isinstance(federation, dict) else {}
    for action, hosts in lists.items():
        known = reasons.get(action) if isinstance(reasons, dict) else None
        for host in hosts if isinstance(hosts, list) else ():
            name, reason = host, ""
            if isinstance(host, dict) and isinstance(host.get("tuple"), list) and host["tuple"]:
                name, reason = host["tuple"][0], str(host["tuple"][-1]) if len(host["tuple"]) > 1 else ""
            told = known.get(name) if isinstance(known, dict) and isinstance(name, str) else None
            if isinstance(told, dict) and isinstance(told.get("reason"), str):
                reason = told["reason"]
            if isinstance(name, str):
                yield 1, action, name, reason


def _lists(data: Any) -> dict[str, Any]:
    """The lists by action, wherever they are in NodeInfo or in the settings of the database."""
    if isinstance(data, dict) and isinstance(data.get("configs"), list):
        for one in data["configs"]:
            if isinstance(one, dict) and one.get("key") == ":mrf_simple" and isinstance(one.get("value"), list):
                pairs: list[Any] = [
                    each["tuple"] for each in one["value"] if isinstance(each, dict) and "tuple" in each
                ]
                return {
                    str(each[0]).removeprefix(":"): each[1]
                    for each in pairs
                    if isinstance(each, list) and len(each) == 2
                }
        return {}
    for key in ("metadata", "federation", "mrf_simple"):
        if isinstance(data, dict) and isinstance(data.get(key), dict):
            data = data[key]
    return data if isinstance(data, dict) else {}


def _of_elixir(text: str) -> Iterator[tuple[int, str, str, str]]:
    for block in _ELIXIR.finditer(text):
        for found in _LIST.finditer(text, block.start(1), block.end(1)):
            for entry in _ENTRY.finditer(text, found.start(2), found.end(2)):
                line = text.count("\n", 0, entry.start()) + 1
                yield line, found[1], entry[1] if entry[1] is not None else entry[3], entry[2] or ""
