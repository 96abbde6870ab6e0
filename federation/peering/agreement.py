"""The document of an agreement: written, read with bounds, and signed by both sides over the same bytes.

It is a `Document` of ActivityStreams with terms of ours. What is signed are its canonical bytes (RFC 8785) without proofs;
each side adds its own proof (FEP-8b32, `eddsa-jcs-2022`), so the document with both stands for itself, also in an archive.
"""

import hashlib
from dataclasses import dataclass

import rfc8785

from federation.durations import read_duration, write_duration
from federation.errors import FederationError, Malformed, TooLarge, WrongOrigin
from federation.fields import Json, as_objects, milliseconds, timestamp, types
from federation.hosts import MAX_IRI, host_of, same_origin, web_url
from federation.parse import parse_document
from federation.peering.terms import MAX_GROUPS, MAX_TEXT, Terms, check
from federation.peering.terms_compared import Row, compare
from federation.signatures.integrity import MAX_PROOFS
from federation.signatures.keys import decode_base58
from federation.vocabulary.context import PEERING

__all__ = [
    "Agreement",
    "Row",
    "Terms",
    "build",
    "canonical",
    "compare",
    "digest",
    "fingerprint",
    "read",
    "same_fingerprint",
]

TYPE = "peer:Agreement"
MAX_BYTES = 128 * 1024

_DURATIONS = {"peer:erasureWithin": "erasure_within", "peer:horizon": "horizon"}
_SCOPE_DURATIONS = {"moderationWithin": "moderation_within", "backfill": "backfill"}
_SCOPES = frozenset({"visibility", "groups", "personalData", "media", "moderation", *_SCOPE_DURATIONS})
_FIELDS = frozenset(
    {
        "@context",
        "id",
        "type",
        "startTime",
        "endTime",
        "proof",
        "peer:version",
        "peer:parties",
        "peer:replaces",
        "peer:terms",
    }
    | {"peer:scopes", "peer:probes", "peer:securityContact", "peer:dpo", *_DURATIONS}
)


@dataclass(frozen=True, slots=True)
class Agreement:
    """One version of an agreement as its document says: `parties` are the instance actors of who offered it and of the other
    side, `replaces` the version before. `document` has no proofs, `proofs` are as they came; nothing of them is checked."""

    iri: str
    version: int
    parties: tuple[str, str]
    replaces: str | None
    terms: Terms
    document: Json
    proofs: tuple[Json, ...]
    bytes: bytes
    digest: str

    @property
    def signed(self) -> Json:
        """The document with its proofs."""
        return {**self.document, "proof": list(self.proofs)}


def build(*, iri: str, version: int, parties: tuple[str, str], terms: Terms, replaces: str | None = None) -> Json:
    """The document, without proofs, of terms that `check` takes. Raises Malformed."""
    check(terms)
    scopes: Json = {
        "visibility": list(terms.visibility),
        "groups": list(terms.groups),
        "personalData": terms.personal_data,
        "media": None if terms.media is None else write_duration(terms.media),
        "moderation": list(terms.moderation),
    }
    scopes |= {name: _written(getattr(terms, field)) for name, field in _SCOPE_DURATIONS.items()}
    named: Json = {"href": terms.terms_href, "digestMultibase": terms.terms_digest}
    document: Json = {
        "@context": PEERING,
        "id": iri,
        "type": ["Document", TYPE],
        "peer:version": version,
        "peer:parties": list(parties),
        "peer:replaces": replaces,
        "peer:terms": _without_none(named) or None,
        "peer:scopes": _without_none(scopes),
        **{name: _written(getattr(terms, field)) for name, field in _DURATIONS.items()},
        "peer:probes": terms.probes,
        "peer:securityContact": terms.security_contact,
        "peer:dpo": terms.dpo,
        "startTime": None if terms.starts is None else timestamp(terms.starts),
        "endTime": None if terms.ends is None else timestamp(terms.ends),
    }
    return _without_none(document)


def _written(ms: int | None) -> str | None:
    return None if ms is None else write_duration(ms)


def _without_none(values: Json) -> Json:
    return {name: value for name, value in values.items() if value is not None}


def canonical(document: Json) -> bytes:
    """The bytes that both sides sign: canonical JSON (RFC 8785) of the document without proofs. Raises Malformed."""
    bare = {name: value for name, value in document.items() if name not in ("proof", "signature")}
    try:
        return rfc8785.dumps(bare)
    except (ValueError, TypeError) as problem:
        raise Malformed(f"an agreement that has no canonical form: {problem}", code="bad-agreement") from problem


def digest(document: Json) -> str:
    """SHA-256 of the canonical bytes, hexadecimal."""
    return hashlib.sha256(canonical(document)).hexdigest()


def fingerprint(multikey: str) -> str:
    """What admins read to each other to compare a key (a Multikey): SHA-256 of it, hexadecimal, in groups of four.

    Raises Malformed for what is no Multikey.
    """
    try:
        data = decode_base58(multikey.removeprefix("z"))
    except ValueError as problem:
        raise Malformed("not a Multikey", code="bad-key") from problem
    text = hashlib.sha256(data).hexdigest().upper()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def same_fingerprint(one: str, other: str) -> bool:
    """Whether two fingerprints are the same, however they were typed: blanks, colons, dashes and case don't matter."""
    bare = [text.upper().translate({ord(sign): None for sign in " :-\t\r\n"}) for text in (one[:300], other[:300])]
    return bool(bare[0]) and bare[0] == bare[1]


