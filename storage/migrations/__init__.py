"""Bring a database from any earlier shape to today's: `upgrade`, and `pending` to ask first.

Each step is a file in `versions/`, the same for SQLite and PostgreSQL. A step is one transaction with all others that
run at once: the database has the new shape or the old one, never half. Not here: the tables (each has its file in
`storage`; `storage.schema` has them all).
"""

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from storage.schema import metadata


class NewerDatabase(Exception):
    """A later version of fedi changed this database; this one must not touch it."""


def pending(engine: Engine) -> list[str]:
    """The steps that the database lacks, oldest first, as «0001_start: Start»; empty when it is up to date.

    Raises NewerDatabase when it has a step that this version does not know.
    """
    script = ScriptDirectory.from_config(_config())
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in {step.revision for step in script.walk_revisions()}:
        raise NewerDatabase(f"the database has the step {current!r}, which this version of fedi does not know")
    steps = list(script.iterate_revisions("head", current or "base"))
    return [f"{step.revision}: {step.doc}" for step in reversed(steps)]


def upgrade(engine: Engine) -> list[str]:
    """Do all pending steps in one transaction; those that were done come back.

    Several processes may call it at once: the second waits and finds nothing to do. Raises NewerDatabase.
    """
    todo = pending(engine)
    if not todo:
        return []
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            # Batch mode makes a table anew and drops the old one, which would set off ON DELETE of those that refer
            # to it. The switch does nothing within a transaction, so it goes around the driver's own connection.
            driver = connection.connection.dbapi_connection
            assert driver is not None  # noqa: S101 - a checked-out connection has one
            driver.cursor().execute("PRAGMA foreign_keys=OFF")
            try:
                _run(connection)
            finally:
                driver.cursor().execute("PRAGMA foreign_keys=ON")
        else:
            _run(connection)
    return todo


def differences(connection: Connection) -> list[object]:
    """What alembic finds different between the tables of the database and those of the code; empty when equal."""
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, metadata))


def _run(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    with connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(7043)"))
        command.upgrade(config, "head")
        if connection.dialect.name == "sqlite":
            broken = connection.execute(text("PRAGMA foreign_key_check")).fetchall()
            if broken:
                raise RuntimeError(f"rows would refer to nothing after the migration: {broken[:10]}")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
