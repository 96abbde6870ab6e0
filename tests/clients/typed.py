"""Raw JSON against the types that Mastodon.py says its methods return.

Its own typed layer is lenient (it casts what it can and passes the rest on), so the raw JSON of each answer is walked here
against `mastodon.return_types`: what is MISSING, NULL where the type has no Optional, of another TYPE, an ID that is no
string of digits, a DATETIME not in Mastodon's form. A field that came with a version after the one that we say we are
compatible with may be missing; when it is there it must be right.
"""

import ast
import inspect
import itertools
import re
import types
import typing
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

import requests
from mastodon import return_types, types_base

from tests.clients.floors import ID, TIME

DATE_ONLY = {("Account", "last_status_at"), ("FeaturedTag", "last_status_at")}
"""Dates, not times, in Mastodon's JSON."""
SECONDS = {("TagHistory", "day"), ("TrendingLinkHistory", "day"), ("Activity", "week")}
"""Times that Mastodon gives as a string of seconds since 1970."""
COUNTS_AS_STRINGS = {"TagHistory", "TrendingLinkHistory", "Activity", "AdminMeasure", "AdminMeasureData", "AdminCohort"}
"""Entities whose numbers are strings in Mastodon's JSON."""
MISTAKEN = {
    "featured_tag_suggestions": types_base.NonPaginatableList[return_types.Tag],
    "filter_v2": return_types.FilterV2,
    "admin_account_delete": types_base.EmptyResponse,
    "admin_accounts_v1": types_base.PaginatableList[return_types.AdminAccount],
}
"""Methods that say they return something else than Mastodon answers."""
MISNAMED = {("Report", "rules_ids")}
"""Names that Mastodon has otherwise (`rule_ids`)."""
RETYPED = {
    ("AdminDimensionData", "value"): str,  # also versions of software
} | {
    ("AdminReport", name): return_types.AdminAccount
    for name in ("account", "target_account", "assigned_account", "action_taken_by_account")
}
"""Fields that hold another entity in Mastodon's JSON and documents."""
SHORT = {
    ("Status", "application"): ("name", "website"),
    ("FilterResult", "filter"): ("id", "title", "context", "expires_at", "filter_action"),
}
"""Entities that Mastodon gives in a short form there."""
FREE_IDS = {
    ("Role", "id"),
    ("WebPushSubscription", "id"),
    ("NotificationGroup", "most_recent_notification_id"),
    ("ScheduledStatusParams", "application_id"),
}
"""Ids that are numbers in Mastodon's JSON, or stand for everyone (-99)."""


