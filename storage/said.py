"""Said: what was told to listeners, for the other processes that share a SQLite file; PostgreSQL has NOTIFY for it."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from storage.metadata import Time, metadata

said = Table(
    "said",
    metadata,
    Column("position", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("process", Text, nullable=False),  # who said it, and has told its own listeners
    Column("topic", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("created_at", Time, nullable=False, index=True),
    sqlite_autoincrement=True,
)
