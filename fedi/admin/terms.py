"""Terms of agreements as forms and tables of the console have them: days instead of durations, dates, words for each field."""

import re
from typing import Any

from starlette.datastructures import FormData

from federation.peering.terms import Terms, from_table
from federation.peering.terms_compared import Row, compare, words
from fedi.forms import text
from fedi.languages import day

_DAY = 86_400_000
_DURATION = re.compile(r"P(\d+)D")

LABELS = {
    "visibility": ("What flows", "beside what is public and so everyone's anyway"),
    "groups": ("Which groups", "of both institutions"),
    "personal_data": ("How people are shown", ""),
    "media": ("Files may be kept for", ""),
    "backfill": ("What is fetched later may be as old as", ""),
    "erasure_within": ("What is deleted is gone within", ""),
    "moderation": ("Moderators may ask for", ""),
    "moderation_within": ("Reports are answered within", ""),
    "horizon": ("Deliveries are tried for", ""),
    "probes": ("Each may check the other", "with objects made for it, never with people's data"),
    "terms_href": ("Text of the terms", ""),
    "terms_digest": ("Digest of that text", ""),
    "security_contact": ("Contact for security", ""),
    "dpo": ("Contact for data protection", ""),
    "starts": ("From", ""),
    "ends": ("Until", ""),
}
RELATIONS = {
    "equal": "the same",
    "narrower": "less than ours",
    "wider": "more than ours",
    "different": "different",
}
_WORDS = {
    "-": "not agreed",
    "*": "all groups",
    "none": "not at all",
    "pseudonymous": "by handle and chosen name",
    "named": "with what the institution knows",
    "report": "reports",
    "remove-request": "removal",
}
_DURATIONS = ("media", "backfill", "erasure_within", "moderation_within", "horizon")
_FLOWS = {
    ("public",): "only what is public",
    ("public", "peers"): "also groups for agreed institutions",
    ("public", "peers", "members"): "also members-only groups",
    ("public", "members"): "also members-only groups",
}


def said(terms: Terms, name: str) -> str:
    """A field of terms, in words."""
    if name == "visibility":
        return _FLOWS.get(terms.visibility, ", ".join(terms.visibility))
    value = getattr(terms, name)
    if name in ("starts", "ends") and value is not None:
        return day(value)
    if name == "media" and value == 0:
        return "not at all"
    found = words(terms, name)
    days = _DURATION.fullmatch(found)
    if days is not None:
        return f"{days[1]} day" if days[1] == "1" else f"{days[1]} days"
    if found == "-":
        return {"starts": "when both have signed", "ends": "without end"}.get(name, "not agreed")
    return ", ".join(_WORDS.get(one, one) for one in found.split(", "))


def beside(ours: Terms, theirs: Terms) -> list[dict[str, str]]:
    """Theirs beside ours, row by row, as the page shows them."""
    return [_row(row, ours, theirs) for row in compare(ours, theirs)]


def _row(row: Row, ours: Terms, theirs: Terms) -> dict[str, str]:
    label, note = LABELS.get(row.field, (row.field, ""))
    return {
        "label": label,
        "note": note,
        "ours": said(ours, row.field),
        "theirs": said(theirs, row.field),
        "relation": row.relation,
        "words": RELATIONS[row.relation],
    }


def listed(terms: Terms) -> list[tuple[str, str, str]]:
    """(label, note, words) of each field."""
    return [(label, note, said(terms, name)) for name, (label, note) in LABELS.items()]


def fields(terms: Terms) -> dict[str, Any]:
    """The fields of the form for these terms."""
    found: dict[str, Any] = {
        name: getattr(terms, name) or "" for name in ("terms_href", "terms_digest", "personal_data")
    }
    found |= {name: (getattr(terms, name) or "").removeprefix("mailto:") for name in ("security_contact", "dpo")}
    for name in _DURATIONS:
        value = getattr(terms, name)
        found[name] = "" if value is None else str(value // _DAY)
    for name in ("starts", "ends"):
        value = getattr(terms, name)
        found[name] = "" if value is None else _date(value)
    found["flows"] = next((one for one in ("members", "peers") if terms.opens(one)), "public")
    found["groups"] = "\n".join(terms.groups)
    found["moderation"] = list(terms.moderation)
    found["probes"] = terms.probes
    return found


def _date(at: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d")


def kept(form: FormData) -> dict[str, Any]:
    """What a form said, to show it again as it was."""
    found: dict[str, Any] = {
        name: text(form, name, 4000)
        for name in (
            *_DURATIONS,
            "terms_href",
            "terms_digest",
            "personal_data",
            "security_contact",
            "dpo",
            "starts",
            "ends",
            "flows",
        )
    }
    found["groups"] = text(form, "groups", 100_000)
    found["moderation"] = [str(one)[:40] for one in form.getlist("moderation")]
    found["probes"] = text(form, "probes", 1) == "1"
    return found


def read(form: FormData) -> Terms:
    """The terms that a form says. Raises Malformed, which names the field."""
    given = kept(form)
    table: dict[str, Any] = {
        "visibility": {"public": ["public"], "peers": ["public", "peers"]}.get(
            given["flows"], ["public", "peers", "members"]
        ),
        "groups": [line.strip() for line in given["groups"].splitlines() if line.strip()],
        "personal_data": given["personal_data"],
        "moderation": given["moderation"],
        "probes": given["probes"],
    }
    for name in _DURATIONS:
        days = given[name].strip()
        table[name] = ("P0D" if days == "0" else f"P{days}D") if days else ""
    for name in ("security_contact", "dpo"):
        contact = given[name].strip()
        table[name] = f"mailto:{contact}" if "@" in contact and ":" not in contact else contact
    for name in ("terms_href", "terms_digest", "starts", "ends"):
        table[name] = given[name].strip()
    wanted = {name: value for name, value in table.items() if value != ""}
    missing: dict[str, Any] = dict.fromkeys(("backfill", "erasure_within", "moderation_within", "horizon"))
    base = Terms(**{name: value for name, value in missing.items() if name not in wanted}, media=None)
    return from_table(wanted, base)
