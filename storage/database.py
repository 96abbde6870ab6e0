"""Connections, transactions and threads: `Database.read` and `Database.write` run a unit of work and nothing else does.

A unit of work is a plain function that takes the open transaction. It runs in a thread of the database, in one hop for
the whole unit (an async bridge per query costs more than the query), and cannot wait for the network, so that no
transaction is ever held over it.

SQLite: WAL, one writer thread (`storage.sqlite_writer`); a unit's result comes back only after the commit, so whoever was
told has it on disk (`synchronous=FULL`).
PostgreSQL: a pool of threads, a transaction each; serialisation failures and deadlocks are tried again.
"""

import asyncio
import contextvars
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from sqlalchemy import Engine, create_engine, exc, make_url, text

from storage import held
from storage.awaited import Answers, Awaited
from storage.engines import sqlite_engine
from storage.events import Events
from storage.ids import Ids
from storage.metadata import Tx
from storage.outages import RERUN, Outage, StorageUnavailable, told_apart
from storage.patience import Links, Patience, Wait
from storage.said import Speaker
from storage.slots import FileSlot, NoSlot, PostgresSlot, Slot
from storage.sqlite_writer import SqliteWriter
from storage.together import Joined, Together
from storage.versions import Changes, Watch
from storage.views import TooLong, Views

if TYPE_CHECKING:  # psycopg is only there where PostgreSQL is used
    from storage.postgres_views import PostgresViews
    from storage.snapshots import Snapshots

__all__ = ["Database", "StorageUnavailable", "Unit"]

log = logging.getLogger(__name__)

T = TypeVar("T")
Unit = Callable[[Tx], T]

