"""The directory that this instance publishes for others, if it does: which institutions are in it, and how it was signed last."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, Table, Text, delete, select

from storage.metadata import Json, Time, Tx, columns, insert_new, metadata, one_of, set_columns

publications = Table(
    "publications",
    metadata,
    Column("name", Text, primary_key=True),
    Column("entities", Json, nullable=False),  # [entity as `federation.peering.directory` has it]
    Column("sequence", BigInteger, nullable=False),  # one more at each signing
    Column("body", Text, nullable=False),  # the JWS as it is served
    Column("signed_at", Time, nullable=False),
    Column("expires_at", Time, nullable=False),
)

NAME = "directory"
"""The one that there is."""


@dataclass(frozen=True, slots=True)
class Publication:
    """A row of `publications`; times in ms."""

    name: str
    entities: list[dict[str, Any]]
    sequence: int
    body: str
    signed_at: int
    expires_at: int


_ROW = columns(publications, Publication)


def find(tx: Tx) -> Publication | None:
    """What is published; None when nothing is."""
    return one_of(tx, select(*_ROW).where(publications.c.name == NAME), Publication)


def save(tx: Tx, row: Publication) -> None:
    """Publish this instead of what was published."""
    values = {column.name: getattr(row, column.name) for column in _ROW}
    if not insert_new(tx, publications, values):
        set_columns(tx, publications, publications.c.name, row.name, values)


def remove(tx: Tx) -> None:
    """Publish nothing any more."""
    tx.execute(delete(publications).where(publications.c.name == NAME))
