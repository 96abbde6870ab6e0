"""Followers synchronised between servers (FEP-8fcf): the digest of who follows, and the header that carries it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from federation.errors import Malformed

HEADER = "collection-synchronization"
"""The header's name, in lower case. It counts only where the request's signature covers it."""

_MAX = 4096
_PARAMETER = re.compile(r'\s*([A-Za-z]+)="([^"\\]*)"\s*(?:,|$)')
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Synchronisation:
    """What a sender says of its followers at the receiver's host: `collection` is its followers collection, `url` where
    that part of it can be read, `digest` the digest of that part, 64 hexadecimal digits."""

    collection: str
    url: str
    digest: str


def digest_of(followers: Iterable[str]) -> str:
    """The digest of a set of followers by their ids: the SHA-256 of each, XORed; in hexadecimal."""
    found = 0
    for one in set(followers):
        found ^= int.from_bytes(sha256(one.encode()).digest(), "big")
    return f"{found:064x}"


def build_header(told: Synchronisation) -> str:
    """The header's value."""
    return f'collectionId="{told.collection}", url="{told.url}", digest="{told.digest}"'


def read_header(value: str) -> Synchronisation:
    """What a header's value says. Raises Malformed."""
    if len(value) > _MAX:
        raise Malformed("a Collection-Synchronization header that is too long")
    found: dict[str, str] = {}
    at = 0
    while at < len(value):
        match = _PARAMETER.match(value, at)
        if match is None:
            raise Malformed("a Collection-Synchronization header that can't be read")
        found.setdefault(match[1].lower(), match[2])
        at = match.end()
    collection, url, digest = found.get("collectionid"), found.get("url"), found.get("digest", "").lower()
    if not collection or not url or _DIGEST.fullmatch(digest) is None:
        raise Malformed("a Collection-Synchronization header without collectionId, url or digest")
    return Synchronisation(collection, url, digest)
