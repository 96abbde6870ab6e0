"""Announcements: what the admins of this instance tell everyone on it, who has read it, and what they think of it."""

from dataclasses import dataclass

from sqlalchemy import Boolean, Column, ForeignKey, Table, Text

from storage.metadata import Id, Time, id_column, metadata

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
