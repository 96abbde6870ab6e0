"""Announcements: what the admins of this instance tell everyone on it, who has read it, and what they think of it."""

from dataclasses import dataclass

from sqlalchemy import Boolean, Column, ForeignKey, Index, Table, Text, and_, delete, func, insert, or_, select

from storage.metadata import Id, Time, Tx, all_of, columns, id_column, insert_new, metadata, one_of, set_columns

announcements = Table(
    "announcements",
    metadata,
    id_column(),
    Column("text", Text, nullable=False),  # as it was typed
    Column("starts_at", Time),  # of what it is about
    Column("ends_at", Time),  # it is shown until then
    Column("all_day", Boolean, nullable=False),
    Column("published_at", Time),  # null: a draft
    Column("updated_at", Time, nullable=False),
    Column("created_at", Time, nullable=False),
)

announcement_reads = Table(
    "announcement_reads",
    metadata,
    Column(
        "announcement_id", Id, ForeignKey("announcements.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    ),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Index("ix_announcement_reads_person_id", "person_id", "announcement_id"),
)

announcement_reactions = Table(
    "announcement_reactions",
    metadata,
    Column(
        "announcement_id", Id, ForeignKey("announcements.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    ),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),  # an emoji
    Column("created_at", Time, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Announcement:
    """A row of `announcements`; times in ms."""

    id: int
    text: str
    starts_at: int | None
    ends_at: int | None
    all_day: bool
    published_at: int | None
    updated_at: int
    created_at: int


@dataclass(frozen=True, slots=True)
class Reaction:
    """How many reacted to an announcement with this emoji, and whether who asks did."""

    name: str
    count: int
    mine: bool


_ROW = columns(announcements, Announcement)


def insert_announcement(tx: Tx, made: Announcement) -> None:
    """Add an announcement."""
    tx.execute(insert(announcements).values({column.name: getattr(made, column.name) for column in _ROW}))


def change(tx: Tx, announcement_id: int, **values: object) -> None:
    """Set columns of an announcement."""
    set_columns(tx, announcements, announcements.c.id, announcement_id, values)


def by_id(tx: Tx, announcement_id: int) -> Announcement | None:
    """The announcement with this id, published or not."""
    return one_of(tx, select(*_ROW).where(announcements.c.id == announcement_id), Announcement)


def everything(tx: Tx) -> list[Announcement]:
    """Every announcement, newest first; drafts and those that are over included."""
    return all_of(tx, select(*_ROW).order_by(announcements.c.id.desc()), Announcement)


def shown(tx: Tx, now: int) -> list[Announcement]:
    """The announcements that are published and not over, oldest first."""
    query = select(*_ROW).where(
        announcements.c.published_at <= now, or_(announcements.c.ends_at.is_(None), announcements.c.ends_at > now)
    )
    return all_of(tx, query.order_by(announcements.c.published_at, announcements.c.id).limit(100), Announcement)


def over(tx: Tx, now: int) -> list[Announcement]:
    """The announcements that are published, and over at `now` ms."""
    query = select(*_ROW).where(announcements.c.published_at.is_not(None), announcements.c.ends_at <= now)
    return all_of(tx, query, Announcement)


def dismissed(tx: Tx, person_id: int) -> frozenset[int]:
    """The announcements that a person has read."""
    query = select(announcement_reads.c.announcement_id).where(announcement_reads.c.person_id == person_id)
    return frozenset(tx.scalars(query))


def dismiss(tx: Tx, announcement_id: int, person_id: int) -> bool:
    """A person has read it; False when that was so."""
    return insert_new(tx, announcement_reads, {"announcement_id": announcement_id, "person_id": person_id}) == 1


def react(tx: Tx, announcement_id: int, person_id: int, name: str, now: int) -> bool:
    """A person reacts with an emoji; False when they did."""
    values = {"announcement_id": announcement_id, "person_id": person_id, "name": name, "created_at": now}
    return insert_new(tx, announcement_reactions, values) == 1


def unreact(tx: Tx, announcement_id: int, person_id: int, name: str) -> bool:
    """That reaction is taken back; False when there was none."""
    made = announcement_reactions.c
    gone = delete(announcement_reactions).where(
        and_(made.announcement_id == announcement_id, made.person_id == person_id, made.name == name)
    )
    return tx.execute(gone).rowcount > 0


def reactions(tx: Tx, announcement_ids: list[int], person_id: int | None) -> dict[int, list[Reaction]]:
    """The reactions to each of these announcements, in the order in which each emoji came first."""
    made = announcement_reactions.c
    mine: set[tuple[int, str]] = set()
    if person_id is not None:
        own = select(made.announcement_id, made.name).where(
            made.person_id == person_id, made.announcement_id.in_(announcement_ids)
        )
        mine = {(row[0], row[1]) for row in tx.execute(own)}
    query = (
        select(made.announcement_id, made.name, func.count())
        .where(made.announcement_id.in_(announcement_ids))
        .group_by(made.announcement_id, made.name)
        .order_by(func.min(made.created_at), made.name)
    )
    found: dict[int, list[Reaction]] = {}
    for announcement_id, name, count in tx.execute(query):
        found.setdefault(announcement_id, []).append(Reaction(name, count, (announcement_id, name) in mine))
    return found
