"""Messages that only one user agent can read: RFC 8291 (aes128gcm), and its fourth draft (aesgcm), which Mastodon's older
clients still ask for. Pure; on `cryptography` alone.
"""

import base64
import binascii
import hashlib
import hmac
import os
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

RECORD = 4096
"""Bytes of a message at most: what every push service takes (RFC 8030 section 7.2), and the one record of RFC 8291."""
_TAG = 16
_POINT = 65
_SALT = 16
_HEADER = _SALT + 4 + 1 + _POINT
MOST = RECORD - _HEADER - _TAG - 1
"""Bytes of the text at most: 3993 (RFC 8291 section 4)."""
_STEP = 256
"""Texts are filled up to a multiple of so many bytes, so that their length tells a push service little."""


class BadKey(ValueError):
    """What a client calls its key is none."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """The keys of a subscription: a point on P-256 and a secret of 16 bytes that it shares with us."""

    public: ec.EllipticCurvePublicKey
    point: bytes
    auth: bytes


@dataclass(frozen=True, slots=True)
class Sealed:
    """A message as it goes to a push service: its body, and headers beside those of RFC 8292 (names in lower case)."""

    body: bytes
    headers: dict[str, str]


def encode(raw: bytes) -> str:
    """base64url without padding, as all of Web Push writes bytes."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The bytes of base64url or base64, with padding or not, as clients differ. Raises BadKey."""
    plain = text.strip().rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as problem:
        raise BadKey("not base64url") from problem


def receiver(p256dh: str, auth: str) -> Receiver:
    """The keys that a client gave. Raises BadKey for what is no uncompressed point on P-256, or no secret of 16 bytes."""
    point, secret = decode(p256dh), decode(auth)
    if len(point) != _POINT or point[0] != 4:
        raise BadKey("not an uncompressed point of 65 bytes")
    if len(secret) != 16:
        raise BadKey("not a secret of 16 bytes")
    try:
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError as problem:
        raise BadKey("not a point on P-256") from problem
    return Receiver(public, point, secret)


def point_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public key of `key` as an uncompressed point."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def seal(
    text: bytes,
    to: Receiver,
    *,
    sender: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
    padding: int | None = None,
) -> Sealed:
    """A message by RFC 8291. `sender` and `salt` are made anew for each, but where a test gives them; `padding` is bytes
    of zeros, by default up to the next multiple of 256.

    Raises ValueError for a text over `MOST` bytes.
    """
    sender, salt = sender or ec.generate_private_key(ec.SECP256R1()), salt or os.urandom(_SALT)
    point = point_of(sender)
    shared = sender.exchange(ec.ECDH(), to.public)
    secret = _expand(_extract(to.auth, shared), b"WebPush: info\x00" + to.point + point, 32)
    if padding is None:
        padding = min(-len(text) % _STEP, max(0, MOST - len(text)))
    if len(text) + padding > MOST:
        raise ValueError(f"a message of {len(text)} bytes; there is room for {MOST}")
    body = record(text, secret, salt, point, padding=padding)
    return Sealed(body, {"content-encoding": "aes128gcm"})


def record(
    text: bytes, secret: bytes, salt: bytes, key_id: bytes = b"", *, padding: int = 0, size: int = RECORD
) -> bytes:
    """One last record of RFC 8188 with its header: `secret` is the input keying material, `size` the record size told."""
    pseudorandom = _extract(salt, secret)
    key = _expand(pseudorandom, b"Content-Encoding: aes128gcm\x00", 16)
    nonce = _expand(pseudorandom, b"Content-Encoding: nonce\x00", 12)
    sealed = AESGCM(key).encrypt(nonce, text + b"\x02" + bytes(padding), None)
    return salt + size.to_bytes(4, "big") + bytes([len(key_id)]) + key_id + sealed


def seal_legacy(
    text: bytes,
    to: Receiver,
    *,
    sender: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
    padding: int | None = None,
) -> Sealed:
    """A message by draft-ietf-webpush-encryption-04: salt and key are in headers, the padding stands before the text.

    The header `crypto-key` still lacks our own key (`p256ecdsa`), which `vapid.headers` adds. Raises as `seal`.
    """
    sender, salt = sender or ec.generate_private_key(ec.SECP256R1()), salt or os.urandom(_SALT)
    point = point_of(sender)
    shared = sender.exchange(ec.ECDH(), to.public)
    secret = _expand(_extract(to.auth, shared), b"Content-Encoding: auth\x00", 32)
    context = b"P-256\x00" + b"".join(len(one).to_bytes(2, "big") + one for one in (to.point, point))
    pseudorandom = _extract(salt, secret)
    key = _expand(pseudorandom, b"Content-Encoding: aesgcm\x00" + context, 16)
    nonce = _expand(pseudorandom, b"Content-Encoding: nonce\x00" + context, 12)
    if padding is None:
        padding = min(-len(text) % _STEP, max(0, MOST - len(text)))
    if len(text) + padding > MOST:
        raise ValueError(f"a message of {len(text)} bytes; there is room for {MOST}")
    body = AESGCM(key).encrypt(nonce, padding.to_bytes(2, "big") + bytes(padding) + text, None)
    headers = {
        "content-encoding": "aesgcm",
        "encryption": f"salt={encode(salt)}",
        "crypto-key": f"dh={encode(point)}",
    }
    return Sealed(body, headers)


def _extract(salt: bytes, secret: bytes) -> bytes:
    return hmac.digest(salt, secret, hashlib.sha256)


def _expand(pseudorandom: bytes, info: bytes, length: int) -> bytes:
    return HKDFExpand(SHA256(), length, info).derive(pseudorandom)
