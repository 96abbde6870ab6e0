"""A part of a transaction that may fail by itself: what it wrote is undone, and what it said is not told."""

import contextlib
from collections.abc import Iterator

from sqlalchemy.exc import InterfaceError, OperationalError

from storage.metadata import Tx


def is_trouble(problem: BaseException) -> bool:
    """Whether this concerns the whole transaction: the connection is gone, another transaction won, the disk is full."""
    return isinstance(problem, OperationalError | InterfaceError)


@contextlib.contextmanager
def savepoint(tx: Tx, name: str = "part") -> Iterator[None]:
    """Keep nothing of what is done within when it raises, and raise that. Costs FTS5's rows 0.2 ms each: not for what is
    done a thousand times a second."""
    said: list[tuple[str, str]] = tx.info.get("after", [])
    before = len(said)
    tx.exec_driver_sql(f"SAVEPOINT {name}")
    try:
        yield
        tx.exec_driver_sql(f"RELEASE SAVEPOINT {name}")  # what is held back is written before (`storage.held`)
    except BaseException as problem:
        del said[before:]
        if not is_trouble(problem):
            tx.exec_driver_sql(f"ROLLBACK TO SAVEPOINT {name}")
            tx.exec_driver_sql(f"RELEASE SAVEPOINT {name}")
        raise
