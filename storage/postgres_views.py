"""Reading PostgreSQL: a connection for each thread that reads, kept open, and a transaction of one snapshot for each unit.

Taking a connection from SQLAlchemy's pool and giving it back asks the server three times more (whether it lives, the
transaction, its end) and costs ours as much as three queries. Here the BEGIN finds out whether the connection lives.
"""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg.pq import ExecStatus, TransactionStatus
from sqlalchemy import Engine, exc

from storage import held
from storage.interned import KeptRows
from storage.metadata import Tx
from storage.postgres_statements import Statements
from storage.prepared import BEGUN, OWN

T = TypeVar("T")

_BEGIN = b"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_COMMIT = b"COMMIT"
"""There is nothing to keep, but with a rollback psycopg forgets what it prepared."""


class PostgresViews:
    """The connections that read one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._mine = threading.local()
        self._guard = threading.Lock()
        self._open: list[Tx] = []
        self._kept = KeptRows()

    def read(self, unit: Callable[[Tx], T]) -> T:
        """What `unit` returns over one consistent view, on this thread's connection. Raises what it raises."""
        tx: Tx | None = getattr(self._mine, "tx", None)
        if tx is None or not _begun(tx):
            if tx is not None:
                self._close(tx)
            tx = self._connect()
            if not _begun(tx):
                self._close(tx)
                lost = psycopg.OperationalError("the connection is lost")
                raise exc.OperationalError(_BEGIN.decode(), None, lost)
        held.begin(tx)
        try:
            found = unit(tx)
        except exc.DBAPIError:
            self._close(tx)  # nobody knows what is wrong with it
            raise
        except BaseException:
            _end(tx)
            raise
        _end(tx)
        return found

    def close(self) -> None:
        """Close all connections; nobody may be reading."""
        with self._guard:
            several, self._open = self._open, []
        for tx in several:
            tx.close()

    def _connect(self) -> Tx:
        tx = self._engine.connect()
        tx.__dict__[BEGUN] = True
        self._kept.given_to(tx)
        driver: Any = tx.connection.driver_connection
        tx.__dict__[OWN] = Statements(driver)
        with self._guard:
            self._open.append(tx)
        self._mine.tx = tx
        return tx

    def _close(self, tx: Tx) -> None:
        self._mine.tx = None
        with self._guard:
            if tx in self._open:
                self._open.remove(tx)
        tx.invalidate()
        tx.close()


def _begun(tx: Tx) -> bool:
    """Whether a transaction could be begun: the connection lives."""
    return _say(tx, _BEGIN)


def _end(tx: Tx) -> None:
    if tx.in_transaction():  # begun by a statement that SQLAlchemy ran itself
        tx.commit()
    if _wire(tx).transaction_status != TransactionStatus.IDLE:
        _say(tx, _COMMIT)  # where that fails the next unit finds out


def _say(tx: Tx, words: bytes) -> bool:
    try:
        return bool(_wire(tx).exec_(words).status == ExecStatus.COMMAND_OK)
    except psycopg.Error:  # it was found closed before
        return False


def _wire(tx: Tx) -> Any:
    driver: Any = tx.connection.driver_connection
    return driver.pgconn
