"""Bring a database from any earlier shape to today's: `upgrade`, and `pending` to ask first.

Each step is a file in `versions/`, the same for SQLite and PostgreSQL. A step is one transaction with all others that
run at once: the database has the new shape or the old one, never half. Not here: the tables (each has its file in
`storage`; `storage.schema` has them all).
"""

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

if TYPE_CHECKING:  # alembic takes a while to import, and every command asks for `current`
    from alembic.config import Config

NEWEST = max(step.stem for step in (Path(__file__).parent / "versions").glob("[0-9]*.py"))
"""The last step; steps are numbered, and a step's name is its file's."""

# Alembic keeps in its modules which connection it works on: threads would do the steps on each other's database.
_ONE = Lock()


class NewerDatabase(Exception):
    """A later version of fedi changed this database; this one must not touch it."""


def current(engine: Engine) -> str | None:
    """The last step that was done on this database; None for one without tables."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found


def pending(engine: Engine) -> list[str]:
    """The steps that the database lacks, oldest first, as «0001_start: Start»; empty when it is up to date.

    Raises NewerDatabase when it has a step that this version does not know.
    """
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(_config())
    done = current(engine)
    if done is not None and done not in {step.revision for step in script.walk_revisions()}:
        raise NewerDatabase(f"the database has the step {done!r}, which this version of fedi does not know")
    steps = list(script.iterate_revisions("head", done or "base"))
    return [f"{step.revision}: {step.doc}" for step in reversed(steps)]


def upgrade(engine: Engine) -> list[str]:
    """Do all pending steps in one transaction; those that were done come back.

    Several processes and threads may call it at once: the second waits and finds nothing to do. Raises NewerDatabase.
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
            driver.cursor().execute("PRAGMA cache_size=-256000")  # or making indexes anew reads the file over and over
            try:
                _run(connection)
            finally:
                driver.cursor().execute("PRAGMA foreign_keys=ON")
                driver.cursor().execute("PRAGMA cache_size=-16000")
        else:
            _run(connection)
    return todo


def _run(connection: Connection) -> None:
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    with _ONE, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(7043)"))
        command.upgrade(config, "head")
        if connection.dialect.name == "sqlite":
            broken = connection.execute(text("PRAGMA foreign_key_check")).fetchall()
            if broken:
                raise RuntimeError(f"rows would refer to nothing after the migration: {broken[:10]}")


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
