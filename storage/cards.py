"""Cards: what a page that posts link to says of itself, fetched once for all of them."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Index, Table, Text, bindparam, delete, select, update

from storage.metadata import Json, Time, Tx, all_of, columns, insert_new, metadata, one_of, upsert

cards = Table(
    "cards",
    metadata,
    Column("url", Text, primary_key=True),
    Column("state", Text, nullable=False),  # pending ready failed
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("more", Json, nullable=False),  # {"author_name", "provider_name", "image", "width", "height", "language", …}
    Column("fetched_at", Time),
    Index("ix_cards_fetched_at", "fetched_at"),
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


_ROW = columns(cards, Card)
_BY_URL = select(*_ROW).where(cards.c.url == bindparam("url"))
_BY_URLS = select(*_ROW).where(cards.c.url.in_(bindparam("urls", expanding=True)), cards.c.state == "ready")


def by_url(tx: Tx, url: str) -> Card | None:
    """The card of this page, whatever its state."""
    return one_of(tx, _BY_URL, Card, url=url)


def ready(tx: Tx, urls: Collection[str]) -> dict[str, Card]:
    """The cards of these pages that can be shown, by URL."""
    return {card.url: card for card in all_of(tx, _BY_URLS, Card, urls=list(urls))} if urls else {}


def claim(tx: Tx, url: str, known: Card | None, now: int) -> bool:
    """Whether the page is the caller's to ask, who found `known`; False when somebody else was quicker.

    What is known of it is shown meanwhile; without any it is `pending` from `now` (ms) on.
    """
    if known is None:
        new = {"url": url, "state": "pending", "title": "", "description": "", "more": {}, "fetched_at": now}
        return insert_new(tx, cards, new) == 1
    state = "ready" if known.state == "ready" else "pending"
    same = (cards.c.url == url) & (cards.c.fetched_at == known.fetched_at) & (cards.c.state == known.state)
    return tx.execute(update(cards).where(same).values(fetched_at=now, state=state)).rowcount > 0


def save(tx: Tx, card: Card) -> None:
    """Keep a card instead of what was known of its page."""
    upsert(tx, cards, {column.name: getattr(card, column.name) for column in _ROW}, ("url",))


def forget(tx: Tx, before: int) -> int:
    """Forget what was fetched before this time (ms)."""
    return tx.execute(delete(cards).where(cards.c.fetched_at < before)).rowcount
