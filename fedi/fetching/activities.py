"""Activities as their own origin has them, or as their actor's proof vouches for them."""

from typing import Any

from federation import fields as wire
from federation.activity import Authentic
from federation.errors import (
    BadSignature,
    MissingSignature,
)
from federation.hosts import host_of
from federation.parse import read_activity
from federation.signatures.integrity import proof_key_id
from federation.signatures.verify import authentic_fetched, authentic_proof
from fedi.context import Site
from fedi.fetching.asking import get, once, permitted
from fedi.fetching.keys import key, rotated_key


async def activity(site: Site, iri: str) -> Authentic:
    """An activity as its own origin serves it. Raises the errors of `federation.errors`."""
    await permitted(site, host_of(iri))
    fetched = await once(site, iri, lambda: get(site, iri))
    return authentic_fetched(fetched.document, fetched.url, fetched.raw)


async def proven(site: Site, inner: dict[str, Any], raw: bytes | None = None) -> Authentic:
    """An activity that somebody passed on, proven by its actor's own proof (FEP-8b32); at most the key is fetched.

    `raw` is its JSON as it came, to be passed on byte for byte.

    Raises MissingSignature when it has none, and the other errors of `federation.errors`.
    """
    key_id = proof_key_id(inner)
    if key_id is None:
        raise MissingSignature("the activity that was passed on has no proof")
    read = read_activity(inner, wire.encode(inner) if raw is None else raw)
    await permitted(site, host_of(key_id))
    found = await key(site, key_id)
    try:
        return authentic_proof(read, found, site.clock())
    except BadSignature:
        rotated = await rotated_key(site, key_id)
        if rotated is None:
            raise
        return authentic_proof(read, rotated, site.clock())
