"""Bytes -> Activity, with the limits that hostile senders meet.

JSON is read as JSON with fixed names, never expanded as JSON-LD with contexts from outside: what the keywords of JSON-LD
could restructure (`@graph`, `@included`, `@reverse`, `@nest`) is refused (GHSA-53m7-2wrh-q839, GHSA-9rfg-v8g9-9367). Names
that stand twice in one object are refused (RFC 7493): we pass raw bytes on, and two readers must not see two meanings.
"""

import json
import re
from math import isfinite
from typing import Any

import msgspec

from federation.activity import Activity
from federation.errors import FederationError, Malformed, TooLarge
from federation.fields import Json, as_list, as_objects, first_id, id_of, ids, string, text_of, types
from federation.hosts import host_of
from federation.vocabulary.context import AS2

__all__ = ["as_list", "as_objects", "first_id", "id_of", "ids", "parse", "parse_document", "string", "text_of", "types"]

MAX_BYTES = 1024 * 1024
"""Largest activity or document, in bytes: Mastodon's and Lemmy's limit."""
MAX_DEPTH = 32
"""Deepest nesting of objects and lists."""

# fmt: off
ACTIVITIES = frozenset({
    "Accept", "Add", "Announce", "Arrive", "Block", "ChooseAnswer", "Create", "Delete", "Dislike", "EmojiReact", "Flag", "Follow",
    "Ignore", "Invite", "Join", "Leave", "Like", "Listen", "Lock", "Move", "Offer", "Question", "QuoteRequest", "Read",
    "Reject", "Remove", "Resolve", "TentativeAccept", "TentativeReject", "Travel", "Undo", "Update", "View", "Warn",
})
# fmt: on
"""Types of activities that peers are known to send: AS2's own and those of Lemmy, Pleroma and FEP-044f."""

_FORBIDDEN = frozenset({"@graph", "@included", "@reverse", "@nest"})
_FORBIDDEN_NAMES = re.compile(rb'"@(?:graph|included|reverse|nest)"')
_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")


# What we read of a document by its plain name, and what AS2's context says that it is.
_TERMS = {
    name: frozenset({name, f"as:{name}", f"{AS2}#{name}", f"http{AS2.removeprefix('https')}#{name}"})
    for name in (
        "actor", "object", "target", "origin", "result", "instrument", "to", "cc", "bto", "bcc", "audience",
        "attributedTo", "inReplyTo", "content", "summary", "name", "url", "tag", "attachment", "published", "updated",
        "endTime", "first", "next", "items", "partOf",
    )
} | {"id": frozenset({"@id"}), "type": frozenset({"@type"}), "orderedItems": frozenset({"as:items", f"{AS2}#items"})}  # fmt: skip


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise Malformed("a name twice in one object")
    if not _FORBIDDEN.isdisjoint(read):
        raise Malformed("a JSON-LD keyword that restructures the document")
    if "@context" in read:
        _check_terms(read["@context"])
    return read


def _check_terms(context: Any) -> None:
    """Raises Malformed for a context of the sender's own making in which a name that we read means something else: who
    expands it (CVE-2026-50128) would see another document than we, who pass it on."""
    for defined in as_objects(context):
        for name in _TERMS.keys() & defined.keys():
            meant = defined[name]
            if isinstance(meant, dict):
                meant = meant.get("@id", name)
            if not isinstance(meant, str) or meant not in _TERMS[name]:
                raise Malformed(f"a @context in which {name} means something else", code="redefined-term")


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError("a number out of range")
    return number


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


# The standard library's reader shows every pair of an object, which msgspec's, ten times as quick, does not.
_decode = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant).decode


def parse_document(raw: bytes) -> Json:
    """A JSON object from bytes.

    Raises TooLarge over 1 MiB or 32 levels; Malformed when it is no JSON object in UTF-8, has a name twice in one object,
    a NUL or half a surrogate pair in a string, or one of the JSON-LD keywords that restructure a document.
    """
    if len(raw) > MAX_BYTES:
        raise TooLarge(f"{len(raw)} bytes of JSON")
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:
        _check_depth(raw)
    plain = _read_plain(raw)
    return plain if plain is not None else _read_closely(raw)


