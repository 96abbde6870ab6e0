"""Blocks: who wants to have nothing to do with whom. Both sides may be remote; a ban from a group is a membership."""

from dataclasses import dataclass

from sqlalchemy import Column, ForeignKey, Index, Table, Text, bindparam, select, union

from storage.metadata import Id, Time, Tx, id_column, metadata
from storage.prepared import rows

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


_PERSON = bindparam("person", type_=Id())
_AROUND = union(
    select(blocks.c.actor_id).where(blocks.c.owner_id == _PERSON),
    select(blocks.c.owner_id).where(blocks.c.actor_id == _PERSON),
)


def around(tx: Tx, actor_id: int) -> list[int]:
    """Whom this actor blocks, and who blocks them."""
    return [found[0] for found in rows(tx, _AROUND, {"person": actor_id})]
