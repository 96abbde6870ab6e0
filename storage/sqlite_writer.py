"""SQLite's one writer: a thread that gathers the units of work that wait and commits them together.

A unit that fails takes nothing of the others with it, and its result comes back only after the commit, so whoever was told
has it on disk. How PostgreSQL's units share a transaction is in `storage.together`.
"""

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

from sqlalchemy import Engine, exc

from storage import held
from storage.metadata import Tx
from storage.outages import Outage, StorageUnavailable, in_trouble, told_apart
from storage.together import Outcome, Undone, Unit, one_after_another

_PASSED = 4
"""Commits that go before a patient unit at most."""
_GATHER = 256
"""Units in one commit at most, so that a burst cannot hold the write lock for long."""
_LOOK = 0.0005
_LOOKS = 4
"""Seconds after which is looked who else has come, where as many as were there last time are not there yet; as long as
somebody comes, but not more often than this. Clients that were answered together come back one after another, and a commit
for each of them, or for half of them, costs more than that they wait. Who comes alone doesn't."""

Said = list[tuple[str, str]]
"""(topic, payload) of what units say after their commit, in their order."""


class SqliteWriter:
    """The thread and the queue before it, for one process."""

    def __init__(
        self, engine: Engine, outage: Outage, say: Callable[[Tx, Said], None], tell: Callable[[Said], None]
    ) -> None:
        """`engine` has one connection, which may write; how its use goes is noted in `outage`. `say` writes what other
        processes shall hear in the transaction, `tell` tells this process after the commit."""
        self._engine = engine
        self._outage = outage
        self._say, self._tell = say, tell
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._patient: deque[_Waiting] = deque()
        self._changed = False  # by the last units, during an outage
        self._thread = threading.Thread(target=self._write_forever, name="write", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """About how many units wait to be begun."""
        return self._waiting.qsize()

    def submit(self, unit: Unit, result: "Future[Any]", *, patient: bool = False) -> None:
        """Have a unit run; `result` is told what it came to, after the commit. `patient`: those of others go first."""
        if patient:
            self._patient.append(_Waiting(unit, result))
            self._waiting.put(_WAKE)
        else:
            self._waiting.put(_Waiting(unit, result))

    def close(self) -> None:
        """Do all that waits, and end the thread."""
        self._waiting.put(None)
        self._thread.join()

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
        after: Said = []
        try:
            try:
                outcomes = self._together(begun, after)
            except Undone as undone:
                after.clear()
                if len(begun) == 1 and not isinstance(undone.__cause__, held.Overtaken):
                    outcomes = [(None, undone.__cause__)]
                else:
                    outcomes = self._each(begun, after)
        except StorageUnavailable as problem:
            self._outage.failed(str(problem), len(begun))
            for waiting in begun:  # to each its own, as each adds where it passed
                waiting.failed(StorageUnavailable(str(problem)))
            return
        except BaseException as problem:  # noqa: BLE001 - whoever waits is told
            self._outage.answered()
            for waiting in begun:
                waiting.failed(problem)
            return
        self._outage.answered()
        if self._outage.lasts and self._changed:
            self._outage.over()
        self._tell(after)  # first: who waits may ask at once for what others keep
        for waiting, (result, own) in zip(begun, outcomes, strict=True):
            if own is None:
                waiting.done(result)
            else:
                waiting.failed(own)

    def _together(self, begun: "list[_Waiting]", after: Said) -> list[Outcome]:
        """What each came to, committed. Raises Undone when one failed on its way: nothing is kept then."""
        with told_apart(), self._watched() as tx, held.begun(tx) as holds:
            tx.info["after"] = after
            try:
                outcomes = one_after_another([waiting.unit for waiting in begun])(tx)
                holds.flush(tx)
            except BaseException as problem:  # noqa: BLE001 - raised again, or the batch runs one by one
                own = problem.__cause__ or problem if isinstance(problem, Undone) else problem
                if isinstance(own, exc.DBAPIError) and in_trouble(own):
                    raise own from None  # the database itself can't go on (disk full, gone): the whole batch fails
                raise Undone from own
            self._say(tx, after)
        return outcomes

    def _each(self, begun: "list[_Waiting]", after: Said) -> list[Outcome]:
        """What each came to in a savepoint of its own; of those that worked it is committed."""
        outcomes: list[Outcome] = []
        with told_apart(), self._watched() as tx, held.begun(tx, eager=True):
            tx.info["after"] = after
            for waiting in begun:
                said = len(after)
                tx.exec_driver_sql("SAVEPOINT unit")
                try:
                    result = waiting.unit(tx)
                    tx.exec_driver_sql("RELEASE unit")
                    outcomes.append((result, None))
                except BaseException as problem:
                    if isinstance(problem, exc.DBAPIError) and in_trouble(problem):
                        raise
                    del after[said:]
                    tx.exec_driver_sql("ROLLBACK TO unit")
                    tx.exec_driver_sql("RELEASE unit")
                    outcomes.append((None, problem))
            self._say(tx, after)
        return outcomes

    @contextlib.contextmanager
    def _watched(self) -> Iterator[Tx]:
        """The writing connection. During an outage it is noted whether anything is written: who finds nothing to do
        succeeds on a full disk as well."""
        with self._engine.connect() as tx:
            if not self._outage.lasts:
                yield tx
                return
            raw: Any = tx.connection.driver_connection
            before = raw.total_changes
            yield tx
            self._changed = raw.total_changes > before


class _Waiting:
    """A unit in the queue of the writer, and where its result goes."""

    __slots__ = ("_result", "unit")

    def __init__(self, unit: Unit, result: "Future[Any]") -> None:
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


_WAKE = _Waiting(lambda _tx: None, Future())
"""In the queue of the writer: a patient unit has come."""
