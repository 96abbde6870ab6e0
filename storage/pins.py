"""Pins: posts that a group (by its moderators) or a person put first: the collection `featured`."""

from dataclasses import dataclass

from sqlalchemy import Column, ForeignKey, Table, delete, select

from storage.metadata import Id, Time, Tx, all_of, columns, insert_new, metadata

pins = Table(
    "pins",
    metadata,
    Column("owner_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("post_id", Id, ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("created_at", Time, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Pin:
    """A row of `pins`; `owner_id` is a group or a person."""

    owner_id: int
    post_id: int
    created_at: int


_ROW = columns(pins, Pin)


def insert(tx: Tx, pin: Pin) -> bool:
    """Pin a post; False when it was pinned there already."""
    return insert_new(tx, pins, {column.name: getattr(pin, column.name) for column in _ROW}) == 1


def remove(tx: Tx, owner_id: int, post_id: int) -> bool:
    """Take a pin away; whether there was one."""
    return tx.execute(delete(pins).where(pins.c.owner_id == owner_id, pins.c.post_id == post_id)).rowcount > 0


def of(tx: Tx, owner_id: int) -> list[Pin]:
    """What is pinned by a group or person, last pinned first."""
    query = select(*_ROW).where(pins.c.owner_id == owner_id)
    return all_of(tx, query.order_by(pins.c.created_at.desc(), pins.c.post_id.desc()), Pin)


def among(tx: Tx, owner_ids: set[int], post_ids: list[int]) -> set[int]:
    """Which of these posts one of these owners pinned."""
    if not owner_ids or not post_ids:
        return set()
    return set(tx.scalars(select(pins.c.post_id).where(pins.c.owner_id.in_(owner_ids), pins.c.post_id.in_(post_ids))))
