"""What the software behind an actor says that it can do (FEP-844e): `generator.implements`."""

from federation.fields import Json, as_objects, ids

RFC9421 = "https://datatracker.ietf.org/doc/html/rfc9421"
RFC9421_ED25519 = f"{RFC9421}#name-eddsa-using-curve-edwards25"
PEERING = "https://w3id.org/fedi/peering/v1"

IMPLEMENTS = [
    {"name": "RFC-9421: HTTP Message Signatures", "href": RFC9421},
    {"name": "RFC-9421 signatures using the Ed25519 algorithm", "href": RFC9421_ED25519},
    {"name": "Agreements between institutions", "href": PEERING},
]
"""What we say of ourselves."""


def reads_ed25519(document: Json) -> bool | None:
    """Whether the software of an actor says that it reads RFC 9421's signatures by Ed25519 keys; None when it says nothing
    of what it can do, as most do."""
    said = [name for one in as_objects(document.get("generator")) for name in ids(one.get("implements"))]
    return RFC9421_ED25519 in said if said else None
