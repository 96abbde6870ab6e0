"""Account notes: what a person noted down about another, for their own eyes."""

from sqlalchemy import Column, ForeignKey, Table, Text

from storage.metadata import Id, metadata

account_notes = Table(
    "account_notes",
    metadata,
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("comment", Text, nullable=False),
)
