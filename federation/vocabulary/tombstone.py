"""Tombstones: what is left of a deleted object (ActivityStreams vocabulary, FEP-4f05)."""

from federation.fields import Json, timestamp, types
from federation.vocabulary.context import AS2


def build_tombstone(id: str, former_type: str | None, deleted: int) -> Json:
    """A Tombstone; `deleted` in ms. Served with 200 it can be undone, with 410 it can't (FEP-4f05)."""
    document: Json = {"@context": AS2, "id": id, "type": "Tombstone", "deleted": timestamp(deleted)}
    if former_type is not None:
        document["formerType"] = former_type
    return document


def is_tombstone(document: Json) -> bool:
    """Whether a document is a Tombstone."""
    return "Tombstone" in types(document)
