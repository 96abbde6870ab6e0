"""Scheduled posts: what a person wants published later, with everything that was asked for."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Table, Text

from storage.metadata import Id, Json, Time, id_column, metadata

scheduled = Table(
    "scheduled",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("due_at", Time, nullable=False),
    Column("params", Json, nullable=False),  # as the client API takes them
    Column("media_ids", Json, nullable=False),  # [id]
    Column("app_id", Id),
    Column("idempotency_key", Text),
    Column("created_at", Time, nullable=False),
    Index("ix_scheduled_person_id", "person_id", "id"),
    Index("ix_scheduled_due_at", "due_at"),
)


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A row of `scheduled`; times in ms."""

    id: int
    person_id: int
    due_at: int
    params: dict[str, Any]
    media_ids: list[int]
    app_id: int | None
    idempotency_key: str | None
    created_at: int
