"""Empty databases for the benchmarks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from fedi.cli import postgres


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database: `sqlite`, `postgresql` (a server of our own, which ends afterwards), or as given."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/fedi.db"
    elif kind == "postgresql":
        server = postgres.start(folder / "postgres", keep=False)
        try:
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                connection.execute("CREATE DATABASE bench")
            yield server.get_uri("bench")
        finally:
            server.cleanup()
    else:
        yield kind
