"""Domain blocks of persons: servers of which one person wants to see nothing. What the instance blocks is in `peers`."""

from dataclasses import dataclass

from sqlalchemy import Column, ForeignKey, Index, Table, Text, bindparam, delete, func, or_, select

from storage.actors import actors
from storage.follows import follows
from storage.metadata import Id, Time, Tx, all_of, columns, id_column, insert_new, metadata
from storage.prepared import rows
from storage.timelines import Page, bounded

domain_blocks = Table(
    "domain_blocks",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("domain", Text, nullable=False),  # a host, lower case
    Column("created_at", Time, nullable=False),
    Index("uq_domain_blocks_pair", "person_id", "domain", unique=True),
)


@dataclass(frozen=True, slots=True)
class DomainBlock:
    """A row of `domain_blocks`."""

    id: int
    person_id: int
    domain: str
    created_at: int


_ROW = columns(domain_blocks, DomainBlock)
_DOMAINS = select(domain_blocks.c.domain).where(domain_blocks.c.person_id == bindparam("person", type_=Id()))


def of_person(tx: Tx, person_id: int) -> list[str]:
    """The hosts that a person blocks."""
    return [found[0] for found in rows(tx, _DOMAINS, {"person": person_id})]


def insert(tx: Tx, block: DomainBlock) -> bool:
    """Add a block; False when the person blocks this host already."""
    return insert_new(tx, domain_blocks, {column.name: getattr(block, column.name) for column in _ROW}) == 1


def remove(tx: Tx, person_id: int, domain: str) -> bool:
    """Take a block away; whether there was one."""
    gone = delete(domain_blocks).where(domain_blocks.c.person_id == person_id, domain_blocks.c.domain == domain)
    return tx.execute(gone).rowcount > 0


def page_of(tx: Tx, person_id: int, page: Page) -> list[DomainBlock]:
    """The blocks of a person, newest first; the bounds of `page` are ids of blocks."""
    query = select(*_ROW).where(domain_blocks.c.person_id == person_id)
    found = all_of(tx, bounded(query, domain_blocks.c.id, page), DomainBlock)
    return found[::-1] if page.min_id is not None else found


def counts(tx: Tx, person_id: int, domain: str) -> tuple[int, int]:
    """(how many at a host a person follows, how many there follow them)."""
    there = or_(actors.c.host == domain, actors.c.domain == domain)
    accepted = select(func.count()).select_from(follows).where(follows.c.state == "accepted", there)
    out = accepted.join(actors, actors.c.id == follows.c.target_id).where(follows.c.follower_id == person_id)
    back = accepted.join(actors, actors.c.id == follows.c.follower_id).where(follows.c.target_id == person_id)
    return tx.scalar(out) or 0, tx.scalar(back) or 0


def ties(tx: Tx, person_id: int, domain: str, limit: int) -> list[tuple[int, int]]:
    """Up to `limit` (follower, target) between a person and actors at a host, in either direction, requests included."""
    there = or_(actors.c.host == domain, actors.c.domain == domain)
    pair = select(follows.c.follower_id, follows.c.target_id)
    out = pair.join(actors, actors.c.id == follows.c.target_id).where(follows.c.follower_id == person_id, there)
    back = pair.join(actors, actors.c.id == follows.c.follower_id).where(follows.c.target_id == person_id, there)
    found = [(follower, target) for follower, target in tx.execute(out.limit(limit))]
    if len(found) < limit:
        found += [(follower, target) for follower, target in tx.execute(back.limit(limit - len(found)))]
    return found
