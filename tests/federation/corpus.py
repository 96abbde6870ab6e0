"""The corpus of peers' documents beside the checkout, as the tests read it; see tests/federation/corpus.tsv for what each
file means."""

import itertools
import json
from pathlib import Path
from typing import Any

from federation.errors import FederationError
from federation.fields import as_list, types
from federation.meaning import describe_safely
from federation.parse import ACTIVITIES, parse_document
from federation.vocabulary import actor, note
from tests.federation.samples import CORPUS

TABLE = Path(__file__).with_name("corpus.tsv")
FILES = sorted(CORPUS.rglob("*.json")) if CORPUS.is_dir() else []
ABSENT = "skipped: ../shared/corpus is not beside the checkout; tests/peers holds a part of it"

_TEXTS = ("w3c-as2", "w3c-as2-fail", "fep")
_UNIDENTIFIED = {"Link", "Mention", "Hashtag", "Emoji", "PropertyValue", "Image", "Document", "Place", "Tombstone"}


def name_of(path: Path) -> str:
    """The name of a file in the table."""
    return str(path.relative_to(CORPUS))


def bytes_of(path: Path) -> bytes:
    """A file as it would come: what its project scrubbed (Mbin's ids and dates) or wrapped (WordPress's record of an HTTP
    answer) is put back."""
    raw = path.read_bytes()
    if path.parent.name == "mbin" and b"SCRUBBED" in raw:
        numbers = itertools.count(1)
        parts = raw.split(b"SCRUBBED_ID")
        raw = b"".join(part + b"https://kbin.test/scrubbed/%d" % next(numbers) for part in parts[:-1]) + parts[-1]
        return raw.replace(b"SCRUBBED_DATE", b"2025-01-01T12:00:00Z")
    if path.name.startswith("other-wpfx-"):
        body: str = json.loads(raw)["body"]
        return body.encode()
    return raw


def meaning_of(path: Path) -> str:
    """What the project's readers say that a file means."""
    try:
        document = parse_document(bytes_of(path))
    except FederationError as problem:
        return f"refused: {problem.code}"
    return describe_safely(document)


def completed_meaning_of(path: Path) -> str:
    """What an example of a standard means once it has what the text left out: ids, an actor, an author, an inbox.

    An empty string for what is no such example, or lacks nothing.
    """
    if path.parent.name not in _TEXTS and "-docs-" not in path.name:
        return ""
    try:
        document = parse_document(bytes_of(path))
    except FederationError:
        return ""
    whole = complete(document)
    told = describe_safely(whole)
    return "" if whole == document or told == describe_safely(document) else told


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """A copy of an example with what the texts of standards leave out, at hosts that fit together."""
    numbers = itertools.count(1)
    made: dict[str, Any] = _identified(document, numbers)
    kinds = set(types(made))
    if kinds & set(actor.KINDS) and "actor" not in made:
        made.setdefault("preferredUsername", "somebody")
        made["inbox"] = made["id"].rstrip("/") + "/inbox"
    elif kinds & ACTIVITIES and (kinds != {"Question"} or "actor" in made):
        made.setdefault("actor", "https://example.org/sally")
    elif kinds & set(note.KINDS):
        _authored(made)
    for inner in as_list(made.get("object")):
        if isinstance(inner, dict) and set(types(inner)) & set(note.KINDS):
            _authored(inner)
    return made


def _authored(post: dict[str, Any]) -> None:
    origin = "/".join(post["id"].split("/")[:3])
    post["attributedTo"] = f"{origin}/sally"


def _identified(value: dict[str, Any], numbers: "itertools.count[int]") -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, inner in value.items():
        if name in ("actor", "object", "target", "origin", "instrument"):
            if isinstance(inner, dict):
                made[name] = _identified(inner, numbers)
                continue
            if isinstance(inner, list):
                made[name] = [_identified(one, numbers) if isinstance(one, dict) else one for one in inner]
                continue
        made[name] = inner
    kinds = set(types(made))
    if kinds and not kinds & _UNIDENTIFIED - {"Image", "Document", "Place"} and not _usable(made.get("id")):
        made["id"] = f"https://example.org/completed/{next(numbers)}"
    return made


def _usable(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://"))


def table() -> dict[str, tuple[str, str]]:
    """The table: by file, what it means, and what it means when completed (empty: nothing to complete)."""
    rows: dict[str, tuple[str, str]] = {}
    for line in TABLE.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            name, means, completed = (line + "\t").split("\t")[:3]
            rows[name] = (means, completed)
    return rows