def _read_plain(raw: bytes) -> Json | None:
    r"""The object in what is JSON without anything to object to, as nearly everything that comes; None to look closely.

    Read, and written again: what has a name twice comes out with fewer quotation marks than it had, as a name and its
    value are lost. What could hide one (`\u0022`) is looked at closely, as is every name that may not be.
    """
    try:
        document = msgspec.json.decode(raw)
        again = msgspec.json.encode(document)
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError):
        return None
    if not isinstance(document, dict) or raw.count(b'"') != again.count(b'"'):
        return None
    if b"\\u00" in raw and (b"\\u0022" in raw or b"\\u0000" in raw):
        return None
    if again.count(b'"@') != ("@context" in document) and (
        _FORBIDDEN_NAMES.search(again) is not None or again.count(b'"@context"') != ("@context" in document)
    ):
        return None
    context = document.get("@context")
    if not isinstance(context, str):
        _check_terms(context)
    return document


def _read_closely(raw: bytes) -> Json:
    try:
        text = raw.decode("utf-8")
        document = _decode(text)
        escapes = "\\u" in text
        if escapes and ("\\ud" in text or "\\uD" in text):
            msgspec.json.decode(raw)  # which refuses half a surrogate pair, as UTF-8 and PostgreSQL do
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise Malformed("not a JSON object")
    if escapes and "\\u0000" in text and "\x00" in _text_of_all(document):
        raise Malformed("a NUL in a string")
    return document


def _text_of_all(value: Any) -> str:
    """All strings and names in a document, one after another."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "".join(name + _text_of_all(inner) for name, inner in value.items())
    return "".join(map(_text_of_all, value)) if isinstance(value, list) else ""


def _check_depth(raw: bytes) -> None:
    depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", raw)):
        if bracket in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise TooLarge(f"JSON nested deeper than {MAX_DEPTH} levels")
        else:
            depth -= 1


def parse(raw: bytes) -> Activity:
    """An activity from bytes: a JSON object with one `id`, a `type` and one `actor`.

    The `@context` must name ActivityStreams, or the type be one that we know: PieFed drops the context from what it passes
    on, and AS2 (section 2.1) wants it assumed where a context does not name it. Raises Malformed, TooLarge or UnsupportedHost.
    """
    return read_activity(parse_document(raw), raw)


def parse_again(raw: bytes) -> Activity:
    """As `parse`, of bytes that it took before and that were kept since: what it found nothing to object to is not looked
    for again. Raises what `parse` does."""
    try:
        document = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError):
        return parse(raw)
    return read_activity(document, raw) if isinstance(document, dict) else parse(raw)


def read_activity(document: Json, raw: bytes) -> Activity:
    """As `parse`, of a document that was decoded; `raw` are its bytes. Raises Malformed or UnsupportedHost."""
    named = types(document)
    if not named:
        raise Malformed("no type")
    type_ = next((one for one in named if one in ACTIVITIES), named[0])
    _check_context(document, type_)
    id_ = document.get("id")
    if not isinstance(id_, str):
        raise Malformed("no id")
    actors = ids(document.get("actor"))
    if len(actors) != 1:
        raise Malformed("no actor" if not actors else "more than one actor")
    try:
        host_of(id_)
        host_of(actors[0])
    except FederationError as error:
        raise type(error)(f"id or actor: {error.text}") from error
    return Activity(
        id=id_,
        type=type_,
        actor=actors[0],
        object=document.get("object"),
        raw=raw,
        document=document,
    )


def _check_context(document: Json, type_: str) -> None:
    context = document.get("@context")
    if type_ in ACTIVITIES and (context is None or all(isinstance(one, str | dict) for one in as_list(context))):
        return
    for one in as_list(context):
        values = one.values() if isinstance(one, dict) else (one,)
        for value in values:
            if value == AS2 or (isinstance(value, str) and value.replace("http:", "https:", 1).rstrip("#") == AS2):
                return
    raise Malformed(f"the @context does not name ActivityStreams, and {type_[:50]} is not a known activity")
