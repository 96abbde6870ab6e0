"""Hashtags that a person follows, and those that they feature on their profile. The tags of posts are in `posts`."""

from sqlalchemy import Column, ForeignKey, Index, Table, Text

from storage.metadata import Id, Time, id_column, metadata

followed_tags = Table(
    "followed_tags",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("tag", Text, nullable=False),  # lower case, without #
    Column("created_at", Time, nullable=False),
    Index("uq_followed_tags_pair", "person_id", "tag", unique=True),
    Index("ix_followed_tags_tag", "tag"),
)

featured_tags = Table(
    "featured_tags",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("tag", Text, nullable=False),  # lower case, without #
    Column("name", Text, nullable=False),  # as it was typed
    Column("created_at", Time, nullable=False),
    Index("uq_featured_tags_pair", "person_id", "tag", unique=True),
)
