"""How loud a group is to a person: rows for the groups of which they want to hear little.

That they want to hear of each new thread is not here but on their follow (`storage.follows`, the bell of clients).
"""

from collections.abc import Sequence

from sqlalchemy import Column, ForeignKey, Index, Table, Text, bindparam, delete, select

from storage.metadata import Id, Tx, metadata, upsert
from storage.prepared import rows

volumes = Table(
    "volumes",
    metadata,
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("group_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("level", Text, nullable=False),  # weekly
    Index("ix_volumes_group_id", "group_id"),
)

_OF = select(volumes.c.group_id, volumes.c.level).where(volumes.c.person_id == bindparam("person", type_=Id()))
_AMONG = select(volumes.c.person_id).where(
    volumes.c.group_id == bindparam("group", type_=Id()),
    volumes.c.level == bindparam("level", type_=Text()),
    volumes.c.person_id.in_(bindparam("people", type_=Id(), expanding=True)),
)


def of(tx: Tx, person_id: int) -> dict[int, str]:
    """The levels that a person chose, by group."""
    return {row[0]: row[1] for row in rows(tx, _OF, {"person": person_id})}


def among(tx: Tx, group_id: int, people: Sequence[int], level: str) -> frozenset[int]:
    """Who of these people chose this level for a group."""
    if not people:
        return frozenset()
    return frozenset(row[0] for row in rows(tx, _AMONG, {"group": group_id, "level": level, "people": list(people)}))


def save(tx: Tx, person_id: int, group_id: int, level: str) -> None:
    """Choose a level."""
    upsert(tx, volumes, {"person_id": person_id, "group_id": group_id, "level": level}, ["person_id", "group_id"])


def forget(tx: Tx, person_id: int, group_id: int) -> None:
    """Choose nothing: as it is for everybody."""
    tx.execute(delete(volumes).where(volumes.c.person_id == person_id, volumes.c.group_id == group_id))


def forget_all(tx: Tx, person_id: int) -> None:
    """Forget what a person chose."""
    tx.execute(delete(volumes).where(volumes.c.person_id == person_id))
