"""Domain blocks of persons: servers of which one person wants to see nothing. What the instance blocks is in `peers`."""

from sqlalchemy import Column, ForeignKey, Index, Table, Text, bindparam, select

from storage.metadata import Id, Time, Tx, id_column, metadata
from storage.prepared import rows

domain_blocks = Table(
    "domain_blocks",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("domain", Text, nullable=False),  # a host, lower case
    Column("created_at", Time, nullable=False),
    Index("uq_domain_blocks_pair", "person_id", "domain", unique=True),
)

_DOMAINS = select(domain_blocks.c.domain).where(domain_blocks.c.person_id == bindparam("person", type_=Id()))


def of_person(tx: Tx, person_id: int) -> list[str]:
    """The hosts that a person blocks."""
    return [found[0] for found in rows(tx, _DOMAINS, {"person": person_id})]