def is_agreement(value: object) -> bool:
    """Whether something embedded is the document of an agreement, or stands for one."""
    return isinstance(value, dict) and TYPE in types(value)


def read(given: bytes | Json) -> Agreement:
    """An agreement from its document. Nothing in it is passed by: whoever signs must have understood all of it.

    Raises Malformed, TooLarge or WrongOrigin; the text names the field and says what is wrong with it.
    """
    if isinstance(given, bytes):
        if len(given) > MAX_BYTES:
            raise TooLarge(f"an agreement of more than {MAX_BYTES // 1024} KiB")
        given = parse_document(given)
    if not is_agreement(given):
        raise _bad("type", f"it is no {TYPE}")
    unknown = sorted(given.keys() - _FIELDS)
    if unknown:
        raise _bad(unknown[0][:100], "this is not known here, and what is not understood can't be signed")
    document = {name: value for name, value in given.items() if name != "proof"}
    data = canonical(document)
    if len(data) > MAX_BYTES:
        raise TooLarge(f"an agreement of more than {MAX_BYTES // 1024} KiB")
    iri = _iri("id", document.get("id"))
    parties = _parties(document.get("peer:parties"))
    if not same_origin(iri, parties[0]):
        raise WrongOrigin("id: an agreement lives with the side that offers it, the first of peer:parties")
    version = document.get("peer:version")
    if not isinstance(version, int) or isinstance(version, bool) or not 0 < version < 1_000_000:
        raise _bad("peer:version", "it must be a whole number from 1 on")
    replaces = document.get("peer:replaces")
    proofs = tuple(as_objects(given.get("proof"))[:MAX_PROOFS])
    return Agreement(
        iri,
        version,
        parties,
        None if replaces is None else _iri("peer:replaces", replaces),
        _terms(document),
        document,
        proofs,
        data,
        hashlib.sha256(data).hexdigest(),
    )


def _terms(document: Json) -> Terms:
    scopes = document.get("peer:scopes")
    if not isinstance(scopes, dict):
        raise _bad("peer:scopes", "it is missing")
    unknown = sorted(scopes.keys() - _SCOPES)
    if unknown:
        raise _bad(
            f"peer:scopes.{unknown[0][:100]}", "this is not known here, and what is not understood can't be signed"
        )
    named = document.get("peer:terms", {})
    if not isinstance(named, dict) or named.keys() - {"href", "digestMultibase"}:
        raise _bad("peer:terms", "it has an href and a digestMultibase")
    probes = document.get("peer:probes", False)
    if not isinstance(probes, bool):
        raise _bad("peer:probes", "it is true or false")
    return check(
        Terms(
            terms_href=_text("peer:terms.href", named.get("href")),
            terms_digest=_text("peer:terms.digestMultibase", named.get("digestMultibase")),
            visibility=_texts("peer:scopes.visibility", scopes.get("visibility")),
            groups=_texts("peer:scopes.groups", scopes.get("groups", [])),
            media=_duration("peer:scopes.media", scopes.get("media")),
            personal_data=_text("peer:scopes.personalData", scopes.get("personalData")) or "none",
            moderation=_texts("peer:scopes.moderation", scopes.get("moderation", [])),
            **{field: _duration(f"peer:scopes.{name}", scopes.get(name)) for name, field in _SCOPE_DURATIONS.items()},
            **{field: _duration(name, document.get(name)) for name, field in _DURATIONS.items()},
            probes=probes,
            security_contact=_text("peer:securityContact", document.get("peer:securityContact")),
            dpo=_text("peer:dpo", document.get("peer:dpo")),
            starts=_time("startTime", document.get("startTime")),
            ends=_time("endTime", document.get("endTime")),
        )
    )


def _bad(field: str, text: str) -> Malformed:
    return Malformed(f"{field}: {text}", code="bad-agreement")


def _iri(field: str, value: object) -> str:
    found = web_url(value)
    if found is None or len(found) > MAX_IRI:
        raise _bad(field, "it must be an http(s) address")
    return found


def _parties(value: object) -> tuple[str, str]:
    if not isinstance(value, list) or len(value) != 2:
        raise _bad("peer:parties", "it names the instance actors of two institutions")
    one, other = _iri("peer:parties", value[0]), _iri("peer:parties", value[1])
    try:
        if host_of(one) == host_of(other):
            raise _bad("peer:parties", "both are of the same host")
    except Malformed:
        raise
    except FederationError as problem:
        raise _bad("peer:parties", problem.text) from problem
    return one, other


def _text(field: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT:
        raise _bad(field, f"it must be a text of at most {MAX_TEXT} characters")
    return value


def _texts(field: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _bad(field, "it must be a list of texts")
    if len(value) > MAX_GROUPS:
        raise _bad(field, f"it has more than {MAX_GROUPS} entries")
    return tuple(dict.fromkeys(value))


def _duration(field: str, value: object) -> int | None:
    text = _text(field, value)
    if text is None:
        return None
    try:
        return read_duration(text)
    except ValueError as problem:
        raise _bad(field, str(problem)) from problem


def _time(field: str, value: object) -> int | None:
    text = _text(field, value)
    at = milliseconds(text) if text is not None else None
    if text is not None and at is None:
        raise _bad(field, f"{text[:40]!r} is no time")
    return at
