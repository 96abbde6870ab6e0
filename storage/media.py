"""Media: files that people of this instance uploaded, from the moment they arrive until their post is gone."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, Table, Text

from storage.metadata import Id, Json, Time, id_column, metadata

media = Table(
    "media",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("post_id", Id),  # the post that shows it; it is then in `posts.attachments` too
    Column("scheduled_id", Id),  # the scheduled post that will
    Column("purpose", Text, nullable=False),  # post avatar header
    Column("kind", Text, nullable=False),  # image gifv video audio unknown
    Column("state", Text, nullable=False),  # pending ready failed
    Column("problem", Text),  # why it failed, for its owner
    Column("media_type", Text, nullable=False),
    Column("file", Text, nullable=False),  # where it is below the folder of media; nobody can guess it
    Column("preview", Text),  # the same of the smaller picture
    Column("size", BigInteger, nullable=False),  # bytes
    Column("width", Integer),
    Column("height", Integer),
    Column("description", Text),
    Column("focus_x", Float),  # -1 to 1
    Column("focus_y", Float),
    Column("blurhash", Text),
    Column("meta", Json, nullable=False),  # as clients get it, without focus
    Column("created_at", Time, nullable=False),
    Index("ix_media_person_id", "person_id", "id"),
    Index("ix_media_post_id", "post_id"),
)


@dataclass(frozen=True, slots=True)
class Medium:
    """A row of `media`; `file` and `preview` are paths below the folder of media."""

    id: int
    person_id: int
    post_id: int | None
    scheduled_id: int | None
    purpose: str
    kind: str
    state: str
    problem: str | None
    media_type: str
    file: str
    preview: str | None
    size: int
    width: int | None
    height: int | None
    description: str | None
    focus_x: float | None
    focus_y: float | None
    blurhash: str | None
    meta: dict[str, Any]
    created_at: int
