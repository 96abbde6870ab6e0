"""Keys: made, read from PEM or Multikey (FEP-521a), and held as objects, as reading one costs more than using it."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)

from federation.errors import Malformed
from federation.hosts import same_origin

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58_VALUES = {character: value for value, character in enumerate(_BASE58)}
_ED25519_PREFIX = b"\xed\x01"
_RSA_PREFIX = b"\x85\x24"
_MAX_TEXT = 8192
_PKCS1V15 = PKCS1v15()
_SHA256 = SHA256()


class KeyPair(NamedTuple):
    """A new key: `private` in PKCS #8 PEM, `public` in SubjectPublicKeyInfo PEM."""

    private: str
    public: str


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A private key that signs, under the id that peers look it up by."""

    id: str
    key: RSAPrivateKey | Ed25519PrivateKey

    @property
    def algorithm(self) -> str:
        """The name of its signatures in RFC 9421."""
        return "rsa-v1_5-sha256" if isinstance(self.key, RSAPrivateKey) else "ed25519"

    def sign(self, message: bytes) -> bytes:
        """The signature: RSASSA-PKCS1-v1_5 over SHA-256, or Ed25519."""
        if isinstance(self.key, RSAPrivateKey):
            return self.key.sign(message, _PKCS1V15, _SHA256)
        return self.key.sign(message)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key, under its id, with the IRI of the actor whose document lists it."""

    id: str
    owner: str
    key: RSAPublicKey | Ed25519PublicKey
    algorithm: str = field(init=False)
    """The name of its signatures in RFC 9421."""
    of_its_owner: bool = field(init=False)
    """Whether the key is of the origin of its owner, as every key must be (FEP-fe34)."""

    def __post_init__(self) -> None:
        # Worked out once: a key proves thousands of activities.
        rsa = isinstance(self.key, RSAPublicKey)
        object.__setattr__(self, "algorithm", "rsa-v1_5-sha256" if rsa else "ed25519")
        object.__setattr__(self, "of_its_owner", same_origin(self.id, self.owner))

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Whether this is the key's signature of the message."""
        key: Any = self.key
        try:
            if self.algorithm == "ed25519":
                key.verify(signature, message)
            else:
                key.verify(signature, message, _PKCS1V15, _SHA256)
        except InvalidSignature:
            return False
        return True


def generate_rsa() -> KeyPair:
    """A new RSA-2048 key: the one kind that every peer reads."""
    return _pair(generate_private_key(public_exponent=65537, key_size=2048))


def generate_ed25519() -> KeyPair:
    """A new Ed25519 key, for integrity proofs (FEP-8b32)."""
    return _pair(Ed25519PrivateKey.generate())


def _pair(key: RSAPrivateKey | Ed25519PrivateKey) -> KeyPair:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return KeyPair(private.decode("ascii"), public.decode("ascii"))


def load_private(pem: str, key_id: str) -> PrivateKey:
    """A private key that we made and stored ourselves. Raises ValueError when it is none of our two kinds.

    The validity of RSA keys is not checked again: OpenSSL takes 40 ms for it, two thousand times what loading takes.
    """
    key = load_pem_private_key(pem.encode("ascii"), None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise ValueError(f"{key_id} is neither an RSA nor an Ed25519 key")  # noqa: TRY004  it is the text that is wrong
    return PrivateKey(key_id, key)


def load_public(text: str, key_id: str, owner: str) -> PublicKey:
    """A peer's public key from PEM (either header, any line ends) or Multikey (`z...`).

    RSA of 2048 to 8192 bits with a usual exponent (bigger ones are a way to burn our time) and Ed25519 are taken.
    Raises Malformed for all else.
    """
    text = text.strip()
    if len(text) > _MAX_TEXT:
        raise Malformed(f"the key {key_id[:200]} is too long", code="bad-key")
    try:
        if text.startswith("z"):
            key = _from_multikey(text)
        else:
            loaded = load_pem_public_key(text.replace("\\n", "\n").encode("ascii"))
            key = loaded if isinstance(loaded, RSAPublicKey | Ed25519PublicKey) else None
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Malformed(f"the key {key_id[:200]} can't be read: {error}", code="bad-key") from error
    if key is None:
        raise Malformed(f"the key {key_id[:200]} is neither RSA nor Ed25519", code="bad-key")
    if isinstance(key, RSAPublicKey) and not (2048 <= key.key_size <= 8192 and key.public_numbers().e < 2**32):
        raise Malformed(f"the key {key_id[:200]} has {key.key_size} bits", code="bad-key")
    return PublicKey(key_id, owner, key)


def _from_multikey(text: str) -> RSAPublicKey | Ed25519PublicKey | None:
    data = decode_base58(text[1:])
    if data.startswith(_ED25519_PREFIX):
        return Ed25519PublicKey.from_public_bytes(data[2:])
    if data.startswith(_RSA_PREFIX):
        loaded = load_der_public_key(data[2:])
        return loaded if isinstance(loaded, RSAPublicKey) else None
    return None


def encode_multikey(pem: str) -> str:
    """A public key in PEM as Multikey: multibase base58btc of the multicodec prefix and the key (FEP-521a).

    Raises ValueError when it is neither RSA nor Ed25519.
    """
    key = load_pem_public_key(pem.encode("ascii"))
    if isinstance(key, Ed25519PublicKey):
        return "z" + encode_base58(_ED25519_PREFIX + key.public_bytes(Encoding.Raw, PublicFormat.Raw))
    if isinstance(key, RSAPublicKey):
        return "z" + encode_base58(_RSA_PREFIX + key.public_bytes(Encoding.DER, PublicFormat.PKCS1))
    raise ValueError("neither an RSA nor an Ed25519 key")


def encode_base58(data: bytes) -> str:
    """Bytes in Bitcoin's base58."""
    number = int.from_bytes(data, "big")
    characters: list[str] = []
    while number:
        number, rest = divmod(number, 58)
        characters.append(_BASE58[rest])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "1" * zeros + "".join(reversed(characters))


def decode_base58(text: str) -> bytes:
    """Bytes of a base58 text. Raises ValueError for other characters and beyond 2048 of them."""
    if len(text) > 2048:
        raise ValueError("too long")
    number = 0
    for character in text:
        value = _BASE58_VALUES.get(character)
        if value is None:
            raise ValueError(f"not base58: {character!r}")
        number = number * 58 + value
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")
