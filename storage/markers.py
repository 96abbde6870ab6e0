"""Markers: how far a person has read a timeline, kept in step over their clients."""

from dataclasses import dataclass

from sqlalchemy import Column, ForeignKey, Integer, Table, Text, select, update

from storage.metadata import Id, Time, Tx, all_of, columns, insert_new, metadata

markers = Table(
    "markers",
    metadata,
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("timeline", Text, primary_key=True),  # home notifications
    Column("last_read_id", Id, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_at", Time, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Marker:
    """A row of `markers`."""

    person_id: int
    timeline: str
    last_read_id: int
    version: int
    updated_at: int


_ROW = columns(markers, Marker)


def of_person(tx: Tx, person_id: int) -> dict[str, Marker]:
    """The markers of a person, by timeline."""
    found = all_of(tx, select(*_ROW).where(markers.c.person_id == person_id), Marker)
    return {marker.timeline: marker for marker in found}


def save(
    tx: Tx, person_id: int, timeline: str, last_read_id: int, now: int, version: int | None = None
) -> Marker | None:
    """Move a marker; its version grows by one. None when somebody else moved it meanwhile, or since `version`, if given."""
    known = of_person(tx, person_id).get(timeline)
    if version is not None and version != (known.version if known is not None else 0):
        return None
    made = Marker(person_id, timeline, last_read_id, known.version + 1 if known else 0, now)
    values = {column.name: getattr(made, column.name) for column in _ROW}
    if known is None:
        return made if insert_new(tx, markers, values) else None
    moved = update(markers).where(
        markers.c.person_id == person_id, markers.c.timeline == timeline, markers.c.version == known.version
    )
    changed = tx.execute(moved.values(last_read_id=last_read_id, version=made.version, updated_at=now))
    return made if changed.rowcount else None