class Recorder(requests.Session):
    """A session that keeps what was answered."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[requests.Response] = []

    def request(self, *args: Any, **options: Any) -> requests.Response:
        """As a Session does."""
        answer = super().request(*args, **options)
        self.answers.append(answer)
        return answer


def returned(method: Callable[..., Any]) -> Any:
    """The type that a method says it returns, or does return."""
    return MISTAKEN.get(method.__name__, method.__annotations__.get("return"))


def walk(kind: Any, value: Any, version: tuple[int, ...], path: str = "$") -> list[str]:
    """What in a JSON value is not as `kind` (a type of Mastodon.py) says; of several kinds, the nearest."""
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return _one_of(typing.get_args(kind), value, version, path)
    if kind is Any or kind is None or kind is type(None):
        return []
    if value is None:
        return [f"{path}: NULL for {_name(kind)}"]
    if origin is not None or kind in (list, types_base.NonPaginatableList, types_base.PaginatableList):
        return _many(kind, origin or kind, value, version, path)
    if isinstance(kind, type) and kind.__module__ == return_types.__name__:
        return _entity(kind, value, version, path)
    return _plain(kind, value, path)


def _one_of(kinds: tuple[Any, ...], value: Any, version: tuple[int, ...], path: str) -> list[str]:
    if value is None and type(None) in kinds:
        return []
    if {str, int, datetime} <= set(kinds):  # its IdType; Mastodon gives strings of digits
        return _plain(types_base.MaybeSnowflakeIdType, value, path)
    tried = [
        walk(each, value, version, path) for each in kinds if each not in (type(None), types_base.AttribAccessDict)
    ]
    return min(tried, key=len)


def _many(kind: Any, origin: Any, value: Any, version: tuple[int, ...], path: str) -> list[str]:
    inner = typing.get_args(kind)
    if origin is dict or (isinstance(origin, type) and issubclass(origin, dict)):
        if not isinstance(value, dict):
            return [f"{path}: TYPE {type(value).__name__} for an object"]
        of = inner[1] if len(inner) == 2 else Any
        return [fault for name, one in value.items() for fault in walk(of, one, version, f"{path}.{name}")]
    if not isinstance(value, list):
        return [f"{path}: TYPE {type(value).__name__} for a list"]
    of = inner[0] if inner else Any
    return [fault for at, one in enumerate(value) for fault in walk(of, one, version, f"{path}[{at}]")]


def _entity(kind: type, value: Any, version: tuple[int, ...], path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: TYPE {type(value).__name__} for {kind.__name__}"]
    names: dict[str, str] = getattr(kind, "_rename_map", {})  # ours → of the JSON, where Python has another word
    found = []
    for name, declared in _hints(kind).items():
        sent = names.get(name, name)
        at = f"{path}.{sent}"
        told = _history(kind).get(name, "")
        if sent not in value:
            if (kind.__name__, name) not in MISNAMED and not (
                _optional(declared) or "(optional" in told or _later(told, version) or "removed" in told
            ):
                found.append(f"{at}: MISSING ({kind.__name__})")
        elif value[sent] is None:
            if not (_optional(declared) or "nullable" in told):
                found.append(f"{at}: NULL ({kind.__name__})")
        else:
            found += _field(kind, name, declared, value[sent], version, at)
    return found


def _field(kind: type, name: str, declared: Any, value: Any, version: tuple[int, ...], at: str) -> list[str]:
    which = (kind.__name__, name)
    if which in DATE_ONLY:
        return [] if re.fullmatch(r"\d{4}-\d\d-\d\d", str(value)) else [f"{at}: DATETIME {value!r} is no date"]
    if which in SECONDS or (kind.__name__ in COUNTS_AS_STRINGS and _bare(declared) in (int, float)):
        return [] if re.fullmatch(r"\d+", str(value)) else [f"{at}: TYPE {value!r} is no string of digits"]
    if which in SHORT:
        return [f"{at}.{each}: MISSING" for each in SHORT[which] if each not in value]
    if which in FREE_IDS:
        return [] if re.fullmatch(r"-?\d+", str(value)) else [f"{at}: ID {value!r}"]
    return walk(RETYPED.get(which, declared), value, version, at)


def _plain(kind: Any, value: Any, path: str) -> list[str]:
    if kind is datetime:
        in_form = isinstance(value, str) and TIME.fullmatch(value)
        return [] if in_form else [f"{path}: DATETIME {value!r}"]
    if kind is types_base.MaybeSnowflakeIdType:
        return [] if isinstance(value, str) and ID.fullmatch(value) else [f"{path}: ID {value!r}"]
    if kind is float:
        kind = (int, float)
    if isinstance(kind, type) and issubclass(kind, dict):
        kind = dict
    wanted = kind if isinstance(kind, (type, tuple)) else object
    good = isinstance(value, wanted) and not (isinstance(value, bool) and wanted in (int, (int, float)))
    return [] if good else [f"{path}: TYPE {value!r} for {_name(kind)}"]


@cache
def _hints(kind: type) -> dict[str, Any]:
    places = {**vars(types_base), **vars(typing), **vars(return_types)}
    found = {}
    for name, text in inspect.get_annotations(kind).items():
        if not name.startswith("_"):
            found[name] = eval(text, places) if isinstance(text, str) else text
            if isinstance(found[name], str):
                found[name] = eval(found[name], places)
    return found


@cache
def _history(kind: type) -> dict[str, str]:
    """The text below each field of an entity: what it is, and which version it came with."""
    module = ast.parse(inspect.getsource(kind))
    body = module.body[0].body  # type: ignore[attr-defined]  # a class
    found = {}
    for field, text in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[ast.unparse(field.target)] = str(text.value.value)
    return found


def _later(told: str, version: tuple[int, ...]) -> bool:
    added = re.search(r"\* ([0-9.]+): added", told)
    return added is not None and tuple(int(each) for each in added[1].split(".")) > version


def _optional(kind: Any) -> bool:
    return type(None) in typing.get_args(kind)


def _bare(kind: Any) -> Any:
    inner = [each for each in typing.get_args(kind) if each is not type(None)]
    return inner[0] if _optional(kind) and len(inner) == 1 else kind


def _name(kind: Any) -> str:
    return getattr(kind, "__name__", None) or str(kind)
