"""HTTP signatures as draft-cavage-http-signatures-12 has them: what nearly every peer sends and understands.

Facts that the draft doesn't tell: `hs2019` means RSA-PKCS1v1.5-SHA256 in practice; Mastodon and GoToSocial also take a
signature that was made without the query; Discourse reads quoted parameters only; Lemmy and PieFed want `algorithm`.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from federation.errors import BadSignature, Malformed
from federation.signatures.keys import PrivateKey

ALGORITHMS = frozenset({"rsa-sha256", "hs2019"})
_PARAMETER = re.compile(r'\s*([A-Za-z]+)\s*=\s*(?:"([^"]*)"|([^",\s]*))\s*(?:,|$)')
_SYNTHETIC = frozenset({"(request-target)", "(created)", "(expires)"})


@dataclass(frozen=True, slots=True)
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
        key_id = found["keyId"]
        signature = b64decode(found["signature"], validate=True)
        created, expires = (float(found[name]) if name in found else None for name in ("created", "expires"))
        covered = tuple(found.get("headers", "date").lower().split())
        return CavageSignature(
            key_id,
            algorithm,
            covered,
            signature,
            None if created is None else int(created),
            None if expires is None else int(expires),
        )
    except KeyError as error:
        raise Malformed(f"no {error.args[0]} in a Signature header", code="malformed-signature") from error
    except (Error, ValueError, OverflowError) as error:
        raise Malformed("a Signature header that can't be read", code="malformed-signature") from error


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
