"""Who really said it. This file is the only maker of `Authentic`.

Three ways lead to one: the request was signed by the actor's key (`verify`), the activity carries the actor's proof
(`authentic_proof`), or its own origin served it when asked (`authentic_fetched`). In all of them the activity's id, its
actor and the key must be of one origin (FEP-fe34), so that nobody speaks for another host.
"""

from calendar import timegm
from collections.abc import Collection, Iterable, Mapping
from dataclasses import field
from datetime import UTC, datetime
from email.utils import parsedate_tz
from functools import lru_cache
from typing import Literal

from federation.activity import Activity, Authentic, Via
from federation.errors import BadSignature, FederationError, Malformed, MissingSignature, WrongOrigin
from federation.fields import Json, encode
from federation.hosts import host_of, normal_host, same_origin
from federation.parse import read_activity
from federation.plain_class import plain_class
from federation.signatures import cavage, rfc9421
from federation.signatures.digest import check_content_digest, check_digest
from federation.signatures.integrity import check_proof
from federation.signatures.keys import PublicKey
from federation.signatures.sign import MONTHS

Headers = Mapping[str, str] | Iterable[tuple[bytes, bytes]]
"""Headers by name in any case, or ASGI's pairs of bytes; of a name that comes twice both count, joined by a comma."""

SKEW = 3_600_000
"""How far a signature's time may be off, in ms: one hour both ways, as Mastodon and Lemmy have it."""
MAX_HEADER = 8192
"""Longest signature header that is read, in characters."""


_KEPT: dict[str, Via] = {"cavage": "cavage", "rfc9421": "rfc9421", "proof": "proof", "fetched": "fetched"}


@plain_class(frozen=True, slots=True)
class Claim:
    """What a request says about who signed it; nothing is proven yet.

    `covered` are the signed components; `host` is the Host header in normal form; `signed_at` and `expires` in ms, of the
    time that the signature covers; `messages` the bytes that may have been signed, likeliest first; `digest` the digest
    header that it covers.
    """

    key_id: str
    scheme: Literal["cavage", "rfc9421"]
    covered: tuple[str, ...]
    host: str
    signed_at: int
    expires: int | None
    algorithm: str | None
    digest: str | None
    signature: bytes = field(repr=False)
    messages: tuple[bytes, ...] = field(repr=False)


def signature_of(method: str, target: str, headers: Headers) -> Claim:
    """Read the signature of a request. `target` is the path with its query, as the request line had it.

    Raises MissingSignature; Malformed when it can't be read; BadSignature when it covers too little: method, target and
    host, the time, and with a POST the body.
    """
    fields = _fields(headers)
    host = fields.get("host")
    if host is None:
        raise Malformed("no Host header")
    host = normal_host(host)
    signature = fields.get("signature")
    declared = fields.get("signature-input")
    if signature is None:
        authorization = fields.get("authorization", "")
        if not authorization.lower().startswith("signature "):
            raise MissingSignature("the request is not signed")
        signature = authorization[len("signature ") :]
    if len(signature) > MAX_HEADER or (declared is not None and len(declared) > MAX_HEADER):
        raise Malformed("a signature header that is too long", code="malformed-signature")
    if declared is None:
        return _cavage(method, target, host, fields, signature)
    return _rfc9421(method, target, host, fields, declared, signature)


def _fields(headers: Headers) -> dict[str, str]:
    if isinstance(headers, Mapping):
        pairs = [(name.lower(), value) for name, value in headers.items()]
    else:
        pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]
    fields: dict[str, str] = dict(pairs)
    if len(fields) < len(pairs):
        fields = {}
        for name, value in pairs:
            fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def _check_key_id(key_id: str) -> None:
    if key_id.startswith("acct:") and len(key_id) < 512:
        return  # old Mastodon; whoever fetches the key may know what to do with it
    try:
        host_of(key_id)
    except FederationError as error:
        raise Malformed(f"keyId: {error.text}", code="malformed-signature") from error


