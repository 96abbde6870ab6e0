"""Speed and scale: what lets the tables grow to millions of rows."""

import re

from alembic import op
from sqlalchemy import Connection, text

revision = "0005_scale"
down_revision = "0004_search"
branch_labels = None
depends_on = None

_ID = re.compile(r'^CREATE TABLE "?(\w+)"? \(\s*id BIGINT NOT NULL')


def upgrade() -> None:
    """Change the tables; nothing of what they hold."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        _integer_ids(connection)


def _integer_ids(connection: Connection) -> None:
    """On SQLite `id INTEGER PRIMARY KEY` is the key of the table itself; `BIGINT` got an index beside it, so that each
    look-up took two steps and each row was written twice. A type can't be changed, so tables are made anew."""
    tables = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'table'")).all()
    for name, made in tables:
        found = _ID.match(made)
        if found is None or "PRIMARY KEY (id)" not in made:
            continue
        indexes = connection.execute(
            text("SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = :name AND sql IS NOT NULL"),
            {"name": name},
        )
        again = [row.sql for row in indexes]
        begin = f"CREATE TABLE new_{name} (\n\tid INTEGER NOT NULL"
        connection.exec_driver_sql(begin + made[found.end() :])
        columns = ", ".join(f'"{row[1]}"' for row in connection.exec_driver_sql(f"PRAGMA table_info({name})"))
        connection.exec_driver_sql(
            f"INSERT INTO new_{name} ({columns}) SELECT {columns} FROM {name} ORDER BY id"  # noqa: S608 - our own names
        )
        connection.exec_driver_sql(f"DROP TABLE {name}")
        connection.exec_driver_sql(f"ALTER TABLE new_{name} RENAME TO {name}")
        for statement in again:
            connection.exec_driver_sql(statement)
