"""Collections."""
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from federation.fields import Json

@dataclass(frozen=True, slots=True)
class CollectionDocument:
    """`items`: IRIs and objects as they came; `first`, `next`: IRI of a page, or an embedded page."""
    id: str | None
    total: int | None
    items: list[Any]
    first: str | Json | None
    next: str | None
    attributed_to: str | None

def read_collection(document: Json) -> CollectionDocument:
    raise NotImplementedError

def build_collection(id: str, total: int | None, *, items: Sequence[Any] | None = None, first: str | None = None, last: str | None = None, ordered: bool = True, attributed_to: str | None = None) -> Json:
    raise NotImplementedError

def build_page(id: str, part_of: str, items: Sequence[Any], *, next: str | None = None, prev: str | None = None, total: int | None = None, ordered: bool = True) -> Json:
    raise NotImplementedError
