"""A browser's half of Web Push, written from the RFCs' receiving side: it makes keys and reads what comes."""

import os
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fedi.push.encrypting import decode, encode, point_of


def _derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)


@dataclass(frozen=True, slots=True)
class Browser:
    """A subscription as a browser made it."""

    key: ec.EllipticCurvePrivateKey
    auth: bytes

    @classmethod
    def new(cls) -> "Browser":
        return cls(ec.generate_private_key(ec.SECP256R1()), os.urandom(16))

    @property
    def p256dh(self) -> str:
        return encode(point_of(self.key))

    @property
    def auth_text(self) -> str:
        return encode(self.auth)

    def _shared(self, point: bytes) -> bytes:
        return self.key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point))

    def read(self, body: bytes) -> bytes:
        """The text of a message of RFC 8291; raises when it is none for this browser."""
        salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        point, sealed = body[21 : 21 + length], body[21 + length :]
        assert size >= 18
        assert len(sealed) <= size, "more than one record"
        info = b"WebPush: info\x00" + point_of(self.key) + point
        secret = _derive(self._shared(point), self.auth, info, 32)
        key = _derive(secret, salt, b"Content-Encoding: aes128gcm\x00", 16)
        nonce = _derive(secret, salt, b"Content-Encoding: nonce\x00", 12)
        text = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\x00")
        assert text.endswith(b"\x02"), "not the last record"
        return text[:-1]

    def read_legacy(self, body: bytes, headers: dict[str, str]) -> bytes:
        """The text of a message of the fourth draft."""
        salt = decode(_parameter(headers["encryption"], "salt"))
        point = decode(_parameter(headers["crypto-key"], "dh"))
        secret = _derive(self._shared(point), self.auth, b"Content-Encoding: auth\x00", 32)
        mine = point_of(self.key)
        context = b"P-256\x00" + len(mine).to_bytes(2, "big") + mine + len(point).to_bytes(2, "big") + point
        key = _derive(secret, salt, b"Content-Encoding: aesgcm\x00" + context, 16)
        nonce = _derive(secret, salt, b"Content-Encoding: nonce\x00" + context, 12)
        text = AESGCM(key).decrypt(nonce, body, None)
        padding = int.from_bytes(text[:2], "big")
        assert not any(text[2 : 2 + padding])
        return text[2 + padding :]


def _parameter(header: str, name: str) -> str:
    found = dict(part.strip().split("=", 1) for part in header.split(";"))
    return found[name]
