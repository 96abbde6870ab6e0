"""Connections, transactions and threads: `Database.read` and `Database.write` run a unit of work and nothing else does.

A unit of work is a plain function that takes the open transaction. It runs in a thread of the database, in one hop for
the whole unit (an async bridge per query costs more than the query), and cannot wait for the network, so that no
transaction is ever held over it.

SQLite: WAL, one writer thread. It gathers the units that wait and commits them together (a unit that fails takes nothing
of the others with it); a unit's result comes back only after the commit, so whoever was told has it on disk
(`synchronous=FULL`).
PostgreSQL: a pool of threads, a transaction each; serialisation failures and deadlocks are tried again.
"""

import asyncio
import contextlib
import logging
import os
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlalchemy import Engine, create_engine, exc, make_url, text

from storage import held
from storage.awaited import Answers, Awaited
from storage.engines import sqlite_engine
from storage.events import Events
from storage.ids import Ids
from storage.metadata import Tx
from storage.outages import Outage, StorageUnavailable
from storage.patience import Links, Patience, Wait
from storage.said import Speaker
from storage.slots import FileSlot, NoSlot, PostgresSlot, Slot
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

_PASSED = 4
"""Commits that go before a patient unit at most."""
_GATHER = 256
"""Units in one commit at most, so that a burst cannot hold the write lock for long."""
_LOOK = 0.0005
_LOOKS = 4
"""Seconds after which is looked who else has come, where as many as were there last time are not there yet; as long as
somebody comes, but not more often than this. Clients that were answered together come back one after another, and a commit
for each of them, or for half of them, costs more than that they wait. Who comes alone doesn't."""
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
_RERUN = ("40001", "40P01")
"""SQLSTATE of a serialisation failure and of a deadlock: the other side won, ours can simply run again."""
_NOTIFY = text("SELECT pg_notify('fedi', said) FROM unnest(CAST(:said AS text[])) AS said")
"""All that a unit says, in one round trip."""
_SQLITE_TROUBLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_INTERRUPT,
    }
)


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
        self._changed = False  # by the last units, during an outage
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
            self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
            self._patient: deque[_Waiting] = deque()
            self._writer = threading.Thread(target=self._write_forever, name="write", daemon=True)
            self._writer.start()
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
                with _told_apart():
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
            with _told_apart():
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
        found: T = await self._waited(loop).of(self._together_here.join(unit, wait), wait)
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
            self._waiting.put(None)
            self._writer.join()
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
        return self._readers.submit(self._read, unit)

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
            with _told_apart():
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
        if self._waiting.qsize() >= _WAITING:
            raise self._too_many(self.writing)
        made: Future[T] = Future() if result is None else cast("Future[T]", result)
        if patient:
            self._patient.append(_Waiting(unit, made))
            self._waiting.put(_WAKE)
        else:
            self._waiting.put(_Waiting(unit, made))
        return made

    def _probe_sqlite(self) -> "Future[object]":
        made: Future[object] = Future()
        self._waiting.put(_Waiting(_probe, made))
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
                with _told_apart(), self._write_engine.connect() as tx, _begun(tx, eager=eager) as holds:
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
                if getattr(problem.orig, "sqlstate", "") not in _RERUN:
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

    def _write_forever(self) -> None:
        ended = False
        passed = company = 0
        while not ended or self._patient:
            batch: list[_Waiting] = []
            ended = ended or self._take(batch, wait=not self._patient)
            for _ in range(_LOOKS):
                if ended or self._patient or not 0 < len(batch) < company:
                    break
                had = len(batch)
                time.sleep(_LOOK)
                ended = self._take(batch)
                if len(batch) == had:
                    break
            if batch:
                self._write_batch(batch)
                passed += 1
                company = len(batch) + self._waiting.qsize()
            if self._patient and (not batch or passed >= _PASSED):
                passed = 0
                self._write_batch([self._patient.popleft()])

    def _take(self, batch: "list[_Waiting]", *, wait: bool = False) -> bool:
        """Put into `batch` what waits, or (`wait`) the first that comes and what is there then. Whether nothing comes any more."""
        with contextlib.suppress(queue.Empty):
            while len(batch) < _GATHER:
                following = self._waiting.get(block=wait and not batch)
                if following is None:
                    return True
                if following is _WAKE:
                    wait = False
                else:
                    batch.append(following)
        return False

    def _write_batch(self, batch: "list[_Waiting]") -> None:
        """Run units and commit them together; who waits is told after the commit.

        First all in one, since a savepoint each costs more than most units do (FTS5 writes what it gathered at every
        one). If any fails, everything is undone and each runs again in a savepoint of its own: the others are kept.
        """
        begun = [waiting for waiting in batch if waiting.begin()]
        after: list[tuple[str, str]] = []
        try:
            try:
                settled, failed = self._together(begun, after)
            except _UnitFailed as problem:
                after.clear()
                if len(begun) == 1 and not isinstance(problem.problem, held.Overtaken):
                    settled, failed = [], [(begun[0], problem.problem)]
                else:
                    settled, failed = self._each(begun, after)
        except StorageUnavailable as problem:
            self.writing.failed(str(problem), len(begun))
            for waiting in begun:  # to each its own, as each adds where it passed
                waiting.failed(StorageUnavailable(str(problem)))
            return
        except BaseException as problem:  # noqa: BLE001 - whoever waits is told
            self.writing.answered()
            for waiting in begun:
                waiting.failed(problem)
            return
        self.writing.answered()
        if self.writing.lasts and self._changed:
            self.writing.over()
        self._tell(after)  # first: who waits may ask at once for what others keep
        for waiting, own in failed:
            waiting.failed(own)
        for waiting, result in settled:
            waiting.done(result)

    def _together(
        self, begun: "list[_Waiting]", after: list[tuple[str, str]]
    ) -> "tuple[list[tuple[_Waiting, Any]], list[tuple[_Waiting, BaseException]]]":
        """The results of all, committed, and what those raised that wrote nothing: a refusal undoes nobody's work. Raises
        _UnitFailed when one failed on its way: nothing is kept then."""
        settled: list[tuple[_Waiting, Any]] = []
        refused: list[tuple[_Waiting, BaseException]] = []
        with _told_apart(), self._watched() as tx, _begun(tx) as holds:
            tx.info["after"] = after
            try:
                for waiting in begun:
                    wrote, said = holds.writes, len(after)
                    try:
                        settled.append((waiting, waiting.unit(tx)))
                    except Exception as problem:
                        if isinstance(problem, exc.DBAPIError) or holds.broken or holds.writes != wrote:
                            raise
                        del after[said:]
                        refused.append((waiting, problem))
                    holds.known.clear()  # a batch's own, and no other's memory
                holds.flush(tx)
            except BaseException as problem:
                if isinstance(problem, exc.DBAPIError) and _in_trouble(problem):
                    raise  # the database itself can't go on (disk full, gone): the whole batch fails
                raise _UnitFailed(problem) from problem
            self._say(tx, after)
        return settled, refused

    def _each(
        self, begun: "list[_Waiting]", after: list[tuple[str, str]]
    ) -> "tuple[list[tuple[_Waiting, Any]], list[tuple[_Waiting, BaseException]]]":
        """The results of those that worked, committed, and what the others raised."""
        settled: list[tuple[_Waiting, Any]] = []
        failed: list[tuple[_Waiting, BaseException]] = []
        with _told_apart(), self._watched() as tx, _begun(tx, eager=True):
            tx.info["after"] = after
            for waiting in begun:
                said = len(after)
                tx.exec_driver_sql("SAVEPOINT unit")
                try:
                    result = waiting.unit(tx)
                    tx.exec_driver_sql("RELEASE unit")
                    settled.append((waiting, result))
                except BaseException as problem:
                    if isinstance(problem, exc.DBAPIError) and _in_trouble(problem):
                        raise
                    del after[said:]
                    tx.exec_driver_sql("ROLLBACK TO unit")
                    tx.exec_driver_sql("RELEASE unit")
                    failed.append((waiting, problem))
            self._say(tx, after)
        return settled, failed

    @contextlib.contextmanager
    def _watched(self) -> Iterator[Tx]:
        """The writing connection. During an outage it is noted whether anything is written: who finds nothing to do
        succeeds on a full disk as well."""
        with self._write_engine.connect() as tx:
            if not self.writing.lasts:
                yield tx
                return
            raw: Any = tx.connection.driver_connection
            before = raw.total_changes
            yield tx
            self._changed = raw.total_changes > before

    def _say(self, tx: Tx, after: list[tuple[str, str]]) -> None:
        if after and self._slot.others():
            self._speaker.say(tx, list(dict.fromkeys(after)))