_WAITING = 4096
"""Units that may wait for a thread; more are refused, or a database that hangs would fill the memory with them."""
_NETWORK = {
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""How long a PostgreSQL server that gives no sign of life is waited for (seconds, the last in ms); the URL may say else."""
_ATTEMPTS = 6
"""Runs of a unit on PostgreSQL at most, while deadlocks and serialisation failures undo it."""
_NOTIFY = text("SELECT pg_notify('fedi', said) FROM unnest(CAST(:said AS text[])) AS said")
"""All that a unit says, in one round trip."""


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
        self._answers: tuple[asyncio.AbstractEventLoop, Answers] | None = None
        self._patience: Patience | None = None
        self._together_here: Together | None = None
        self._probes: dict[Outage, Future[object]] = {}
        self._watch: Watch | None = None
        self._quick: Views | None = None
        self._snapshots: Snapshots | None = None
        self.reading, self.writing = Outage("read"), Outage("written to")
        if kind == "sqlite":  # which works in the thread that asks: more than there are processors only take memory
            readers = min(readers, max(2, os.cpu_count() or 2))
        self._readers = _Threads(readers, thread_name_prefix="read")
        if kind == "sqlite":
            path = make_url(url).database or ""
            if path in ("", ":memory:"):
                raise ValueError("database: SQLite in memory is not durable; give a file, as sqlite:///fedi.db")
            try:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                slot: Slot = FileSlot(path + "-slots")
            except (OSError, NoSlot) as problem:
                raise StorageUnavailable(str(problem)) from problem
            self._write_engine = sqlite_engine(url, 1, writable=True)
            self._read_engine = sqlite_engine(url, readers + 1, writable=False)
            self._views: Views | PostgresViews = Views(self._read_engine)
            self._quick = self._views
            self._sqlite = SqliteWriter(self._write_engine, self.writing, self._say, self._tell)
            self._writers = None
            self._speaker = Speaker(self.events.process)
            self.events.listen_in(Path(path))
            self._watch = Watch(Path(path))
            self._links = None
        else:
            from storage import postgres_views, snapshots

            address = url.replace("postgresql://", "postgresql+psycopg://", 1)
            patience = {name: value for name, value in _NETWORK.items() if name not in make_url(url).query}
            self._write_engine = create_engine(
                address, pool_size=writers, max_overflow=2, pool_pre_ping=True, connect_args=patience
            )
            self._read_engine = create_engine(
                address,
                pool_size=readers,
                max_overflow=2,
                connect_args=patience,
                execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
            )
            self._views = postgres_views.PostgresViews(self._read_engine)
            self._snapshots = snapshots.Snapshots(lambda: self._readers.submit(snapshots.connect, url, patience))
            self._links = Links(self._write_engine, self._read_engine)
            try:
                with told_apart():
                    slot = postgres_slot = PostgresSlot(self._write_engine)
            except NoSlot as problem:
                raise StorageUnavailable(str(problem)) from problem
            self._writers = _Threads(writers, thread_name_prefix="write")
            self._patient_writers = _Threads(2, thread_name_prefix="write patiently")
            self.events.listen_on(address, lambda: self._renew(postgres_slot))
        held.listen(self._write_engine)
        self._slot = slot
        self.ids = Ids(slot.number)

    @property
    def slot(self) -> int:
        """Which of the instance's processes this is: 0 to 63 (`storage.slots`)."""
        return self._slot.number

    @property
    def shared(self) -> bool:
        """Whether another process may have this database open."""
        return self._slot.others()

    @property
    def engine(self) -> Engine:
        """The engine that may write; for migrations and checks only."""
        return self._write_engine

    async def read(self, unit: Unit[T]) -> T:
        """What `unit(tx)` returns, over one consistent view of the database. Raises what the unit raises, or
        `StorageUnavailable`, also when there is no answer for long (`storage.patience`)."""
        return await self._waited(asyncio.get_running_loop()).of(
            asyncio.wrap_future(self._ask(unit)), Wait(self.reading)
        )

    async def read_quickly(self, unit: Unit[T]) -> T:
        """As `read`, for units that take less than a millisecond as a rule and are asked for all the time: on SQLite they run
        right here, in the event loop's thread, unless they take longer than that thread can spare. So they may run twice."""
        if self._quick is None or self._closed:
            return await self.read(unit)
        try:
            with told_apart():
                found = self._quick.at_once(unit)
        except (TooLong, StorageUnavailable):
            return await self.read(unit)
        if self.reading.lasts:
            self.reading.over()
        return found

    async def write(self, unit: Unit[T]) -> T:
        """What `unit(tx)` returns, after it was committed to disk.

        Raises what the unit raises (nothing of it is then kept), or `StorageUnavailable`. The unit may run more than
        once, so it must have no effect outside the transaction.
        """
        loop = asyncio.get_running_loop()
        wait = Wait(self.writing)
        if self._writers is not None:
            return await self._waited(loop).of(asyncio.wrap_future(self._submit(unit, wait=wait)), wait)
        if self._answers is None or self._answers[0] is not loop:
            self._answers = loop, Answers(loop)
        awaited = Awaited(self._answers[1], loop)
        self._submit(unit, result=awaited)
        found: T = await self._waited(loop).of(awaited.future, wait)
        return found

    async def write_together(self, unit: Unit[T]) -> T:
        """As `write`, for short units that many ask for at the same time: on PostgreSQL as well they share a transaction."""
        loop = asyncio.get_running_loop()
        if self._writers is None:
            return await self.write(unit)
        if self._together_here is None or self._together_here.loop is not loop:
            self._together_here = Together(loop, lambda one, wait: self._submit(one, wait=wait))
        if self._together_here.waiting >= _WAITING:
            raise self._too_many(self.writing)
        wait = Wait(self.writing)
        found: T = await self._waited(loop).of(self._together_here.join(_within(unit), wait), wait)
        return found

    async def write_patiently(self, unit: Unit[T]) -> T:
        """As `write`, for long work that nobody waits for: what others write goes first, and is committed by itself; but of
        many such only some, so that it gets its turn. It is waited for however long it takes."""
        return await asyncio.wrap_future(self._submit(unit, patient=True))

    def read_now(self, unit: Unit[T]) -> T:
        """`read` for code without an event loop (the command line)."""
        return self._ask(unit).result()

    def write_now(self, unit: Unit[T]) -> T:
        """`write` for code without an event loop (the command line)."""
        return self._submit(unit).result()

    async def version(self) -> object | None:
        """What is equal as long as nothing was committed, by this process or another; None: not known, so keep nothing.

        Asked before a read, it says of what was read that it holds for as long as the version stays. On SQLite it costs
        microseconds and never waits (`storage.versions`), on PostgreSQL a round trip (`storage.snapshots`).
        """
        if self._closed:
            return None
        if self._snapshots is not None:
            return await self._snapshots.version()
        return None if self._watch is None else self._watch.version()

    def changes(self, topic: str) -> Changes:
        """What says whether another process of a SQLite file said `topic`, beside a subscription to it."""
        return Changes(self._watch, topic)

    def close(self) -> None:
        """Finish what was begun, then end the threads and connections. May be called twice."""
        if self._closed:
            return
        self._closed = True
        silent = self.reading.silent or self.writing.silent
        if silent and self._links is not None:
            self._links.cut()
        self._readers.shutdown(cancel_futures=silent)
        if self._writers is None:
            self._sqlite.close()
        else:
            self._writers.shutdown(cancel_futures=silent)
            self._patient_writers.shutdown(cancel_futures=silent)
        self.events.close()
        if self._watch is not None:
            self._watch.close()
        if self._snapshots is not None:
            self._snapshots.close()
        self._slot.release()
        self._views.close()
        self._read_engine.dispose()
        self._write_engine.dispose()

    def _ask(self, unit: Unit[T]) -> "Future[T]":
        if self._closed:
            raise StorageUnavailable("the database was closed")
        if self.reading.silent:
            raise self._no_answer(self.reading, lambda: self._readers.submit(self._read, _probe))
        if self._readers.waiting >= _WAITING:
            raise self._too_many(self.reading)
        return self._readers.submit(self._read, _within(unit))

    def _waited(self, loop: asyncio.AbstractEventLoop) -> Patience:
        if self._patience is None or self._patience.loop is not loop:
            self._patience = Patience(loop)
        return self._patience

    def _no_answer(self, outage: Outage, ask: Callable[[], "Future[object]"]) -> StorageUnavailable:
        """Refuse at once what would only wait; `ask` finds out when there are answers again, one at a time."""
        if outage not in self._probes or self._probes[outage].done():
            self._probes[outage] = ask()
        outage.failed(outage.reason)
        return StorageUnavailable(outage.reason)

    def _too_many(self, outage: Outage) -> StorageUnavailable:
        text = f"{_WAITING} units of work wait for it already"
        outage.failed(text)
        return StorageUnavailable(text)

    def _read(self, unit: Unit[T]) -> T:
        try:
            with told_apart():
                found = self._views.read(unit)
        except StorageUnavailable as problem:
            self.reading.failed(str(problem))
            raise
        except BaseException:
            self.reading.answered()
            raise
        self.reading.answered()
        if self.reading.lasts:
            self.reading.over()
        return found

    def _submit(
        self,
        unit: Unit[T],
        *,
        patient: bool = False,
        result: "Awaited | Future[T] | None" = None,
        wait: Wait | Joined | None = None,
    ) -> "Future[T]":
        if self._closed:
            raise StorageUnavailable("the database was closed")
        unit = _within(unit)
        if self._writers is not None:
            if patient:
                return self._patient_writers.submit(self._write_postgres, unit)
            if self.writing.silent:
                writers = self._writers
                raise self._no_answer(self.writing, lambda: writers.submit(self._write_postgres, _probe))
            if self._writers.waiting >= _WAITING:
                raise self._too_many(self.writing)
            return self._writers.submit(self._write_postgres, unit, wait)
        if self.writing.silent and not patient:
            raise self._no_answer(self.writing, self._probe_sqlite)
        if self._sqlite.waiting >= _WAITING:
            raise self._too_many(self.writing)
        made: Future[T] = Future() if result is None else cast("Future[T]", result)
        self._sqlite.submit(unit, made, patient=patient)
        return made

    def _probe_sqlite(self) -> "Future[object]":
        made: Future[object] = Future()
        self._sqlite.submit(_probe, made)
        return made

    def _renew(self, slot: PostgresSlot) -> None:
        """The server of the database came back: the slot was lost with its connection."""
        slot.renew()
        self.ids.move_to(slot.number)

    def _write_postgres(self, unit: Unit[T], wait: Wait | Joined | None = None) -> T:
        try:
            result = self._undone_again(unit, wait)
        except StorageUnavailable:
            raise
        except BaseException:
            self.writing.answered()
            raise
        self.writing.answered()
        return result

    def _undone_again(self, unit: Unit[T], wait: Wait | Joined | None) -> T:
        eager = False
        undone = 0
        while True:
            try:
                with told_apart(), self._write_engine.connect() as tx, held.begun(tx, eager=eager) as holds:
                    after: list[tuple[str, str]] = []
                    tx.info["after"] = after
                    result = unit(tx)
                    holds.flush(tx)
                    if wait is not None and wait.over:
                        raise StorageUnavailable("nobody waits for it any more")
                    after = list(dict.fromkeys(after))
                    if after:
                        said = [self.events.said(topic, payload) for topic, payload in after]
                        tx.execute(_NOTIFY, {"said": said})
            except held.Overtaken:
                eager = True  # which can be overtaken no more
            except exc.OperationalError as problem:
                if getattr(problem.orig, "sqlstate", "") not in RERUN:
                    raise
                undone += 1
                if undone == _ATTEMPTS:
                    raise StorageUnavailable(f"undone {_ATTEMPTS} times: {problem.orig}") from problem
                time.sleep(0.0025 * 2**undone)
            except StorageUnavailable as problem:
                self.writing.failed(str(problem))
                raise
            else:
                if self.writing.lasts:
                    self.writing.over()
                self._tell(after)
                return result

    def _tell(self, after: list[tuple[str, str]]) -> None:
        """Say what was committed. Nobody who listens badly may make a committed write look like a failure."""
        for topic, payload in dict.fromkeys(after):
            try:
                self.events.tell(topic, payload)
            except Exception:
                log.exception("telling of %s failed", topic)

    def _say(self, tx: Tx, after: list[tuple[str, str]]) -> None:
        """Have other processes of a SQLite file hear of this."""
        if after and self._slot.others():
            self._speaker.say(tx, list(dict.fromkeys(after)))


class _Threads(ThreadPoolExecutor):
    """Threads, with the number of what waits for one."""

    @property
    def waiting(self) -> int:
        """About how many units were submitted and not begun."""
        return self._work_queue.qsize()


def _within(unit: Unit[T]) -> Unit[T]:
    """The unit, to run in the context of whoever asks (`contextvars`): words that it makes are in the reader's language."""
    context = contextvars.copy_context()
    return lambda tx: context.run(unit, tx)


def _probe(tx: Tx) -> object:
    return tx.exec_driver_sql("SELECT 1").scalar()
