"""The only maker of Authentic."""
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from federation.activity import Activity, Authentic
from federation.fields import Json
from federation.signatures.keys import PublicKey

Headers = Mapping[str, str] | Iterable[tuple[bytes, bytes]]

@dataclass(frozen=True, slots=True)
class Claim:
    key_id: str
    scheme: Literal["cavage", "rfc9421"]
    covered: tuple[str, ...]
    host: str

def signature_of(method: str, target: str, headers: Headers) -> Claim:
    raise NotImplementedError

def verify(claim: Claim, key: PublicKey, body: bytes, now: int, activity: Activity) -> Authentic:
    raise NotImplementedError

def verify_get(claim: Claim, key: PublicKey, now: int) -> str:
    """IRI of the actor who asks (signed GET)."""
    raise NotImplementedError

def authentic_fetched(document: Json, url: str, raw: bytes | None = None) -> Authentic:
    raise NotImplementedError

def authentic_proof(activity: Activity, key: PublicKey, now: int) -> Authentic:
    raise NotImplementedError
