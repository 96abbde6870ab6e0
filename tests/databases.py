"""Empty databases for tests: SQLite as files that are copied, PostgreSQL from a server of our own or `FEDI_TEST_PG`."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import create_engine

from fedi.cli import postgres
from storage.schema import metadata


class Databases:
    """Makes empty databases with all tables, each from a template: a file copied, or CREATE DATABASE … TEMPLATE.

    As the latter takes half a second on a busy machine, those of PostgreSQL are emptied and given again.
    """

    def __init__(self, folder: Path, run: str, worker: str) -> None:
        self._folder = folder
        self._run = run
        self._worker = worker
        self._server: Any = None
        self._postgres: str | None = None
        self._file: Path | None = None
        self._made = 0
        self._given: set[str] = set()
        self._free: list[str] = []

    def bare(self, kind: str) -> str:
        """The URL of a new database without tables, as `fedi init` finds it."""
        self._made += 1
        if kind == "sqlite":
            return f"sqlite:///{self._folder / f'test{self._made}.db'}"
        name = f"fedi_{self._run}_{self._worker}_{self._made}"
        _execute(self.postgres(), f"CREATE DATABASE {name}")
        return _with_name(self.postgres(), name)

    def new(self, kind: str) -> str:
        """The URL of a new empty database, `kind` "sqlite" or "postgresql"; it goes with the test session."""
        self._made += 1
        if kind == "sqlite":
            if self._file is None:
                self._file = self._folder / "template.db"
                _create_tables(f"sqlite:///{self._file}")
            path = self._folder / f"test{self._made}.db"
            shutil.copyfile(self._file, path)
            return f"sqlite:///{path}"
        server = self.postgres()
        if self._free:
            name = self._free.pop()
        else:
            name = f"fedi_{self._run}_{self._worker}_{self._made}"
            _execute(server, f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY FILE_COPY")
        self._given.add(name)
        return _with_name(server, name)

    def blank(self, kind: str) -> str:
        """The URL of a new database without any table, as an operator gives it to `fedi init`."""
        self._made += 1
        if kind == "sqlite":
            return f"sqlite:///{self._folder / f'blank{self._made}.db'}"
        server = self.postgres()
        name = f"fedi_{self._run}_{self._worker}_blank{self._made}"
        _execute(server, f"CREATE DATABASE {name}")
        return _with_name(server, name)

    def drop(self, url: str) -> None:
        """Take a database back; whoever is connected still is thrown out."""
        if url.startswith("sqlite:///"):
            for left in Path(url.removeprefix("sqlite:///")).parent.glob(url.rpartition("/")[2] + "*"):
                left.unlink()
        elif _name(url) in self._given and _emptied(url, self._shape):
            self._given.discard(_name(url))
            self._free.append(_name(url))
        else:
            self._given.discard(_name(url))
            _execute(self.postgres(), f"DROP DATABASE IF EXISTS {_name(url)} WITH (FORCE)")

    def postgres(self) -> str:
        """The URL of the PostgreSQL server's own database; the server is started when first asked for."""
        if self._postgres is None:
            self._postgres = os.environ.get("FEDI_TEST_PG") or self._start()
            self._template = f"fedi_{self._run}_{self._worker}_template"
            _execute(self._postgres, f"CREATE DATABASE {self._template}")
            _create_tables(_with_name(self._postgres, self._template))
            with psycopg.connect(_with_name(self._postgres, self._template)) as connection:
                self._shape = _shape(connection)
        return self._postgres

    def close(self) -> None:
        """Drop the template; stop the server when no other worker of this run uses it."""
        if self._postgres is not None:
            for name in (self._template, *self._free):
                _execute(self._postgres, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        if self._server is not None:
            self._server.cleanup()

    def _start(self) -> str:
        # Not below pytest's own folder: that is closed to others, and as root the server runs as a user of its own.
        # All workers of a run share the server.
        folder = Path(tempfile.gettempdir()) / f"fedi-postgresql-{self._run}"
        self._server = postgres.start(folder, keep=False)
        url: str = self._server.get_uri()
        for setting in ("fsync = off", "full_page_writes = off", "deadlock_timeout = '100ms'"):
            _execute(url, f"ALTER SYSTEM SET {setting}")
        _execute(url, "SELECT pg_reload_conf()")
        return url


def _create_tables(url: str) -> None:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as tx:
        metadata.create_all(tx)
    engine.dispose()


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def _shape(connection: "psycopg.Connection[Any]") -> Any:
    """What changes with any table, index or column."""
    return connection.execute(
        "SELECT count(*), max(xmin::text::bigint) FROM pg_attribute WHERE attrelid >= 16384"
    ).fetchone()


def _emptied(url: str, shape: Any) -> bool:
    """Whether a database of PostgreSQL is as it was made: nobody connected, no rows, the tables of `shape`."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        if _shape(connection) != shape:
            return False
        try:
            connection.execute("SET session_replication_role = replica")  # without foreign keys, in any order
        except psycopg.errors.InsufficientPrivilege:
            return False
        # What no row was ever written to has no size.
        connection.execute(
            """DO $$ DECLARE name text; BEGIN
            FOR name IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
                AND pg_relation_size(oid) > 0 LOOP
                EXECUTE format('DELETE FROM %I', name);
            END LOOP; END $$"""
        )
    return True


def _name(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def _with_name(url: str, name: str) -> str:
    before, mark, query = url.partition("?")
    return before.rpartition("/")[0] + "/" + name + mark + query
