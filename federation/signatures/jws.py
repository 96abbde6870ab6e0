"""Signed JSON for many readers (JWS, RFC 7515): directories of institutions and OpenID Federation's statements.

Keys are pinned or come from what a pinned key signed. The algorithm is one that fits the key, never what the header says
alone; headers that must be understood (`crit`) and keys that a header brings or points to are not.
"""

import base64
import hashlib
import warnings
from typing import Any

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from federation.errors import BadSignature, Malformed, TooLarge
from federation.fields import Json, as_list, as_objects
from federation.parse import parse_document
from federation.peering.agreement import fingerprint as fingerprint_of_multikey
from federation.signatures.keys import PrivateKey, decode_base58, encode_base58

MAX_KEYS = 20
ALGORITHMS = {
    "OKP": ("Ed25519", "EdDSA"),
    "EC": ("ES256", "ES384", "ES512"),
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
}
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_HEADER = 16_384
"""Characters of a header that are read."""
_NO_JWS = "not a compact JWS (three parts with points between them)"
_ED25519 = b"\xed\x01"


class _Unfit(Exception):
    """A key that can't be used, or a signature that does not fit it."""


def sign(payload: Json, key: PrivateKey, kind: str, *, brings: bool = False) -> str:
    """A compact JWS of a JSON object by an Ed25519 key, with `kind` as its `typ`; with its public key in the header, if it
    `brings` it, for who compares fingerprints."""
    from joserfc import jws  # late: a server that meets no directory needs none of it
    from joserfc.jwk import OKPKey

    raw: Any = key.key
    public = jwk_of(raw.public_key())
    private = OKPKey.import_key(public | {"d": _encode(raw.private_bytes_raw())})
    header = {"alg": "Ed25519", "kid": thumbprint(public), "typ": kind} | ({"jwk": public} if brings else {})
    return jws.serialize_compact(header, msgspec.json.encode(payload), private, algorithms=["Ed25519"])


def verify(token: bytes, keys: list[Json], kind: str | None, *, limit: int) -> Json:
    """The payload of a compact JWS of at most `limit` bytes that one of `keys` (JWK) made, with this `typ`, or (None) with any.

    Raises TooLarge, Malformed, or BadSignature: code `wrong-key` when it is by another key.
    """
    if len(token) > limit:
        raise TooLarge(f"a signed file of more than {limit // 1024} KiB")
    try:
        text = token.strip().decode("ascii")
    except ValueError as problem:
        raise Malformed(_NO_JWS, code="bad-jws") from problem
    head = _head(text.partition(".")[0])
    if text.count(".") != 2:
        raise Malformed(_NO_JWS, code="bad-jws")
    if kind is not None and head.get("typ") != kind:
        raise Malformed(f"a JWS of type {str(head.get('typ'))[:60]!r}, where {kind!r} is wanted", code="bad-jws")
    if "crit" in head:
        raise Malformed("a JWS with headers that are not known here (crit)", code="bad-jws")
    for known in [one for one in keys if head.get("kid") in (None, one.get("kid"), thumbprint(one))]:
        allowed = ALGORITHMS.get(str(known.get("kty")), ())
        if head.get("alg") not in allowed:
            continue
        try:
            payload = _proven(text, known, allowed)
        except _Unfit:
            continue
        return parse_document(payload)
    raise BadSignature(
        f"it is not signed by a key that was pinned, but by {str(head.get('kid'))[:100]!r}", code="wrong-key"
    )


def _proven(text: str, known: Json, allowed: tuple[str, ...]) -> bytes:
    """The payload of a JWS that this key made by one of these algorithms. Raises _Unfit."""
    from joserfc import jws
    from joserfc.errors import JoseError, SecurityWarning

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # `EdDSA` is what most issuers still write
            return jws.deserialize_compact(text, _key(known), algorithms=list(allowed)).payload
    except (JoseError, ValueError, TypeError) as problem:
        raise _Unfit(str(problem)) from problem


def brought_key(token: bytes) -> Json:
    """The public key that a JWS brings in its header, for who compares its fingerprint before it is pinned. Raises Malformed."""
    head = _head(token[: _HEADER + 1].decode("latin-1").strip().partition(".")[0])
    if not isinstance(head.get("jwk"), dict):
        raise Malformed("it brings no key whose fingerprint could be compared; give its keys as a file", code="no-key")
    return read_keys(head["jwk"])[0]


