"""`Steps`: where the time of this process goes, by step of its work, for `/metrics`.

Whoever does a step says once a batch, or once a unit, how long it took and how many things were in it. Nothing of it is
kept for good: it begins at nothing with the process.
"""

import threading
from dataclasses import dataclass

OTHER = "other"
"""The step under which names are counted that come when there are too many."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a step took until now: how often it was done, the things in it all told, the seconds."""

    runs: int
    count: int
    seconds: float


class Steps:
    """Counts by name of a step (`inbox.process`, `deliver.post`, …), bounded in number."""

    def __init__(self, most: int = 100) -> None:
        self._most = most
        self._kept: dict[str, list[float]] = {}
        self._lock = threading.Lock()

    def add(self, name: str, seconds: float, count: int = 1) -> None:
        """One run of the step `name` took `seconds` for `count` things. From any thread; takes less than a microsecond."""
        with self._lock:
            kept = self._kept.get(name)
            if kept is None:
                if len(self._kept) >= self._most:
                    name = OTHER
                kept = self._kept.setdefault(name, [0, 0, 0.0])
            kept[0] += 1
            kept[1] += count
            kept[2] += seconds

    def all(self) -> dict[str, Step]:
        """Every step until now, by name."""
        with self._lock:
            return {name: Step(int(runs), int(count), seconds) for name, (runs, count, seconds) in self._kept.items()}


class Outcomes:
    """How often something ended in each way: by kind (`received`, `delivered`) and by reason code; bounded in number."""

    def __init__(self, most: int = 300) -> None:
        self._most = most
        self._kept: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def add(self, kind: str, code: str, count: int = 1) -> None:
        """`count` more things of this kind ended so. From any thread; takes less than a microsecond."""
        key = (kind, code)
        with self._lock:
            if key not in self._kept and len(self._kept) >= self._most:
                key = (kind, OTHER)
            self._kept[key] = self._kept.get(key, 0) + count

    def all(self) -> dict[tuple[str, str], int]:
        """Every number until now, by kind and code."""
        with self._lock:
            return dict(self._kept)