class _Threads(ThreadPoolExecutor):
    """Threads, with the number of what waits for one."""

    @property
    def waiting(self) -> int:
        """About how many units were submitted and not begun."""
        return self._work_queue.qsize()


class _UnitFailed(Exception):
    """A unit raised `problem`; the transaction it ran in is undone."""

    def __init__(self, problem: BaseException) -> None:
        super().__init__(str(problem))
        self.problem = problem


class _Waiting:
    """A unit in the queue of the writer, and where its result goes."""

    __slots__ = ("_result", "unit")

    def __init__(self, unit: Unit[Any], result: "Future[Any]") -> None:
        self.unit = unit
        self._result = result

    def begin(self) -> bool:
        """Whether anybody still waits; after this, who waits can't cancel it any more."""
        return self._result.set_running_or_notify_cancel()

    def done(self, value: Any) -> None:
        self._result.set_result(value)

    def failed(self, problem: BaseException) -> None:
        if not self._result.done():
            self._result.set_exception(problem)


def _probe(tx: Tx) -> object:
    return tx.exec_driver_sql("SELECT 1").scalar()


_WAKE = _Waiting(lambda _tx: None, Future())
"""In the queue of the writer: a patient unit has come."""


def _in_trouble(problem: exc.DBAPIError) -> bool:
    """Whether the database can't be reached or written to; else the statement is wrong or its data don't fit."""
    orig = problem.orig
    if isinstance(orig, sqlite3.Error):
        return getattr(orig, "sqlite_errorcode", 0) & 0xFF in _SQLITE_TROUBLE
    if problem.connection_invalidated or isinstance(problem, exc.InterfaceError):
        return True
    return isinstance(problem, exc.OperationalError) and getattr(orig, "sqlstate", "") not in _RERUN


@contextlib.contextmanager
def _begun(tx: Tx, *, eager: bool = False) -> Iterator[held.Held]:
    """A transaction on this connection, and what it holds back; whoever is done writes that (`flush`)."""
    holds = held.begin(tx, eager=eager)
    try:
        with tx.begin():
            yield holds
    finally:
        holds.drop()


@contextlib.contextmanager
def _told_apart() -> Iterator[None]:
    """Turn the driver's «cannot reach or write» into `StorageUnavailable`; bugs in a statement stay what they are."""
    try:
        yield
    except exc.DBAPIError as problem:
        if _in_trouble(problem):
            raise StorageUnavailable(str(problem.orig)) from problem
        raise