def _head(text: str) -> Json:
    """The header of a JWS. Raises Malformed."""
    try:
        head = msgspec.json.decode(_decode(text)) if len(text) <= _HEADER else None
    except (ValueError, msgspec.DecodeError, RecursionError) as problem:
        raise Malformed(_NO_JWS, code="bad-jws") from problem
    if not isinstance(head, dict):
        raise Malformed(_NO_JWS, code="bad-jws")
    return head


def read_keys(value: object) -> list[Json]:
    """The public keys of a JWK set, or a single JWK, that can be used here. Raises Malformed when there is none.

    RSA of 2048 to 8192 bits, P-256, P-384, P-521 and Ed25519. Private parts are refused: a file with them is not for us.
    """
    given = as_objects(value.get("keys")) if isinstance(value, dict) and "keys" in value else as_objects(as_list(value))
    found = []
    for one in given[:MAX_KEYS]:
        if not _PRIVATE.isdisjoint(one):
            raise Malformed("this is a private key; give the public one", code="bad-key")
        if one.get("use") not in (None, "sig"):
            continue
        try:
            public = _key(one).public_key
        except _Unfit:
            continue
        if isinstance(public, RSAPublicKey) and not (
            2048 <= public.key_size <= 8192 and public.public_numbers().e < 2**32
        ):
            continue  # weak, or a way to burn our time
        found.append({name: value for name, value in one.items() if isinstance(value, str) and len(value) < 2000})
    if not found:
        raise Malformed(
            "there is no public key that can be used here (RSA, P-256, P-384, P-521, Ed25519)", code="bad-key"
        )
    return found


def _key(jwk: Json) -> Any:
    """A key as joserfc has it. Raises _Unfit."""
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    kind = str(jwk.get("kty"))
    if kind not in ALGORITHMS or (kind == "OKP" and jwk.get("crv") != "Ed25519"):
        raise _Unfit("a key of another kind")
    try:
        key = import_key({name: value for name, value in jwk.items() if name not in ("use", "key_ops", "alg")})
        _ = key.public_key  # read now, so that a point that is on no curve is found
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, UnsupportedAlgorithm) as problem:
        raise _Unfit(str(problem)) from problem
    return key


def jwk_of(key: Ed25519PublicKey) -> Json:
    """An Ed25519 key as JWK."""
    return {"kty": "OKP", "crv": "Ed25519", "x": _encode(key.public_bytes_raw())}


def multikey_of(jwk: Json) -> str | None:
    """An Ed25519 JWK as Multikey; None for other keys."""
    if jwk.get("kty") != "OKP" or jwk.get("crv") != "Ed25519":
        return None
    return "z" + encode_base58(_ED25519 + _decode(str(jwk.get("x"))))


def jwk_of_multikey(multikey: str) -> Json:
    """An Ed25519 Multikey as JWK. Raises Malformed for all else."""
    try:
        data = decode_base58(multikey.removeprefix("z"))
    except ValueError as problem:
        raise Malformed("not a Multikey", code="bad-key") from problem
    if not multikey.startswith("z") or not data.startswith(_ED25519) or len(data) != 34:
        raise Malformed("not a Multikey of Ed25519", code="bad-key")
    return {"kty": "OKP", "crv": "Ed25519", "x": _encode(data[2:])}


def fingerprint(jwk: Json) -> str:
    """What admins compare: of Ed25519 as for Multikeys (`federation.peering.agreement.fingerprint`), of others the SHA-256 of RFC 7638;
    hexadecimal in groups of four."""
    multikey = multikey_of(jwk)
    if multikey is not None:
        return fingerprint_of_multikey(multikey)
    text = _decode(thumbprint(jwk)).hex().upper()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def thumbprint(jwk: Json) -> str:
    """The thumbprint of a key (RFC 7638), base64url."""
    members = {"OKP": ("crv", "kty", "x"), "EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}
    needed = {name: str(jwk.get(name)) for name in members.get(str(jwk.get("kty")), ("kty",))}
    return _encode(hashlib.sha256(msgspec.json.encode(needed, order="sorted")).digest())


def _encode(data: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    """The bytes of a text in base64url. Raises ValueError."""
    return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
