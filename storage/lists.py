"""Lists: which of those that a person follows are read in one timeline; a list may be of one group, kept in step with it."""

from dataclasses import dataclass

from sqlalchemy import Boolean, Column, ForeignKey, Index, Table, Text

from storage.metadata import Id, Time, id_column, metadata

lists = Table(
    "lists",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("title", Text, nullable=False),
    Column("replies_policy", Text, nullable=False),  # list followed none
    Column("exclusive", Boolean, nullable=False),  # what is in it is not in home
    Column(
        "group_id", Id, ForeignKey("actors.id", ondelete="CASCADE")
    ),  # made by joining this group, gone by leaving it
    Column("created_at", Time, nullable=False),
    Index("ix_lists_person_id", "person_id", "id"),
)

list_members = Table(
    "list_members",
    metadata,
    id_column(),  # the cursor of the list's accounts
    Column("list_id", Id, ForeignKey("lists.id", ondelete="CASCADE"), nullable=False),
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Index("uq_list_members_pair", "list_id", "actor_id", unique=True),
    Index("ix_list_members_actor_id", "actor_id"),
)


@dataclass(frozen=True, slots=True)
class List:
    """A row of `lists`."""

    id: int
    person_id: int
    title: str
    replies_policy: str
    exclusive: bool
    group_id: int | None
    created_at: int
