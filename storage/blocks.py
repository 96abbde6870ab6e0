"""Blocks: who wants to have nothing to do with whom. Both sides may be remote; a ban from a group is a membership."""

from dataclasses import dataclass

from sqlalchemy import Column, ForeignKey, Index, Table, Text, bindparam, delete, select

from storage.actors import actors
from storage.metadata import Id, Time, Tx, all_of, columns, id_column, insert_new, metadata, one_of
from storage.prepared import rows
from storage.timelines import Page, bounded

blocks = Table(
    "blocks",
    metadata,
    id_column(),
    Column("owner_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),  # who blocks
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),  # who is blocked
    Column("iri", Text, nullable=False, unique=True),  # of the Block
    Column("created_at", Time, nullable=False),
    Index("uq_blocks_pair", "owner_id", "actor_id", unique=True),
    Index("ix_blocks_actor_id", "actor_id"),
)


@dataclass(frozen=True, slots=True)
class Block:
    """A row of `blocks`."""

    id: int
    owner_id: int
    actor_id: int
    iri: str
    created_at: int


_ROW = columns(blocks, Block)
_PERSON = bindparam("person", type_=Id())
_OTHERS = bindparam("others", type_=Id(), expanding=True)
_BETWEEN = select(blocks.c.owner_id, blocks.c.actor_id).where(
    ((blocks.c.owner_id == _PERSON) & blocks.c.actor_id.in_(_OTHERS))
    | ((blocks.c.actor_id == _PERSON) & blocks.c.owner_id.in_(_OTHERS))
)
_FIND = select(*_ROW).where(blocks.c.owner_id == bindparam("owner"), blocks.c.actor_id == bindparam("actor"))
_BY_IRI = select(*_ROW).where(blocks.c.iri == bindparam("iri"))


def insert(tx: Tx, block: Block) -> bool:
    """Add a block; False when this one is blocked already, or the IRI is known."""
    return insert_new(tx, blocks, {column.name: getattr(block, column.name) for column in _ROW}) == 1


def find(tx: Tx, owner_id: int, actor_id: int) -> Block | None:
    """The block of `actor_id` by `owner_id`."""
    return one_of(tx, _FIND, Block, owner=owner_id, actor=actor_id)


def by_iri(tx: Tx, iri: str) -> Block | None:
    """The block with this IRI."""
    return one_of(tx, _BY_IRI, Block, iri=iri)


def remove(tx: Tx, block_id: int) -> None:
    """Take a block away."""
    tx.execute(delete(blocks).where(blocks.c.id == block_id))


def between(tx: Tx, actor_id: int, others: list[int]) -> tuple[set[int], set[int]]:
    """(those of `others` whom `actor_id` blocks, those who block `actor_id`)."""
    if not others:
        return set(), set()
    found = rows(tx, _BETWEEN, {"person": actor_id, "others": others})
    return {other for owner, other in found if owner == actor_id}, {
        owner for owner, other in found if owner != actor_id
    }


def of_owner(tx: Tx, owner_id: int, page: Page) -> list[Block]:
    """The blocks of `owner_id`, newest first; the bounds of `page` are ids of blocks."""
    query = select(*_ROW).where(blocks.c.owner_id == owner_id)
    found = all_of(tx, bounded(query, blocks.c.id, page), Block)
    return found[::-1] if page.min_id is not None else found


def local_owners(tx: Tx, actor_id: int) -> list[int]:
    """The people of this instance who block `actor_id`."""
    query = select(blocks.c.owner_id).join(actors, actors.c.id == blocks.c.owner_id)
    return list(tx.scalars(query.where(blocks.c.actor_id == actor_id, actors.c.local).order_by(blocks.c.id)))
