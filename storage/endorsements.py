"""Endorsements: whom a person features on their profile; and suggestions that they do not want to see again."""

from sqlalchemy import Column, ForeignKey, Index, Table

from storage.metadata import Id, Time, id_column, metadata

endorsements = Table(
    "endorsements",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", Time, nullable=False),
    Index("uq_endorsements_pair", "person_id", "actor_id", unique=True),
)

dismissed_suggestions = Table(
    "dismissed_suggestions",
    metadata,
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
)
