"""What time it is, by the Date headers of other servers (RFC 9110 section 6.6.1): each may be wrong, most are not."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

HOSTS = 64
"""Whose clocks are compared, those heard from last."""
FEWEST = 3
"""As many must have been heard."""
FRESH = 3_600_000
"""Ms for which a comparison counts ..."""
FAR = 60_000
"""Ms by which our clock must differ before it is blamed."""
AGAIN = 600_000
"""... and after which one host is listened to again."""


def ahead_of(headers: Mapping[str, str], now: int) -> int | None:
    """How far (ms) the clock of who answered so is ahead of ours, which is at `now`; None when it does not say."""
    value = headers.get("date")
    if value is None:
        return None
    try:
        return int(parsedate_to_datetime(value[:60]).timestamp() * 1000) + 500 - now
    except (ValueError, TypeError, OverflowError):
        return None


class Dates:
    """How far the clocks of other servers are from ours, in ms; one comparison for each host."""

    def __init__(self) -> None:
        self._heard: dict[str, tuple[int, int]] = {}  # host -> (when, how far ahead of ours)

    def hear(self, host: str, headers: Mapping[str, str], now: int) -> None:
        """An answer of this host came just now, by our clock at `now` ms."""
        known = self._heard.get(host)
        if (known is not None and 0 <= now - known[0] < AGAIN) or "age" in headers:  # a cache's may be hours old
            return
        ahead = ahead_of(headers, now)
        if ahead is None:
            return
        self._heard.pop(host, None)
        self._heard[host] = now, ahead
        if len(self._heard) > HOSTS:
            self._heard.pop(next(iter(self._heard)))

    def of(self, host: str, now: int) -> int | None:
        """By how many ms the clock of this host is ahead of ours; None when it was not heard lately."""
        known = self._heard.get(host)
        return known[1] if known is not None and abs(now - known[0]) < FRESH else None

    def blame(self, headers: Mapping[str, str], now: int) -> bool:
        """Whether it is our clock that lets a signature fail at who answered so: it differs from theirs, and from those
        of most others that were heard lately, however few."""
        ahead = ahead_of(headers, now)
        if ahead is None or abs(ahead) < FAR:
            return False
        found = [other for when, other in self._heard.values() if abs(now - when) < FRESH]
        return bool(found) and abs(_median(found)) >= FAR

    def forget(self) -> None:
        """Begin anew: our own clock was set."""
        self._heard.clear()

    def off(self, now: int, fewest: int = FEWEST) -> int | None:
        """By how many ms most are ahead of ours (less than 0: behind); None when fewer were heard lately."""
        found = [ahead for when, ahead in self._heard.values() if abs(now - when) < FRESH]
        return int(_median(found)) if len(found) >= fewest else None


def _median(numbers: list[int]) -> float:
    """What `statistics` would say, which takes ten modules for it."""
    ordered = sorted(numbers)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
