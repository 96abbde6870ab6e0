"""What a process keeps in memory to answer quicker: `Cache`, bounded in entries and in bytes, and `Recent`, for figures that
everybody sees and that may be some minutes old.

What is kept here decides nothing: who reads from a cache asks first whether it still holds.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, NamedTuple, TypeVar

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")


class CacheFigures(NamedTuple):
    """What is in a cache, and how often what was looked for was in it since the process began."""

    entries: int
    bytes: int
    hits: int
    misses: int


class Cache(Generic[K, V]):
    """At most `most` entries, and about `most_bytes` of them. What was not used for long goes first.

    Two generations: what is put or found is in the young one; when that holds half of what is allowed it becomes the old
    one, and what was in the old one until then is dropped. So a hit costs one look into a dict, whatever the number, and
    several threads may read and write: each step is one of a dict's own.
    """

    __slots__ = ("_half", "_half_bytes", "_old", "_old_bytes", "_young", "_young_bytes", "hits", "misses")

    def __init__(self, most: int, most_bytes: int) -> None:
        self._half = max(1, most // 2)
        self._half_bytes = max(1, most_bytes // 2)
        self._young: dict[K, tuple[V, int]] = {}
        self._old: dict[K, tuple[V, int]] = {}
        self._young_bytes = 0
        self._old_bytes = 0
        self.hits = 0
        self.misses = 0

    def get(self, key: K) -> V | None:
        """What was put under this key, None when it is not here (any more)."""
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
            if found is None:
                self.misses += 1
                return None
            self.put(key, *found)
        self.hits += 1
        return found[0]

    def put(self, key: K, value: V, size: int) -> None:
        """Keep `value`, which takes about `size` bytes with its key. What is larger than all that is allowed is not kept."""
        if size > self._half_bytes:
            self.forget(key)
            return
        before = self._young.get(key)
        held = self._young_bytes + size - (before[1] if before is not None else 0)
        if held > self._half_bytes or (before is None and len(self._young) >= self._half):
            self._old, self._old_bytes = self._young, self._young_bytes
            self._young, held = {}, size
        self._young[key] = (value, size)
        self._young_bytes = held

    def forget(self, key: K) -> None:
        """Don't give this again."""
        dropped = self._young.pop(key, None)
        if dropped is not None:
            self._young_bytes -= dropped[1]
        self._old.pop(key, None)

    def clear(self) -> None:
        """Give nothing again of what was put until now."""
        self._young, self._young_bytes = {}, 0
        self._old, self._old_bytes = {}, 0

    def figures(self) -> CacheFigures:
        """How full it is, and how useful."""
        entries = len(self._young) + len(self._old)
        return CacheFigures(entries, self._young_bytes + self._old_bytes, self.hits, self.misses)


_shared: dict[str, Cache[Any, Any]] = {}


def shared(name: str, most: int, most_bytes: int) -> Cache[Any, Any]:
    """A cache for results that depend on nothing but the arguments (and are told apart by all of them), so that several
    instances in one process may have it together. `name` is what `/metrics` calls it."""
    return _shared.setdefault(name, Cache(most, most_bytes))


def all_shared() -> dict[str, Cache[Any, Any]]:
    """The caches that `shared` made, by name."""
    return dict(_shared)


class Recent:
    """Figures by name, with the moment (ms) when each was worked out. For one event loop."""

    def __init__(self, most: int = 1_000) -> None:
        self._most = most
        self._kept: dict[str, tuple[int, asyncio.Future[Any]]] = {}

    async def get(self, name: str, now: int, most_ms: int, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` gives, at most `most_ms` old; once for all who ask meanwhile. Raises what `work` raises, which is not kept."""
        known = self._kept.get(name)
        if known is None or not 0 <= now - known[0] < most_ms:
            if len(self._kept) >= self._most:
                self._kept.clear()
            task: asyncio.Future[T] = asyncio.ensure_future(work())
            known = self._kept[name] = now, task
            task.add_done_callback(lambda done: self._settle(name, done))
        found: T = await asyncio.shield(known[1])  # who asks and leaves takes the answer from nobody
        return found

    def _settle(self, name: str, done: "asyncio.Future[Any]") -> None:
        if done.cancelled() or done.exception() is not None:
            kept = self._kept.get(name)
            if kept is not None and kept[1] is done:
                del self._kept[name]
