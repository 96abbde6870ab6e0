"""Connections, transactions and threads: `Database.read` and `Database.write` run a unit of work and nothing else does.

A unit of work is a plain function that takes the open transaction. It runs in a thread of the database, in one hop for
the whole unit (an async bridge per query costs more than the query), and cannot wait for the network, so that no
transaction is ever held over it.

SQLite: WAL, one writer thread. It gathers the units that wait and commits them together, each in its own savepoint;
a unit's result comes back only after the commit, so whoever was told has it on disk (`synchronous=FULL`).
PostgreSQL: a pool of threads, a transaction each; serialisation failures and deadlocks are tried again.
"""

import asyncio
import contextlib
import fcntl
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from sqlalchemy import Engine, create_engine, event, exc, make_url, text

from storage.events import Events
from storage.ids import SLOTS, Ids
from storage.metadata import Tx

T = TypeVar("T")
Unit = Callable[[Tx], T]

_GATHER = 256
"""Units in one commit at most, so that a burst cannot hold the write lock for long."""


class StorageUnavailable(Exception):
    """The database cannot be reached or written to (gone, disk full, locked); nothing of the unit was kept."""


class Database:
    """One database, with its threads. Make it once a process; `close()` it at the end."""

    def __init__(self, url: str, *, readers: int = 4, writers: int = 4) -> None:
        """`url` is `sqlite:///path` or `postgresql://…`. Raises ValueError for any other kind of URL."""
        kind = make_url(url).get_backend_name()
        if kind not in ("sqlite", "postgresql"):
            raise ValueError(f"database: {kind} is not supported; use sqlite:///fedi.db or postgresql://…")
        self.kind = kind
        self.url = url
        self.events = Events()
        self._closed = False
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="read")
        if kind == "sqlite":
            path = make_url(url).database or ""
            if path in ("", ":memory:"):
                raise ValueError("database: SQLite in memory is not durable; give a file, as sqlite:///fedi.db")
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._write_engine = _sqlite_engine(url, 1, writable=True)
            self._read_engine = _sqlite_engine(url, readers, writable=False)
            self._slot = _FileSlot(path + "-slots")
            self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
            self._writer = threading.Thread(target=self._write_forever, name="write", daemon=True)
            self._writer.start()
            self._writers = None
        else:
            address = url.replace("postgresql://", "postgresql+psycopg://", 1)
            self._write_engine = create_engine(address, pool_size=writers, max_overflow=2, pool_pre_ping=True)
            self._read_engine = create_engine(
                address, pool_size=readers, max_overflow=2, pool_pre_ping=True, isolation_level="REPEATABLE READ"
            )
            self._slot = _PostgresSlot(self._write_engine)
            self._writers = ThreadPoolExecutor(writers, thread_name_prefix="write")
            self.events.listen_on(address)
        self.ids = Ids(self._slot.number)

    @property
    def engine(self) -> Engine:
        """The engine that may write; for migrations and checks only."""
        return self._write_engine

    async def read(self, unit: Unit[T]) -> T:
        """What `unit(tx)` returns, over one consistent view of the database. Raises what the unit raises."""
        return await asyncio.wrap_future(self._readers.submit(self._read, unit))

    async def write(self, unit: Unit[T]) -> T:
        """What `unit(tx)` returns, after it was committed to disk.

        Raises what the unit raises (nothing of it is then kept), or `StorageUnavailable`. On PostgreSQL the unit may
        run more than once, so it must have no effect outside the transaction.
        """
        return await asyncio.wrap_future(self._submit(unit))

    def read_now(self, unit: Unit[T]) -> T:
        """`read` for code without an event loop (the command line)."""
        return self._readers.submit(self._read, unit).result()

    def write_now(self, unit: Unit[T]) -> T:
        """`write` for code without an event loop (the command line)."""
        return self._submit(unit).result()

    def close(self) -> None:
        """Finish what was begun, then end the threads and connections. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self._readers.shutdown()
        if self._writers is None:
            self._waiting.put(None)
            self._writer.join()
        else:
            self._writers.shutdown()
        self.events.close()
        self._slot.release()
        self._read_engine.dispose()
        self._write_engine.dispose()

    def _read(self, unit: Unit[T]) -> T:
        with _told_apart(), self._read_engine.connect() as tx:
            return unit(tx)

    def _submit(self, unit: Unit[T]) -> "Future[T]":
        if self._closed:
            raise StorageUnavailable("the database was closed")
        if self._writers is not None:
            return self._writers.submit(self._write_postgres, unit)
        result: Future[T] = Future()
        self._waiting.put(_Waiting(unit, result))
        return result

    def _write_postgres(self, unit: Unit[T]) -> T:
        for attempt in range(5):
            try:
                with _told_apart(), self._write_engine.connect() as tx, tx.begin():
                    after: list[tuple[str, str]] = []
                    tx.info["after"] = after
                    result = unit(tx)
                    for topic, payload in dict.fromkeys(after):
                        tx.execute(text("SELECT pg_notify('fedi', :said)"), {"said": f"{topic} {payload}"})
                for topic, payload in after:
                    self.events.tell(topic, payload)
                return result
            except exc.OperationalError as problem:
                # 40001 serialisation failure, 40P01 deadlock: the other side won, ours can simply run again.
                if getattr(problem.orig, "sqlstate", "") not in ("40001", "40P01") or attempt == 4:
                    raise
                time.sleep(0.005 * 2**attempt)
        raise AssertionError("unreachable")

    def _write_forever(self) -> None:
        ended = False
        while not ended:
            first = self._waiting.get()
            if first is None:
                return
            batch = [first]
            while len(batch) < _GATHER:
                try:
                    following = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    ended = True
                    break
                batch.append(following)
            self._write_batch(batch)

    def _write_batch(self, batch: "list[_Waiting]") -> None:
        settled: list[tuple[_Waiting, Any]] = []
        after: list[tuple[str, str]] = []
        try:
            with _told_apart(), self._write_engine.connect() as tx, tx.begin():
                tx.info["after"] = after
                for waiting in batch:
                    said = len(after)
                    tx.exec_driver_sql("SAVEPOINT unit")
                    try:
                        result = waiting.unit(tx)
                        tx.exec_driver_sql("RELEASE unit")
                        settled.append((waiting, result))
                    except exc.OperationalError:
                        # The database itself is in trouble (disk full, gone): the whole batch fails.
                        raise
                    except BaseException as problem:
                        del after[said:]
                        tx.exec_driver_sql("ROLLBACK TO unit")
                        tx.exec_driver_sql("RELEASE unit")
                        waiting.failed(problem)
        except BaseException as problem:
            for waiting in batch:
                waiting.failed(problem)
            return
        for waiting, result in settled:
            waiting.done(result)
        for topic, payload in after:
            self.events.tell(topic, payload)


class _Waiting:
    """A unit in the queue of the writer, and where its result goes."""

    __slots__ = ("_result", "unit")

    def __init__(self, unit: Unit[Any], result: "Future[Any]") -> None:
        self.unit = unit
        self._result = result

    def done(self, value: Any) -> None:
        if not self._result.done():
            with contextlib.suppress(Exception):  # cancelled by whoever waited: committed all the same
                self._result.set_result(value)

    def failed(self, problem: BaseException) -> None:
        if not self._result.done():
            with contextlib.suppress(Exception):
                self._result.set_exception(problem)


@contextlib.contextmanager
def _told_apart() -> Iterator[None]:
    """Turn the driver's «cannot reach or write» into `StorageUnavailable`; bugs in a statement stay what they are."""
    try:
        yield
    except exc.OperationalError as problem:
        if getattr(problem.orig, "sqlstate", "") in ("40001", "40P01"):
            raise
        raise StorageUnavailable(str(problem.orig)) from problem
    except exc.InterfaceError as problem:
        raise StorageUnavailable(str(problem.orig)) from problem