def _cavage(method: str, target: str, host: str, fields: dict[str, str], header: str) -> Claim:
    parsed = cavage.parse_signature(header)
    _check_key_id(parsed.key_id)
    covered = parsed.covered
    _require(covered, "(request-target)", "host")
    if method not in ("GET", "HEAD", "get", "head"):
        _require(covered, "digest")
    if "date" in covered:
        signed_at = _read_date(fields.get("date", "")[:_LONGEST_DATE])
    elif "(created)" in covered and parsed.created is not None:
        signed_at = parsed.created * 1000
    else:
        raise BadSignature("the time is not signed")
    messages: tuple[bytes, ...] = (
        cavage.signing_string(covered, method, target, fields, parsed.created, parsed.expires),
    )
    path, query, _ = target.partition("?")
    if query:
        # GoToSocial and Mastodon take signatures over the bare path, so some peers make them.
        messages += (cavage.signing_string(covered, method, path, fields, parsed.created, parsed.expires),)
    return Claim(
        key_id=parsed.key_id,
        scheme="cavage",
        covered=covered,
        host=host,
        signed_at=signed_at,
        expires=None if parsed.expires is None else parsed.expires * 1000,
        algorithm=None,
        digest=fields.get("digest") if "digest" in covered else None,
        signature=parsed.signature,
        messages=messages,
    )


def _rfc9421(method: str, target: str, host: str, fields: dict[str, str], declared: str, header: str) -> Claim:
    parsed = rfc9421.parse_signature(declared, header)
    _check_key_id(parsed.key_id)
    covered = frozenset(parsed.covered)
    _require(covered, "@method")
    in_parts = not covered.isdisjoint({"@authority", "host"}) and not covered.isdisjoint({"@path", "@request-target"})
    if "@target-uri" not in covered and not in_parts:
        raise BadSignature("host and path are not signed")
    if method.upper() != "GET" and method.upper() != "HEAD":
        _require(covered, "content-digest")
    if parsed.created is None:
        raise BadSignature("the time is not signed")
    # Behind a proxy that ends TLS we can't tell how the request came in; nothing hangs on it, as the host is compared.
    schemes = ("https", "http") if not covered.isdisjoint({"@target-uri", "@scheme"}) else ("https",)
    return Claim(
        key_id=parsed.key_id,
        scheme="rfc9421",
        covered=parsed.covered,
        host=host,
        signed_at=parsed.created * 1000,
        expires=None if parsed.expires is None else parsed.expires * 1000,
        algorithm=parsed.algorithm,
        digest=fields.get("content-digest") if "content-digest" in covered else None,
        signature=parsed.signature,
        messages=tuple(
            rfc9421.signature_base(parsed.covered, parsed.parameters, method, scheme, host, target, fields)
            for scheme in schemes
        ),
    )


def _require(covered: Collection[str], *names: str) -> None:
    for name in names:
        if name not in covered:
            raise BadSignature(f"{name} is not signed")


_LONGEST_DATE = 100
"""Characters that are read of a Date header, and kept: a thousand long ones would fill the memory."""
_MONTHS = {name: number for number, name in enumerate(MONTHS, 1)}


@lru_cache(maxsize=1024)
def _read_date(value: str) -> int:
    """A Date header in ms. Raises BadSignature."""
    try:
        if len(value) == 29 and value.endswith(" GMT"):
            when = datetime(
                int(value[12:16]), _MONTHS[value[8:11]], int(value[5:7]), int(value[17:19]), int(value[20:22]),
                int(value[23:25]), tzinfo=UTC,
            )  # fmt: skip
            return int(when.timestamp()) * 1000
        parts = parsedate_tz(value)
        if parts is None:
            raise ValueError("not a date")
        return (timegm(parts[:6]) - (parts[9] or 0)) * 1000
    except (ValueError, KeyError, IndexError, TypeError, OverflowError) as error:
        raise BadSignature("a Date that can't be read") from error


