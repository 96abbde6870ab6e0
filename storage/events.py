"""Publish and subscribe: what was committed is told to whoever waits in this process and, on PostgreSQL, in others.

`note(tx, topic, payload)` inside a unit of work; it is told after the commit, never when the unit fails. Topics:
`outbox`, `jobs`, `received` (work for the worker; no payload), `actor` (the document of a local actor changed; no
payload), `person` (payload: the id of a person whose timelines or notifications changed) and `stream` (what clients that
stream may want to be told, in words: `entry ACTOR ENTRY POST`, `deleted POST MENTIONED…`; `fedi.mastodon.streaming.words`
has all). Payloads are ids only: whoever listens loads what it may see.
"""

import asyncio
import contextlib
import logging
import secrets
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from storage.metadata import Tx
from storage.said import Reader

log = logging.getLogger(__name__)

_POLL = 0.1
"""Seconds between looks at what other processes of a SQLite file said."""


def note(tx: Tx, topic: str, payload: str = "") -> None:
    """Say after the commit of `tx` that `topic` happened."""
    tx.info["after"].append((topic, payload))


class Subscription:
    """What one listener heard: `await next(timeout)`; several messages while nobody waited are kept, up to a bound."""

    def __init__(
        self, topic: str, loop: asyncio.AbstractEventLoop, gone: Callable[["Subscription"], None], kept: int
    ) -> None:
        self.topic = topic
        self._loop = loop
        self._gone = gone
        self._heard: asyncio.Queue[str] = asyncio.Queue(kept)

    def _put(self, payload: str) -> None:
        if not self._heard.full():  # full: the listener has more than enough to wake for
            self._heard.put_nowait(payload)

    def tell(self, payload: str) -> None:
        """Called by the database's threads."""
        with contextlib.suppress(RuntimeError):  # its loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._put, payload)

    async def next(self, timeout: float) -> str | None:
        """The next payload, or None when `timeout` seconds passed first."""
        try:
            async with asyncio.timeout(timeout):
                return await self._heard.get()
        except TimeoutError:
            return None

    def take(self, most: int) -> list[str]:
        """What was heard already, `most` payloads at most, without waiting."""
        return [self._heard.get_nowait() for _ in range(min(most, self._heard.qsize()))]

    def drain(self) -> bool:
        """Forget what was heard so far, for listeners who look at everything anyway; whether there was anything."""
        heard = not self._heard.empty()
        while not self._heard.empty():
            self._heard.get_nowait()
        return heard

    def close(self) -> None:
        """Hear nothing more."""
        self._gone(self)


class Events:
    """The subscriptions of this process."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[Subscription]] = defaultdict(set)
        self._lock = threading.Lock()
        self._own = secrets.token_hex(6)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._file: Path | None = None

    def subscribe(self, topic: str, kept: int = 1000) -> Subscription:
        """Listen to `topic` from the running event loop on; `close()` it when done. `kept` messages wait at most."""
        made = Subscription(topic, asyncio.get_running_loop(), self._forget, kept)
        with self._lock:
            self._listeners[topic].add(made)
            if self._file is not None and self._thread is None:
                self._thread = threading.Thread(target=self._poll, args=(self._file,), name="listen", daemon=True)
                self._thread.start()
        return made

    def tell(self, topic: str, payload: str) -> None:
        """Wake the listeners of this process."""
        with self._lock:
            listeners = list(self._listeners.get(topic, ()))
        for listener in listeners:
            listener.tell(payload)

    def said(self, topic: str, payload: str) -> str:
        """A message as other processes hear it. It names this process, which has told its own listeners already."""
        return f"{self._own} {topic} {payload}"

    def listen_on(self, address: str, came_back: Callable[[], None]) -> None:
        """Hear what other processes of the same PostgreSQL database committed (`LISTEN fedi`).

        `came_back` is called after the connection broke and was made anew.
        """
        self._thread = threading.Thread(target=self._listen, args=(address, came_back), name="listen", daemon=True)
        self._thread.start()

    @property
    def process(self) -> str:
        """What this process is called in what it says to others."""
        return self._own

    def listen_in(self, path: Path) -> None:
        """Hear what other processes of the same SQLite file committed (`storage.said`), once somebody listens here."""
        self._file = path

    def close(self) -> None:
        """End the listening thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5)

    def _forget(self, listener: Subscription) -> None:
        with self._lock:
            self._listeners[listener.topic].discard(listener)

    def _poll(self, path: Path) -> None:
        reader: Reader | None = None
        while not self._stop.is_set():
            try:
                if reader is None:
                    reader = Reader(path, self._own)
                for topic, payload in reader.news():
                    self.tell(topic, payload)
            except Exception as problem:  # noqa: BLE001 - this thread must outlive whatever happens to the database
                log.warning("listening to %s broke off, trying again: %s", path, problem)
                self._stop.wait(1)
            self._stop.wait(_POLL)
        if reader is not None:
            reader.close()

    def _listen(self, address: str, came_back: Callable[[], None]) -> None:
        import psycopg  # an extra: only there where PostgreSQL is used

        plain = address.replace("postgresql+psycopg://", "postgresql://", 1)
        broke = False
        while not self._stop.is_set():
            try:
                with psycopg.connect(plain, autocommit=True) as connection:
                    connection.execute("LISTEN fedi")
                    if broke:
                        came_back()
                        broke = False
                    while not self._stop.is_set():
                        for said in connection.notifies(timeout=0.1):
                            process, _, message = said.payload.partition(" ")
                            if process != self._own:
                                topic, _, payload = message.partition(" ")
                                self.tell(topic, payload)
            except Exception as problem:  # noqa: BLE001 - this thread must outlive whatever happens to the database
                # Listeners poll as well, so nothing is lost meanwhile; only slower.
                log.log(
                    logging.DEBUG if broke else logging.WARNING,
                    "listening to PostgreSQL broke off, trying again: %s",
                    problem,
                )
                broke = True
                self._stop.wait(1)
