"""HTTP signatures as draft-cavage-http-signatures-12 has them: what nearly every peer sends and understands.

Facts that the draft doesn't tell: `hs2019` means RSA-PKCS1v1.5-SHA256 in practice; Mastodon and GoToSocial also take a
signature that was made without the query; Discourse reads quoted parameters only; Lemmy and PieFed want `algorithm`.
"""

import re
from base64 import b64encode
from binascii import Error, a2b_base64
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from federation.errors import BadSignature, Malformed
from federation.plain_class import plain_class
from federation.signatures.keys import PrivateKey

ALGORITHMS = frozenset({"rsa-sha256", "hs2019"})
_PARAMETER = re.compile(r'\s*([A-Za-z]+)\s*=\s*(?:"([^"]*)"|([^",\s]*))\s*(?:,|$)')
_LAST = 'signature="'
_KEPT = 1024
"""Characters of what is kept of headers, so that all of it stays below a few megabytes."""


@plain_class(frozen=True, slots=True)
class CavageSignature:
    """A parsed `Signature` header: covered names in lower case and in order, times in seconds."""

    key_id: str
    algorithm: str | None
    covered: tuple[str, ...]
    signature: bytes
    created: int | None
    expires: int | None


def parse_signature(value: str) -> CavageSignature:
    """Read a `Signature` header (or what follows `Signature ` in `Authorization`).

    Raises Malformed when a parameter is missing, stands twice or can't be read; BadSignature for an algorithm nobody may
    use any more.
    """
    # All but the signature itself is the same in all that an actor sends, and nearly everybody writes it last.
    beginning, separator, last = value.rpartition(_LAST)
    if separator and last.endswith('"') and last.isascii() and last.count('"') == 1 and len(beginning) <= _KEPT:
        known = _parameters_kept(beginning)
        encoded: str | None = last[:-1]
    else:
        known = _parameters(value)
        encoded = known.signature
    if known.key_id is None or encoded is None:
        missing = "keyId" if known.key_id is None else "signature"
        raise Malformed(f"no {missing} in a Signature header", code="malformed-signature")
    try:
        signature = a2b_base64(encoded, strict_mode=True)
    except (Error, ValueError) as error:
        raise Malformed("a Signature header that can't be read", code="malformed-signature") from error
    return CavageSignature(known.key_id, known.algorithm, known.covered, signature, known.created, known.expires)


class _Parameters(NamedTuple):
    """The parameters of a header; `signature` in base64."""

    key_id: str | None
    algorithm: str | None
    covered: tuple[str, ...]
    signature: str | None
    created: int | None
    expires: int | None


def _parameters(value: str) -> _Parameters:
    found: dict[str, str] = {}
    position = 0
    while position < len(value):
        parameter = _PARAMETER.match(value, position)
        if parameter is None:
            raise Malformed("a Signature header that can't be read", code="malformed-signature")
        if parameter[1] in found:
            raise Malformed(f"{parameter[1]} twice in a Signature header", code="malformed-signature")
        found[parameter[1]] = parameter[2] if parameter[2] is not None else parameter[3]
        position = parameter.end()
    algorithm = found.get("algorithm", "").lower() or None
    if algorithm is not None and algorithm not in ALGORITHMS:
        raise BadSignature(f"the signature algorithm {algorithm[:40]}")
    try:
        created, expires = (int(float(found[name])) if name in found else None for name in ("created", "expires"))
    except (ValueError, OverflowError) as error:
        raise Malformed("a Signature header that can't be read", code="malformed-signature") from error
    covered = tuple(found.get("headers", "date").lower().split())
    return _Parameters(found.get("keyId"), algorithm, covered, found.get("signature"), created, expires)


@lru_cache(maxsize=1024)
def _parameters_kept(beginning: str) -> _Parameters:
    """The parameters before `signature=`, with the comma. Raises also when there is none, or that name among them."""
    beginning = beginning.rstrip()
    known = _parameters(beginning)
    if known.signature is not None or (beginning and not beginning.endswith(",")):
        raise Malformed("a Signature header that can't be read", code="malformed-signature")
    return known


def signing_string(
    covered: Sequence[str],
    method: str,
    target: str,
    headers: Mapping[str, str],
    created: int | None = None,
    expires: int | None = None,
) -> bytes:
    """The bytes that are signed (section 2.3). `headers` by name in lower case; `target` is path and query.

    Raises BadSignature when a covered header is not there or a name is covered twice.
    """
    if len(set(covered)) != len(covered):
        raise BadSignature("a header is covered twice")
    lines: list[str] = []
    for name in covered:
        if name == "(request-target)":
            value: str | None = f"{method.lower()} {target}"
        elif name == "(created)":
            value = None if created is None else str(created)
        elif name == "(expires)":
            value = None if expires is None else str(expires)
        else:
            value = headers.get(name)
        if value is None:
            raise BadSignature(f"{name[:60]} is covered and not there")
        lines.append(f"{name}: {value.strip()}")
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def signature_header(key: PrivateKey, covered: Sequence[str], message: bytes) -> str:
    """The value of the `Signature` header: quoted parameters, `rsa-sha256`, which every peer takes."""
    signature = b64encode(key.sign(message)).decode("ascii")
    return f'keyId="{key.id}",algorithm="rsa-sha256",headers="{" ".join(covered)}",signature="{signature}"'
