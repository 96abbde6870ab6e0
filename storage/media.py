"""Media: files that people of this instance uploaded, from the moment they arrive until their post is gone."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    delete,
    select,
    update,
)

from storage.metadata import (
    Id,
    Json,
    Time,
    Tx,
    all_of,
    columns,
    id_column,
    insert_new,
    metadata,
    one_of,
    set_columns,
)

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
    Column("loose_since", Time),  # since when nothing shows it; after a day it goes
    Index("ix_media_person_id", "person_id", "id"),
    Index("ix_media_post_id", "post_id"),
    Index("ix_media_loose_since", "loose_since"),
    Index("ix_media_file", "file", unique=True),
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
    loose_since: int | None


_ROW = columns(media, Medium)
# None of these is asked often (what posts show is in the posts), so none is prepared (`storage.prepared`), which
# PostgreSQL's floats would not let one do.


def insert(tx: Tx, medium: Medium) -> None:
    """Add a medium."""
    insert_new(tx, media, {column.name: getattr(medium, column.name) for column in _ROW})


def by_id(tx: Tx, medium_id: int) -> Medium | None:
    """The medium with this id."""
    return one_of(tx, select(*_ROW).where(media.c.id == medium_id), Medium)


def by_ids(tx: Tx, ids: Collection[int]) -> dict[int, Medium]:
    """The media of these ids, by id."""
    if not ids:
        return {}
    return {one.id: one for one in all_of(tx, select(*_ROW).where(media.c.id.in_(list(ids))), Medium)}


def of_post(tx: Tx, post_id: int) -> list[Medium]:
    """The media that a post shows, or showed before an edit; oldest first."""
    return all_of(tx, select(*_ROW).where(media.c.post_id == post_id).order_by(media.c.id), Medium)


def of_scheduled(tx: Tx, scheduled_id: int) -> list[Medium]:
    """The media of a post that is to be published later; oldest first."""
    return all_of(tx, select(*_ROW).where(media.c.scheduled_id == scheduled_id).order_by(media.c.id), Medium)


def of_person(tx: Tx, person_id: int, limit: int = 1000) -> list[Medium]:
    """What a person uploaded, oldest first."""
    return all_of(tx, select(*_ROW).where(media.c.person_id == person_id).order_by(media.c.id).limit(limit), Medium)


def faces(tx: Tx, person_id: int, purpose: str) -> list[Medium]:
    """The pictures that a profile shows: its `avatar`, or its `header`; one, or none."""
    mine = (media.c.person_id == person_id) & (media.c.purpose == purpose) & media.c.loose_since.is_(None)
    return all_of(tx, select(*_ROW).where(mine).order_by(media.c.id), Medium)


def loose(tx: Tx, before: int, limit: int = 1000) -> list[Medium]:
    """Media that nothing shows since before this time (ms), the longest first."""
    query = select(*_ROW).where(media.c.loose_since < before).order_by(media.c.loose_since).limit(limit)
    return all_of(tx, query, Medium)


def known_files(tx: Tx, files: Collection[str]) -> set[str]:
    """Those of these `file`s that a medium has."""
    return set(tx.scalars(select(media.c.file).where(media.c.file.in_(list(files))))) if files else set()


def change(tx: Tx, medium_id: int, **values: Any) -> None:
    """Set columns of a medium."""
    set_columns(tx, media, media.c.id, medium_id, values)


def give(tx: Tx, ids: Collection[int], post_id: int) -> int:
    """Let a post show these media, of those that no post and no scheduled one has; how many these were."""
    if not ids:
        return 0
    free = media.c.id.in_(list(ids)) & media.c.post_id.is_(None) & media.c.scheduled_id.is_(None)
    return tx.execute(update(media).where(free).values(post_id=post_id, loose_since=None)).rowcount


def hold(tx: Tx, ids: Collection[int], scheduled_id: int) -> int:
    """Keep these media for a post that is published later, of those that nothing has; how many these were."""
    if not ids:
        return 0
    free = media.c.id.in_(list(ids)) & media.c.post_id.is_(None) & media.c.scheduled_id.is_(None)
    return tx.execute(update(media).where(free).values(scheduled_id=scheduled_id, loose_since=None)).rowcount


def remove(tx: Tx, ids: Collection[int]) -> None:
    """Forget these media; their files are the caller's business."""
    if ids:
        tx.execute(delete(media).where(media.c.id.in_(list(ids))))
