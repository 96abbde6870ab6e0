"""Reading ActivityStreams properties, which may hold one value or many, an id or an object.

JSON-LD lets a property be a string, an object, or a list of both (AS2 section 4.1); peers use all of it. These functions
read any of it and never raise: what can't be read is not there.
"""

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

Json = dict[str, Any]
"""A JSON object as it was decoded."""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def encode(document: Mapping[str, Any]) -> bytes:
    """A document as JSON in UTF-8, without blanks."""
    return msgspec.json.encode(document)


def as_list(value: object) -> list[Any]:
    """The value as a list: None gives an empty one, a single value a list of one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def id_of(value: object) -> str | None:
    """The IRI that a string or an object stands for: the string, `id`, or a Link's `href`."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, dict):
        found = value.get("id") or value.get("href")
        return found if isinstance(found, str) else None
    return None


def ids(value: object) -> list[str]:
    """All IRIs in a property, in order, without doubles."""
    if value is None:
        return []
    if isinstance(value, str):
        return [value] if value else []
    found: dict[str, None] = {}
    for one in value if isinstance(value, list) else (value,):
        iri = one if isinstance(one, str) else id_of(one)
        if iri:
            found[iri] = None
    return list(found)


def first_id(value: object) -> str | None:
    """The first IRI in a property."""
    if value is None or isinstance(value, str):  # as nearly always
        return value or None
    for one in as_list(value):
        found = id_of(one)
        if found is not None:
            return found
    return None


def as_objects(value: object) -> list[Json]:
    """The embedded objects in a property; ids alone are left out."""
    if isinstance(value, dict):
        return [value]
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def types(document: Mapping[str, Any]) -> list[str]:
    """The types of an object, in order; `as:` is taken off."""
    value = document.get("type")
    if isinstance(value, str):
        return [value.removeprefix("as:")]
    return [one.removeprefix("as:") for one in as_list(value) if isinstance(one, str)]


def string(value: object) -> str | None:
    """The value when it is a string that is not empty (of a list, its first string)."""
    if value is None or isinstance(value, str):
        return value or None
    for one in as_list(value):
        if isinstance(one, str) and one:
            return one
    return None


def text_of(document: Mapping[str, Any], name: str) -> str | None:
    """A natural language property, from `name` or else from `nameMap` (AS2 section 4.7); any language of the map."""
    found = string(document.get(name))
    if found is not None:
        return found
    by_language = document.get(f"{name}Map")
    if isinstance(by_language, dict):
        return next((text for text in by_language.values() if isinstance(text, str) and text), None)
    return None


_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and signs that are drawn as nothing."""


def is_visible(text: str) -> bool:
    """Whether anything of a text is seen: not of spaces, marks and characters without width alone, which no one can name or
    press."""
    return any(unicodedata.category(one)[0] in "LNPS" and one not in _BLANK for one in text)


def integer(value: object, low: int = 0, high: int = 2**53) -> int | None:
    """The value when it is a whole number within the bounds (a bool is none)."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return value
    return None


def milliseconds(value: object) -> int | None:
    """An xsd:dateTime (RFC 3339) as ms since 1970 in UTC; without an offset it is taken as UTC."""
    text = string(value)
    if text is None or len(text) > 40:
        return None
    try:
        read = datetime.fromisoformat(text.strip().upper())
        if read.tzinfo is None:
            read = read.replace(tzinfo=UTC)
        passed = read - _EPOCH
    except (ValueError, OverflowError):
        return None
    return passed.days * 86_400_000 + passed.seconds * 1000 + passed.microseconds // 1000


def timestamp(ms: int) -> str:
    """Ms since 1970 as an xsd:dateTime in UTC with a Z, to the millisecond only when there is one."""
    when = datetime.fromtimestamp(ms // 1000, UTC).replace(tzinfo=None).isoformat()
    return f"{when}.{ms % 1000:03d}Z" if ms % 1000 else f"{when}Z"
