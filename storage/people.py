"""Local persons: what only people of this instance have, beside their row in `storage.actors`."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Table, Text, func, select, update

from storage import digests
from storage.actors import actors
from storage.metadata import Id, Json, Time, Tx, all_of, columns, metadata, one_of

people = Table(
    "people",
    metadata,
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("email", Text, nullable=False, unique=True),  # lower case
    Column("password_hash", Text),  # argon2id; null: cannot log in by password
    Column("role", Text, nullable=False),  # member moderator admin
    Column("affiliation", Text),  # student faculty staff alum
    Column("state", Text, nullable=False),  # active pending (waits for approval) suspended
    Column("settings", Json, nullable=False),  # {"visibility", "sensitive", "language", ...}
    Column("created_at", Time, nullable=False),
    Index("ix_people_role", "role", "actor_id"),
)

ROLES = ("member", "moderator", "admin")
AFFILIATIONS = ("student", "faculty", "staff", "alum")


@dataclass(frozen=True, slots=True)
class Person:
    """A row of `people`."""

    actor_id: int
    email: str
    password_hash: str | None
    role: str
    affiliation: str | None
    state: str
    settings: dict[str, Any]
    created_at: int


_ROW = columns(people, Person)


def insert(tx: Tx, person: Person) -> None:
    """Add a local person, whose actor exists. Raises IntegrityError when the address is taken."""
    tx.execute(people.insert().values({column.name: getattr(person, column.name) for column in _ROW}))


def by_id(tx: Tx, actor_id: int) -> Person | None:
    """The local person whose actor has this id."""
    return one_of(tx, select(*_ROW).where(people.c.actor_id == actor_id), Person)


def by_ids(tx: Tx, ids: list[int]) -> dict[int, Person]:
    """The local persons among these actors, by actor id."""
    if not ids:
        return {}
    found = all_of(tx, select(*_ROW).where(people.c.actor_id.in_(ids)), Person)
    return {person.actor_id: person for person in found}


def by_login(tx: Tx, name: str) -> Person | None:
    """The local person with this e-mail address or username, whatever the case of the letters."""
    wanted = name.strip().lower()
    query = select(*_ROW).where(people.c.email == wanted)
    if "@" not in wanted:
        query = (
            select(*_ROW)
            .join(actors, actors.c.id == people.c.actor_id)
            .where(func.lower(actors.c.username) == wanted, actors.c.local)
        )
    return one_of(tx, query, Person)


def everyone(tx: Tx) -> list[Person]:
    """All local persons, oldest first."""
    return all_of(tx, select(*_ROW).order_by(people.c.actor_id), Person)


def by_role(tx: Tx, role: str) -> list[int]:
    """The actor ids of the active persons with this role, oldest first."""
    query = select(people.c.actor_id).where(people.c.role == role, people.c.state == "active")
    return list(tx.scalars(query.order_by(people.c.actor_id)))


def staff(tx: Tx, ids: list[int]) -> dict[int, str]:
    """The roles of those of these actors who have one beyond `member`, by actor id."""
    if not ids:
        return {}
    query = select(people.c.actor_id, people.c.role).where(people.c.actor_id.in_(ids), people.c.role != "member")
    return {row[0]: row[1] for row in tx.execute(query)}


def change(tx: Tx, actor_id: int, **values: Any) -> None:
    """Set columns of a person. When their digest leaves is reckoned anew where it may follow from that."""
    if "settings" in values or "state" in values:
        digests.touched(tx, actor_id)
    tx.execute(update(people).where(people.c.actor_id == actor_id).values(**values))


def totals(tx: Tx, since: int) -> tuple[int, int]:
    """How many active persons there are, and how many of them posted after `since` ms."""
    active = select(func.count()).select_from(people).where(people.c.state == "active")
    posted = active.join(actors, actors.c.id == people.c.actor_id).where(actors.c.last_post_at >= since)
    return tx.scalar(active) or 0, tx.scalar(posted) or 0
