"""The terms of an agreement between two institutions: what may be seen, kept and asked for, how long, and whom to ask.

They are written here as a file has them (TOML) and held against each other. How they are signed: `federation.peering.agreement`.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from federation.durations import read_duration
from federation.errors import Malformed
from federation.fields import milliseconds
from federation.hosts import MAX_IRI, web_url

_DAY = 86_400_000

VISIBILITY = ("public", "peers", "members")
"""What may flow, the widest audience first: posts for everyone, of groups for agreed institutions, of groups for members.
What opens a later one opens those before."""
PERSONAL_DATA = ("none", "pseudonymous", "named")
"""How people are shown to the other side: not at all, by handle and chosen name, with what the institution knows."""
MODERATION = ("report", "remove-request")
"""What either side may ask the other's moderators for."""
MAX_GROUPS = 500
MAX_TEXT = 500

_CONTACT = re.compile(r"mailto:[^\s<>\"@]{1,200}@[^\s<>\"@]{1,200}|https://[^\s<>\"]{1,400}", re.ASCII)
_DIGEST = re.compile(r"z[1-9A-HJ-NP-Za-km-z]{20,100}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What both sides agree to. Durations and times in ms; None where nothing is agreed.

    `groups` holds `*` (all groups of both sides), a party's instance actor (all groups of that side) or groups' IRIs.
    `media`: how long files of the other side may be kept, 0 for not at all. `backfill`: how old what is fetched later may
    be. `moderation_within`: the time to answer a report. `horizon`: how long deliveries are tried.
    """

    terms_href: str | None = None
    terms_digest: str | None = None
    visibility: tuple[str, ...] = VISIBILITY
    groups: tuple[str, ...] = ("*",)
    media: int | None = 30 * _DAY
    personal_data: str = "pseudonymous"
    moderation: tuple[str, ...] = MODERATION
    moderation_within: int | None = 3 * _DAY
    backfill: int | None = 90 * _DAY
    erasure_within: int | None = 30 * _DAY
    horizon: int | None = 30 * _DAY
    probes: bool = True
    security_contact: str | None = None
    dpo: str | None = None
    starts: int | None = None
    ends: int | None = None

    def opens(self, visibility: str) -> bool:
        """Whether posts with this visibility (one of VISIBILITY) may flow; what is public is everyone's anyway."""
        if visibility == "public":
            return True
        return any(one in self.visibility for one in VISIBILITY[VISIBILITY.index(visibility) :])

    def covers(self, group: str, owner: str) -> bool:
        """Whether the group with this IRI, of the side with the instance actor `owner`, is one of those agreed on."""
        return not {"*", owner, group}.isdisjoint(self.groups)


def check(terms: Terms) -> Terms:
    """The terms, when each field is what it may be. Raises Malformed, which names the field and says what to write."""
    _one_of("visibility", terms.visibility, VISIBILITY)
    _one_of("moderation", terms.moderation, MODERATION)
    if not terms.visibility:
        raise Malformed('visibility: name at least "public"', code="bad-terms")
    if terms.personal_data not in PERSONAL_DATA:
        raise Malformed(
            f"personal_data: {terms.personal_data[:40]!r} is none of {_list(PERSONAL_DATA)}", code="bad-terms"
        )
    if len(terms.groups) > MAX_GROUPS:
        raise Malformed(f"groups: more than {MAX_GROUPS}; name the whole side, or *", code="bad-terms")
    for group in terms.groups:
        if group != "*" and (web_url(group) is None or len(group) > MAX_IRI):
            raise Malformed(f"groups: {group[:100]!r} is neither * nor the address of a group", code="bad-terms")
    for name in ("security_contact", "dpo"):
        said = getattr(terms, name)
        if said is not None and not _CONTACT.fullmatch(said):
            raise Malformed(
                f"{name}: {said[:100]!r} is no contact; write mailto:someone@uni.example or an https address",
                code="bad-terms",
            )
    if terms.terms_href is not None and (web_url(terms.terms_href) is None or len(terms.terms_href) > MAX_TEXT):
        raise Malformed(f"terms_href: {terms.terms_href[:100]!r} is no web address", code="bad-terms")
    if terms.terms_digest is not None and not _DIGEST.fullmatch(terms.terms_digest):
        raise Malformed(
            f"terms_digest: {terms.terms_digest[:100]!r} is no digest as multibase (z and base58)", code="bad-terms"
        )
    if terms.terms_href is not None and terms.terms_digest is None:
        raise Malformed("terms_digest: a text at an address may change, so its digest belongs to it", code="bad-terms")
    if terms.starts is not None and terms.ends is not None and terms.ends <= terms.starts:
        raise Malformed("ends: it is before the start", code="bad-terms")
    return terms


def _one_of(name: str, given: Sequence[str], known: Sequence[str]) -> None:
    for one in given:
        if one not in known:
            raise Malformed(f"{name}: {one[:40]!r} is none of {_list(known)}", code="bad-terms")


def _list(known: Sequence[str]) -> str:
    return ", ".join(known)


_DURATIONS = ("media", "moderation_within", "backfill", "erasure_within", "horizon")
_TIMES = ("starts", "ends")
_LISTS = ("visibility", "groups", "moderation")


def read_terms(text: str, base: Terms | None = None) -> Terms:
    """Terms from a file in TOML with the names of the fields of `Terms`: durations as `P7D`, times as dates; what it does not
    name is as in `base`. Raises Malformed, which names the line or the field, and says what to write."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise Malformed(f"the terms are no TOML: {problem}", code="bad-terms") from problem
    return from_table(table, base)


def from_table(table: Mapping[str, Any], base: Terms | None = None) -> Terms:
    """`read_terms` of a table that was read already."""
    known = [one.name for one in fields(Terms)]
    values = {name: getattr(base or Terms(), name) for name in known}
    for name, value in table.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.5)
            hint = f"; did you mean «{near[0]}»?" if near else f"; there are: {_list(known)}"
            raise Malformed(f"{name}: there is no such term{hint}", code="bad-terms")
        values[name] = _value(name, value)
    return check(Terms(**values))


def _value(name: str, value: Any) -> Any:
    if name in _DURATIONS:
        if value in ("", "none"):
            return 0 if name == "media" and value else None
        return _duration(name, value)
    if name in _TIMES:
        at = milliseconds(value if isinstance(value, str) else str(value))
        if at is None:
            raise Malformed(
                f"{name}: {str(value)[:40]!r} is no time; write 2027-09-30 or 2027-09-30T00:00:00Z", code="bad-terms"
            )
        return at
    if name in _LISTS:
        several = [value] if isinstance(value, str) else value
        if not isinstance(several, list) or not all(isinstance(one, str) for one in several):
            raise Malformed(f'{name}: write a list of texts, as ["public"]', code="bad-terms")
        return tuple(dict.fromkeys(several))
    if name == "probes":
        if not isinstance(value, bool):
            raise Malformed("probes: write true or false", code="bad-terms")
        return value
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise Malformed(f"{name}: write a text of at most {MAX_TEXT} characters", code="bad-terms")
    return value or None


def _duration(name: str, value: Any) -> int:
    try:
        return read_duration(value if isinstance(value, str) else str(value))
    except ValueError as problem:
        raise Malformed(f"{name}: {problem}", code="bad-terms") from problem
