"""Cards: what a page that posts link to says of itself, fetched once for all of them."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Table, Text

from storage.metadata import Json, Time, metadata

cards = Table(
    "cards",
    metadata,
    Column("url", Text, primary_key=True),
    Column("state", Text, nullable=False),  # pending ready failed
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("more", Json, nullable=False),  # {"author_name", "provider_name", "image", "width", "height", "language", …}
    Column("fetched_at", Time),
)


@dataclass(frozen=True, slots=True)
class Card:
    """A row of `cards`."""

    url: str
    state: str
    title: str
    description: str
    more: dict[str, Any]
    fetched_at: int | None
