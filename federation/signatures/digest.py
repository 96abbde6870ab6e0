"""Digests of bodies: `Digest` (RFC 3230, which all peers send) and `Content-Digest` (RFC 9530, which goes with RFC 9421)."""

import hashlib
import re
from base64 import b64decode, b64encode
from binascii import Error
from hmac import compare_digest

from federation.errors import BadSignature

_HASHES = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
_MEMBER = re.compile(r"([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):")


def digest(body: bytes) -> str:
    """The value of the `Digest` header for these bytes."""
    return "SHA-256=" + b64encode(hashlib.sha256(body).digest()).decode("ascii")


def content_digest(body: bytes) -> str:
    """The value of the `Content-Digest` header for these bytes."""
    return "sha-256=:" + b64encode(hashlib.sha256(body).digest()).decode("ascii") + ":"


def check_digest(value: str, body: bytes) -> None:
    """Hold a `Digest` header against the bytes: every algorithm in it that we know, in any case, and at least one.

    Raises BadSignature.
    """
    if value[:8] in ("SHA-256=", "sha-256=") and "," not in value:  # as all send it
        _check([("sha-256", value[8:].strip())], body)
        return
    pairs = (part.strip().partition("=") for part in value.split(","))
    _check([(name.lower(), encoded) for name, _, encoded in pairs], body)


def check_content_digest(value: str, body: bytes) -> None:
    """Hold a `Content-Digest` header against the bytes; names of algorithms are in lower case (RFC 9530 section 2).

    Raises BadSignature.
    """
    members = [_MEMBER.fullmatch(part.strip()) for part in value.split(",")]
    _check([(member[1], member[2]) for member in members if member is not None], body)


def _check(claimed: list[tuple[str, str]], body: bytes) -> None:
    known = [(name, encoded) for name, encoded in claimed if name in _HASHES]
    if not known:
        raise BadSignature("no SHA-256 or SHA-512 digest of the body", code="bad-digest")
    for name, encoded in known:
        try:
            given = b64decode(encoded, validate=True)
        except (Error, ValueError) as error:
            raise BadSignature("a digest that is no base64", code="bad-digest") from error
        if not compare_digest(given, _HASHES[name](body).digest()):
            raise BadSignature("the digest does not fit the body", code="bad-digest")
