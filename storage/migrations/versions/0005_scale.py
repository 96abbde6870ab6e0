"""Speed and scale: what lets the tables grow to millions of rows."""

import re
import time
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Connection, text

from storage import names, partitions, row_marks

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
    else:
        op.execute('ALTER TABLE tags ALTER COLUMN tag TYPE TEXT COLLATE "C"')
    _index("ix_actors_local", "actors", "kind", "id", where=("local = 1", "local"))
    _index("ix_actors_groups", "actors", "id", where="kind = 'Group'")
    _index(
        "ix_posts_local",
        "posts",
        "local",
        "deleted_at",
        "id",
        "visibility",
        "reply_to_iri",
        where=("local = 1", "local"),
    )
    _index("ix_posts_late", "posts", "id", where="published_at + 86400000 < id / 65536")
    _index("ix_people_role", "people", "role", "actor_id")
    _index("ix_peers_stance", "peers", "stance", "host")
    _index("ix_groups_private", "groups", "actor_id", where="see != 'public'")
    _index("ix_outbox_actor_id", "outbox", "actor_id", "position")
    _index("ix_sessions_expires_at", "sessions", "expires_at")
    _index("ix_memberships_until", "memberships", "until", where="until IS NOT NULL")
    _index("ix_mutes_until", "mutes", "until", where="until IS NOT NULL")
    _index("ix_cards_fetched_at", "cards", "fetched_at")
    _index("ix_likes_actor_id", "likes", "actor_id", "id")
    _index("ix_bookmarks_person_id", "bookmarks", "person_id", "id")
    _index("ix_boosts_followers", "boosts", "id", where="visibility = 'followers'")
    _index("ix_announcement_reads_person_id", "announcement_reads", "person_id", "announcement_id")
    op.drop_index("ix_follows_target_id", "follows")
    _index("ix_follows_target_id", "follows", "target_id", "state", "id")
    op.drop_index("ix_follows_notify", "follows")
    told = ("notify = 1", "notify")
    _index("ix_follows_notify", "follows", "notify", "target_id", "state", "follower_id", where=told)
    _index("ix_actors_followed", "actors", "kind", "followers_count", "id", where=("local = 1", "local"))
    op.drop_index("ix_received_settled", "received")
    _index("ix_received_settled", "received", "settled_at", "state", where="settled_at IS NOT NULL")
    _claimed_by_host()
    for table in ("posts", "actors"):
        op.add_column(table, sa.Column("mark", sa.BigInteger(), nullable=False, server_default="0"))
        for statement in row_marks.triggers(table, connection.dialect.name):
            op.execute(statement)
    _names(connection)
    op.create_table(
        "processes",
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("slot", name=op.f("pk_processes")),
    )


def _names(connection: Connection) -> None:
    """The words that accounts are found by, of those that are there."""
    op.create_table(
        "names",
        sa.Column("word", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["actors.id"], name="fk_names_actor_id_actors", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("word", "actor_id", name="pk_names"),
    )
    known = connection.execute(text("SELECT id, username, name FROM actors"))
    names.fill(connection, [(row[0], row[1], row[2]) for row in known])
    _index("ix_names_actor_id", "names", "actor_id")


def _claimed_by_host() -> None:
    """Of what is received a host is claimed, not each row; whether its id is taken is no matter of its state."""
    op.create_table(
        "claims",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("claim", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("host", name="pk_claims"),
    )
    op.drop_index("ix_received_due", "received")
    op.drop_index("uq_received_activity", "received")
    op.add_column("received", sa.Column("void", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute("UPDATE received SET state = 'new' WHERE state = 'working'")
    op.execute("UPDATE received SET void = true WHERE state IN ('refused', 'unverified')")
    op.drop_column("received", "claimed_until")
    taken = ("void = 0 AND via IS NOT NULL", "NOT void AND via IS NOT NULL")
    if op.get_bind().dialect.name == "sqlite":
        _index("uq_received_activity", "received", "activity_id", where=taken, unique=True)
    else:
        _by_week()
    fresh = "state = 'new' AND attempts = 0 AND via IS NOT NULL"
    _index("ix_received_due", "received", "due_at", "state", where=fresh)
    _index("ix_received_fresh", "received", "host", "id", where=fresh)
    again = "state = 'new' AND (attempts > 0 OR via IS NULL)"
    _index("ix_received_again", "received", "due_at", "id", "host", where=again)


def _index(
    name: str, table: str, *columns: str, where: str | tuple[str, str] | None = None, unique: bool = False
) -> None:
    """An index; `where` of a partial one, for both databases or for SQLite and for PostgreSQL."""
    sqlite, postgresql = (where, where) if where is None or isinstance(where, str) else where
    conditions: dict[str, Any] = {}
    if sqlite is not None and postgresql is not None:
        conditions = {"sqlite_where": text(sqlite), "postgresql_where": text(postgresql)}
    op.create_index(name, table, list(columns), unique=unique, **conditions)


def _by_week() -> None:
    """On PostgreSQL a table of partitions takes the place of `received`, and has it as one of them, where it is not empty."""
    connection = op.get_bind()
    op.execute("DROP INDEX ix_received_settled")
    op.execute("ALTER TABLE received RENAME TO received_before")
    op.execute("ALTER TABLE received_before RENAME CONSTRAINT pk_received TO received_before_pkey")
    op.execute("CREATE TABLE received (LIKE received_before INCLUDING DEFAULTS) PARTITION BY RANGE (id)")
    op.execute("ALTER TABLE received ADD CONSTRAINT pk_received PRIMARY KEY (id)")
    if connection.scalar(text("SELECT id FROM received_before LIMIT 1")) is None:
        op.execute("DROP TABLE received_before")
    else:
        partitions.take_over(connection, "received_before", time.time_ns() // 1_000_000)
    _index("ix_received_settled", "received", "settled_at", "state", where="settled_at IS NOT NULL")
    for statement in partitions.POSTGRESQL:
        op.execute(statement)
    op.execute(partitions.FILL)


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
