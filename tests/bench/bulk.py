"""Write a `tests.bench.crowd.Crowd` into a database, in minutes where single statements would take hours.

SQLite: plain inserts in one transaction. PostgreSQL: COPY, foreign keys not asked. On both indexes are made at the end.
"""

import sqlite3
from collections.abc import Iterator
from itertools import islice
from typing import Any

import psycopg

from storage.indexed import Document, _vector
from storage.partitions import FILL
from storage.words import parts_of
from tests.bench.crowd import Crowd, Row

_BATCH = 10_000
_UNIQUE = """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE contype = 'u' AND connamespace = current_schema()::regnamespace"""
_INDEXES = """SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class ON oid = indexrelid
    WHERE relnamespace = current_schema()::regnamespace AND NOT relispartition
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)"""
"""What PostgreSQL has beside the keys of its tables: (table, name, definition), (name, statement)."""


def fill(url: str, crowd: Crowd) -> None:
    """Write all rows of `crowd` into the database at `url`, which has all tables and nothing in them."""
    if url.startswith("sqlite:///"):
        _fill_sqlite(url.removeprefix("sqlite:///"), crowd)
    else:
        _fill_postgresql(url, crowd)


def _fill_sqlite(path: str, crowd: Crowd) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("synchronous=OFF", "foreign_keys=OFF", "cache_size=-1000000", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("BEGIN")
    made = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    indexes = connection.execute(made).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    for filled in crowd.tables():
        places = ", ".join("?" * len(filled.columns))
        names = ", ".join(f'"{name}"' for name in filled.columns)
        statement = f"INSERT INTO {filled.table} ({names}) VALUES ({places})"
        connection.executemany(statement, filled.rows)
    connection.executemany(
        "INSERT INTO searches (rowid, words, parts, marks) VALUES (?, ?, ?, ?)",
        ((post, " ".join(found.words), " ".join(found.parts), " ".join(found.marks)) for post, found in texts(crowd)),
    )
    for _, statement in indexes:
        connection.execute(statement)
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _fill_postgresql(url: str, crowd: Crowd) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        # Foreign keys are not asked, and what would be lost is filled in anew.
        for setting in (
            "session_replication_role = replica",
            "maintenance_work_mem = '512MB'",
            "synchronous_commit = off",
        ):
            connection.execute(f"SET {setting}".encode())
        with connection.transaction():
            again = _without_indexes(connection)
            for filled in crowd.tables():
                _copy(connection, filled.table, filled.columns, iter(filled.rows))
            vectors: Iterator[Row] = ((post, _vector(found)) for post, found in texts(crowd))
            _copy(connection, "searches", ("post_id", "document"), vectors)
            connection.execute(FILL.encode())
            for statement in again:
                connection.execute(statement.encode())
        connection.execute(f"SELECT setval(pg_get_serial_sequence('outbox', 'position'), {crowd.sent})".encode())


def _without_indexes(connection: "psycopg.Connection[Any]") -> list[str]:
    """Take away what only looks rows up, and what keeps them unique beside their keys; the statements that make it again."""
    again = []
    for table, name, made in connection.execute(_UNIQUE).fetchall():
        connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}".encode())
        again.append(f"ALTER TABLE {table} ADD CONSTRAINT {name} {made}")
    for name, made in connection.execute(_INDEXES).fetchall():
        connection.execute(f"DROP INDEX {name}".encode())
        again.append(made.replace(" ON ONLY ", " ON "))  # of a table of partitions, on all of them
    return again


def _copy(connection: "psycopg.Connection[Any]", table: str, columns: tuple[str, ...], given: Iterator[Row]) -> None:
    names = ", ".join(f'"{name}"' for name in columns)
    statement = f"COPY {table} ({names}) FROM STDIN".encode()
    while batch := list(islice(given, _BATCH * 10)):
        with connection.cursor().copy(statement) as copying:
            for row in batch:
                copying.write_row(row)


def texts(crowd: Crowd) -> Iterator[tuple[int, Document]]:
    """(post id, what is indexed of it) of each post that is there: as `storage.indexed.document` makes it, from the words."""
    parts: dict[str, list[str]] = {}
    for number in range(crowd.posts):
        words = crowd.said(number)
        later: dict[str, None] = {}
        for word in words:
            if word not in parts:
                parts[word] = parts_of(word)
            later.update(dict.fromkeys(parts[word]))
            if word.startswith("nr"):
                del parts[word]
        yield crowd.post_id(number), Document(words, list(later), ["image", "media"] if number % 10 == 0 else [])
