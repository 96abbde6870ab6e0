"""Collections and their pages (ActivityPub section 5, AS2 section 5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from federation.errors import Malformed
from federation.fields import Json, as_list, first_id, id_of, integer, types
from federation.vocabulary.context import AS2, COLLECTION

_TYPES = frozenset({"Collection", "OrderedCollection", "CollectionPage", "OrderedCollectionPage"})


@dataclass(frozen=True, slots=True)
class CollectionDocument:
    """A collection or one page of it. `items` are IRIs and objects as they came; `first` is a page's IRI or the page
    itself; `next` the IRI of the next page; `total` what it claims to hold in all; `history` the activities that led to
    what is in it (FEP-f228)."""

    id: str | None
    total: int | None
    items: list[Any]
    first: str | Json | None
    next: str | None
    attributed_to: str | None
    history: str | None = None


def read_collection(document: Json) -> CollectionDocument:
    """A collection or page from its JSON. Raises Malformed when it is none. Callers limit items and pages."""
    if _TYPES.isdisjoint(types(document)):
        raise Malformed("not a collection", code="not-a-collection")
    first = document.get("first")
    if isinstance(first, dict) and _TYPES.isdisjoint(types(first)):
        first = id_of(first)  # a Link, or a page that is only named
    items = document.get("orderedItems")
    return CollectionDocument(
        id=id_of(document),
        total=integer(document.get("totalItems")),
        items=[
            one for one in as_list(document.get("items") if items is None else items) if isinstance(one, str | dict)
        ],
        first=first if isinstance(first, str | dict) else None,
        next=first_id(document.get("next")),
        attributed_to=first_id(document.get("attributedTo")),
        history=first_id(document.get("history")) or first_id(document.get("contextHistory")),
    )


def build_collection(
    id: str,
    total: int | None,
    *,
    items: Sequence[Any] | None = None,
    first: str | None = None,
    last: str | None = None,
    ordered: bool = True,
    attributed_to: str | None = None,
    **more: str | None,
) -> Json:
    """A collection, with its items in it or with the IRIs of its pages; `total` None hides how many there are.

    `more` says whose it is (`likesOf`, `outboxOf` ..., FEP-5711) or what it holds (`collectionOf`, `history`).
    """
    told = {name: value for name, value in more.items() if value is not None}
    document: Json = {
        "@context": COLLECTION if told else AS2,
        "id": id,
        "type": "OrderedCollection" if ordered else "Collection",
    }
    optional: Json = {"totalItems": total, "first": first, "last": last, "attributedTo": attributed_to}
    document.update({name: value for name, value in optional.items() if value is not None} | told)
    if items is not None:
        document["orderedItems" if ordered else "items"] = list(items)
    return document


def build_page(
    id: str,
    part_of: str,
    items: Sequence[Any],
    *,
    next: str | None = None,
    prev: str | None = None,
    total: int | None = None,
    ordered: bool = True,
) -> Json:
    """One page of a collection."""
    document: Json = {"@context": AS2, "id": id, "type": "OrderedCollectionPage" if ordered else "CollectionPage"}
    optional: Json = {"partOf": part_of, "totalItems": total, "next": next, "prev": prev}
    document.update({name: value for name, value in optional.items() if value is not None})
    document["orderedItems" if ordered else "items"] = list(items)
    return document
