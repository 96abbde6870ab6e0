"""Conversations: a person's direct messages, one row for each thread and circle of people, with its last post."""

from dataclasses import dataclass

from sqlalchemy import Boolean, Column, ForeignKey, Index, Table, Text

from storage.metadata import Id, id_column, metadata

conversations = Table(
    "conversations",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("root_id", Id, nullable=False),  # the first post of the thread
    Column("circle", Text, nullable=False),  # the ids of the others in it, ascending, with commas between
    Column("last_post_id", Id, ForeignKey("posts.id", ondelete="CASCADE"), nullable=False),
    Column("unread", Boolean, nullable=False),
    Index("uq_conversations_circle", "person_id", "root_id", "circle", unique=True),
    Index("ix_conversations_last", "person_id", "last_post_id"),
    Index("ix_conversations_last_post_id", "last_post_id"),
)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A row of `conversations`."""

    id: int
    person_id: int
    root_id: int
    circle: str
    last_post_id: int
    unread: bool
