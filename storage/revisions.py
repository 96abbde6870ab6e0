"""Revisions: what posts said before their edits."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Boolean, Column, ForeignKey, Table, Text, insert, select

from storage.metadata import Id, Json, Time, Tx, all_of, columns, id_column, metadata

revisions = Table(
    "revisions",
    metadata,
    id_column(),
    Column("post_id", Id, ForeignKey("posts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("title", Text),
    Column("content", Text, nullable=False),
    Column("summary", Text),
    Column("sensitive", Boolean, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("attachments", Json, nullable=False, server_default="[]"),  # as those of `posts`
    Column("poll", Json),  # [title of an option]
)


@dataclass(frozen=True, slots=True)
class Revision:
    """A row of `revisions`: what a post said before an edit."""

    id: int
    post_id: int
    title: str | None
    content: str
    summary: str | None
    sensitive: bool
    created_at: int
    attachments: list[dict[str, Any]] = field(default_factory=list)
    poll: list[str] | None = None


_REVISION = columns(revisions, Revision)


def add(tx: Tx, revision: Revision) -> None:
    """Keep what a post said before an edit."""
    tx.execute(insert(revisions).values({column.name: getattr(revision, column.name) for column in _REVISION}))


def of_post(tx: Tx, post_id: int) -> list[Revision]:
    """What a post said before its edits, oldest first."""
    return all_of(tx, select(*_REVISION).where(revisions.c.post_id == post_id).order_by(revisions.c.id), Revision)
