"""Data sets of FIRES (fires.fedimod.org): what a provider recommends of domains and actors, as rules to look at.

A change is a Recommendation (accept, filter, reject, drop), an Advisory (there may be a recommendation soon: a rule that only
observes), or a Retraction or Tombstone, which take back what was said before. Read are a page of changes and a snapshot; of
the names of properties both those of the protocol's text and those that its first server writes.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from federation.errors import FederationError
from federation.fields import ids
from federation.hosts import split_iri
from federation.policy.document import Invalid, Problem
from federation.policy.drafts import MAX_ENTRIES, Draft, Entries, Imported, bounded, finish

_POLICIES = {"accept": ("accept",), "reject": ("reject",), "drop": ("reject",), "filter": ("limit",)}
_FILTERS = {
    "rejectmedia": "strip-media", "reject-media": "strip-media", "reject_media": "strip-media",
    "rejectreports": "reject-reports", "reject-reports": "reject-reports", "reject_reports": "reject-reports",
    "sensitive": "sensitive", "silence": "limit", "limit": "limit",
}  # fmt: skip
"""Filters by the last part of their names; the protocol does not fix them yet."""


@dataclass(frozen=True, slots=True)
class _Change:
    line: int
    id: str
    type: str
    kind: str
    key: str
    policy: str | None
    filters: tuple[str, ...]
    labels: tuple[str, ...]


def read(text: str | bytes, *, source: str | None = None) -> Imported:
    """A data set as rules. Raises Invalid for what is none."""
    try:
        data = json.loads(bounded(text))
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise Invalid((Problem(line, f"this is no JSON: {error!s:.200}", "a page of changes or a snapshot"),)) from None
    items = _items(data)
    if len(items) > MAX_ENTRIES:
        raise Invalid((Problem(1, f"{len(items)} changes", f"{MAX_ENTRIES} are allowed; take a snapshot"),))
    origin = source or _origin(data)
    entries = Entries(origin)
    latest: dict[tuple[str, str], _Change] = {}
    by_id: dict[str, tuple[str, str]] = {}
    for change in _in_order(items, entries):
        entity = (change.kind, change.key)
        if change.type in ("Retraction", "Tombstone"):
            latest.pop(by_id.get(change.id, entity), None)
        else:
            latest[entity] = change
            by_id[change.id] = entity
    drafts = []
    for change in latest.values():
        drafts += _draft(change, entries, origin)
    return finish(drafts, entries.problems, len(drafts), f"FIRES data set {origin}")


def _items(data: Any) -> list[Any]:
    if isinstance(data, dict):
        for key in ("orderedItems", "items"):
            if isinstance(data.get(key), list):
                return list(data[key])
    mend = "an OrderedCollection (or a page of one) with `orderedItems`"
    raise Invalid((Problem(1, "there are no changes in this", mend),))


def _origin(data: dict[str, Any]) -> str:
    found = ids(data.get("dataset")) or ids(data.get("fires:dataset")) or ids(data.get("id"))
    return found[0][:250] if found else "FIRES"


def _in_order(items: list[Any], entries: Entries) -> list[_Change]:
    """The changes that can be read, oldest first: the time decides, then the place."""
    found = []
    for place, one in enumerate(items, 1):
        if not isinstance(one, dict):
            continue
        entity = one.get("entity") if isinstance(one.get("entity"), dict) else {}
        kind = _text(one, "entityKind", "entity_kind") or _text(entity, "type")
        change = _Change(
            place,
            _text(one, "id", "@id"),
            _text(one, "type", "@type").removeprefix("fires:"),
            kind.lower(),
            _text(one, "entityKey", "entity_key") or _text(entity, "value"),
            _text(one, "recommendedPolicy", "recommended_policy").lower() or None,
            tuple(ids(one.get("recommendedFilters", one.get("recommended_filters")))),
            tuple(ids(one.get("labels"))),
        )
        if change.type not in ("Advisory", "Recommendation", "Retraction", "Tombstone"):
            entries.skip(place, f"a change of the type {change.type!r:.60}", "it is left out")
            continue
        found.append((_text(one, "published", "created"), place, change))
    if all(published for published, _, _ in found):
        found.sort(key=lambda one: one[:2])
    return [change for _, _, change in found]


def _draft(change: _Change, entries: Entries, origin: str) -> list[Draft]:
    """The rule of a change that stands, or none and a problem."""
    when: dict[str, Any]
    if change.kind == "domain":
        host = entries.host(change.line, change.key)
        if host is None:
            return []
        when = {"peer": host}
    elif change.kind == "actor":
        try:
            split_iri(change.key)
        except FederationError:
            entries.skip(change.line, f"{change.key[:100]!r} is no address of an actor", "it is left out")
            return []
        when = {"author": change.key}
    else:
        entries.skip(change.line, f"an entity of the kind {change.kind!r:.60}", "domains and actors are known")
        return []
    advises = change.type == "Advisory"
    policy = change.policy or ("reject" if advises else "")
    if policy not in _POLICIES:
        entries.skip(
            change.line,
            f"the policy {policy!r:.60} for {change.key[:100]!r}",
            "accept, filter, reject and drop are known",
        )
        return []
    then: tuple[str, ...] = _POLICIES[policy]
    if policy == "filter":
        names = [one.rstrip("/").rpartition("/")[2].rpartition("#")[2].lower() for one in change.filters]
        then = tuple(dict.fromkeys(_FILTERS[name] for name in names if name in _FILTERS)) or then
    labels = ", ".join(one.rstrip("/").rpartition("/")[2][:60] for one in change.labels[:5])
    said = f"{'an advisory' if advises else 'recommended'} by {origin}" + (f" ({labels})" if labels else "")
    if change.id:
        said = f"{said[: 490 - len(change.id[:300])]}, {change.id[:300]}"
    id = f"fires-{hashlib.sha256(f'{origin} {change.kind} {change.key}'.encode()).hexdigest()[:12]}"
    return [Draft(id, when, then, "advised", said[:500], f"fires:{origin}", observe=advises)]


def _text(data: Any, *names: str) -> str:
    for name in names:
        value = data.get(name) if isinstance(data, dict) else None
        if isinstance(value, str):
            return value[:2048]
    return ""
