"""An institution as its host describes it: the actor that speaks for it, the key that it signs agreements with, what it runs."""

from dataclasses import dataclass

from federation.errors import FederationError
from federation.fields import Json, as_objects, ids
from federation.peering.agreement import fingerprint
from federation.signatures.keys import load_public
from federation.vocabulary.actor import read_actor
from federation.vocabulary.capabilities import PEERING

SPEAKING = ("Application", "Service", "Organization")
"""Types of actors that can speak for an institution; a person can't."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found at a host. `key` is a Multikey (Ed25519) and `fingerprint` what admins compare of it; None where it has
    none. `speaks`: whether it says that it understands agreements. `instance_actor`: None where no actor speaks for it."""

    host: str
    instance_actor: str | None
    inbox: str | None
    key: str | None
    fingerprint: str | None
    software: str | None
    version: str | None
    speaks: bool


def key_of(document: Json) -> str | None:
    """The Multikey (Ed25519) that an actor's document lists for proofs (FEP-521a); None without one that can be read."""
    try:
        listed = read_actor(document).keys
    except FederationError:
        return None
    for key_id, text in listed:
        try:
            if text.startswith("z") and load_public(text, key_id, key_id).algorithm == "ed25519":
                return text
        except FederationError:
            continue
    return None


def describe(host: str, document: Json | None, software: str | None, version: str | None) -> Found:
    """What the document of a host's own actor says, if there is one. Raises as `read_actor`."""
    if document is None:
        return Found(host, None, None, None, None, software, version, speaks=False)
    read = read_actor(document)
    key = key_of(document)
    said = [name for one in as_objects(document.get("generator")) for name in ids(one.get("implements"))]
    return Found(
        host=host,
        instance_actor=read.id,
        inbox=read.inbox,
        key=key,
        fingerprint=fingerprint(key) if key is not None else None,
        software=software,
        version=version,
        speaks=key is not None and PEERING in said,
    )
