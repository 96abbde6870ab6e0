"""Several `Database`s on the same tables, as several processes would have them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from storage.database import Database


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


@pytest.fixture
def connect(url: str) -> Iterator[Callable[..., Database]]:
    """Makes `Database`s on the same tables; all are closed at the end."""
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
