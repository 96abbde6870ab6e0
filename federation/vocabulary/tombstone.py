"""Tombstones."""
from federation.fields import Json

def build_tombstone(id: str, former_type: str | None, deleted: int) -> Json:
    raise NotImplementedError

def is_tombstone(document: Json) -> bool:
    raise NotImplementedError