def _sqlite_engine(url: str, size: int, *, writable: bool) -> Engine:
    engine = create_engine(
        url, pool_size=size, max_overflow=0, connect_args={"check_same_thread": False, "timeout": 30}
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        for pragma in (
            "journal_mode=WAL",
            # FULL: an acknowledged write survives a power cut. Group commit keeps it quick.
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=30000",
            "temp_store=MEMORY",
            "cache_size=-16000",
            *(() if writable else ("query_only=ON",)),
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Tx) -> None:
        # IMMEDIATE: a read lock that is later raised to a write lock fails at once instead of waiting.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writable else "BEGIN")

    return engine


class _FileSlot:
    """A process slot for ids, held as a lock on one byte of a file beside the SQLite file."""

    # POSIX locks do not exclude within one process, where tests hold several databases on one file.
    _held: ClassVar[set[tuple[str, int]]] = set()
    _guard: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, path: str) -> None:
        self._path = os.path.realpath(path)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with self._guard:
            for number in range(SLOTS):
                if (self._path, number) in self._held:
                    continue
                try:
                    fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
                except OSError:
                    continue
                self._held.add((self._path, number))
                self.number = number
                return
        os.close(self._file)
        raise StorageUnavailable(f"all {SLOTS} process slots of {path} are taken")

    def release(self) -> None:
        with self._guard:
            self._held.discard((self._path, self.number))
            os.close(self._file)


class _PostgresSlot:
    """A process slot for ids, held as an advisory lock on a connection of its own."""

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        # A slot of this database: advisory locks are per database already.
        for number in range(SLOTS):
            if self._connection.scalar(text("SELECT pg_try_advisory_lock(7041, :n)"), {"n": number}):
                self.number = number
                return
        raise StorageUnavailable(f"all {SLOTS} process slots of the database are taken")

    def release(self) -> None:
        self._connection.execute(text("SELECT pg_advisory_unlock(7041, :n)"), {"n": self.number})
        self._connection.close()