def _check(claim: Claim, key: PublicKey, body: bytes | None, now: int) -> None:
    if abs(claim.signed_at - now) > SKEW:
        raise BadSignature("signed too long ago or in the future", code="bad-date")
    if claim.expires is not None and claim.expires < now - SKEW:
        raise BadSignature("the signature is past its end", code="bad-date")
    if claim.key_id != key.id and not claim.key_id.startswith("acct:"):
        raise BadSignature("signed by another key")
    if claim.algorithm is not None and claim.algorithm != key.algorithm:
        raise BadSignature(f"the key does not make {claim.algorithm[:40]}")
    if claim.scheme == "cavage" and key.algorithm != "rsa-v1_5-sha256":
        raise BadSignature("the draft's signatures are RSA")
    if body is not None:
        if claim.digest is None:
            raise BadSignature("the body is not signed", code="bad-digest")
        (check_digest if claim.scheme == "cavage" else check_content_digest)(claim.digest, body)
    for message in claim.messages:
        if key.verify(claim.signature, message):
            break
    else:
        raise BadSignature("the signature does not fit")
    if not key.of_its_owner:
        raise WrongOrigin("the key is of another origin than its owner")


def verify(claim: Claim, key: PublicKey, body: bytes, now: int, activity: Activity) -> Authentic:
    """The activity, proven by the signature of the POST that brought it.

    `body` are the very bytes that came, `now` in ms, `activity` what was parsed from `body`. The digest must fit the body,
    the signature the key, the actor own the key, and the id be of the actor's origin.
    Raises BadSignature or WrongOrigin.
    """
    _check(claim, key, body, now)
    return _authentic(activity, key.owner, key.id, claim.scheme)


def verify_get(claim: Claim, key: PublicKey, now: int) -> str:
    """The IRI of the actor who asks, proven by the signature of a GET. Raises BadSignature or WrongOrigin."""
    _check(claim, key, None, now)
    return key.owner


def authentic_proof(activity: Activity, key: PublicKey, now: int) -> Authentic:
    """The activity, proven by its own integrity proof (FEP-8b32), whoever brought it.

    Raises MissingSignature, BadSignature or WrongOrigin.
    """
    check_proof(activity.document, key, now)
    if not key.of_its_owner:
        raise WrongOrigin("the key is of another origin than its owner")
    return _authentic(activity, key.owner, key.id, "proof")


def authentic_fetched(document: Json, url: str, raw: bytes | None = None) -> Authentic:
    """The activity, proven by its own origin, which served it at `url` (after redirects) when asked for it.

    `raw` are the bytes that were served; without them the document is written anew.
    Raises Malformed, UnsupportedHost or WrongOrigin.
    """
    activity = read_activity(document, raw if raw is not None else encode(document))
    if activity.id != url:
        raise WrongOrigin("served under another id than its own")
    return _authentic(activity, activity.actor, url, "fetched")


def authentic_within(document: Json, url: str) -> Authentic:
    """The activity, proven by its own origin, which served it within a document (a collection) at `url`.

    What a host serves of itself needs no second question (FEP-fe34); what it serves of others proves nothing here.
    Raises Malformed, UnsupportedHost or WrongOrigin.
    """
    activity = read_activity(document, encode(document))
    if not same_origin(activity.id, url):
        raise WrongOrigin("served within a document of another origin")
    return _authentic(activity, activity.actor, url, "fetched")


def authentic_stored(activity: Activity, key_id: str, via: str) -> Authentic:
    """The activity, proven when it arrived: `key_id` and `via` are what `verify` gave then and was kept beside its bytes.

    The caller vouches that what it kept was not changed since. Raises WrongOrigin, Malformed for an unknown `via`.
    """
    known = _KEPT.get(via)
    if known is None:
        raise Malformed(f"nothing is proven by {via[:40]!r}")
    return _authentic(activity, activity.actor, key_id, known)


def _authentic(activity: Activity, signer: str, key_id: str, via: Via) -> Authentic:
    if activity.actor != signer:
        raise WrongOrigin(f"signed by {signer[:200]}, said by {activity.actor[:200]}")
    if not same_origin(activity.id, activity.actor):
        raise WrongOrigin("the id is of another origin than the actor")
    return Authentic(activity, signer, key_id, via)
