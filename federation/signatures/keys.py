"""Keys."""
from dataclasses import dataclass
from typing import Literal, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

Kind = Literal["rsa", "ed25519"]

class KeyPair(NamedTuple):
    private: str
    public: str

@dataclass(frozen=True, slots=True)
class PrivateKey:
    id: str
    key: RSAPrivateKey | Ed25519PrivateKey
    def sign(self, message: bytes) -> bytes:
        raise NotImplementedError

@dataclass(frozen=True, slots=True)
class PublicKey:
    id: str
    owner: str
    key: RSAPublicKey | Ed25519PublicKey
    def verify(self, signature: bytes, message: bytes) -> bool:
        raise NotImplementedError

def generate_rsa() -> KeyPair:
    raise NotImplementedError

def generate_ed25519() -> KeyPair:
    raise NotImplementedError

def load_private(pem: str, key_id: str) -> PrivateKey:
    raise NotImplementedError

def load_public(text: str, key_id: str, owner: str) -> PublicKey:
    raise NotImplementedError

def encode_multikey(pem: str) -> str:
    raise NotImplementedError
