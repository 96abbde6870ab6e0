"""When a person's digests leave: at their hour by the clock of their time zone, once on each of their days. Pure.

On the day on which that hour does not exist (the clock is set forward over it) the digest leaves at the moment of the change,
which is the next hour; on the day that has it twice, at the first.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from fedi import languages

EVERY = ("day", "week", "never")
HOUR, WEEKDAY = 18, 0
"""What stands where a person chose neither: six in the evening, Monday."""


@dataclass(frozen=True, slots=True)
class Wish:
    """When a person wants digests: `every` day or week (`weekday` from Monday, 0), or never; `quiet`: none until then (ms)."""

    every: str
    hour: int
    weekday: int
    zone: str
    quiet: int | None

    def is_weekly(self, at: int) -> bool:
        """Whether a digest that leaves then (ms) is one that sums up the week."""
        return self.every == "week" or _local(at, self.zone).weekday() == self.weekday


def wish(settings: dict[str, Any]) -> Wish:
    """What a person's settings say; what was never chosen, or can't be, is never, six in the evening, Monday, UTC."""
    digest = settings.get("digest")
    digest = digest if isinstance(digest, dict) else {}
    every, zone, quiet = digest.get("every"), settings.get("time_zone"), settings.get("quiet")
    return Wish(
        every if every in EVERY else "never",
        _within(digest.get("hour"), 24, HOUR),
        _within(digest.get("weekday"), 7, WEEKDAY),
        zone if isinstance(zone, str) else "",
        min(quiet, _LATEST) if type(quiet) is int else None,
    )


_LATEST = 4_102_444_800_000
"""Later (2100) is for ever: of the last days of the year 9999 no calendar knows what they are in another time zone."""


def _within(value: Any, below: int, otherwise: int) -> int:
    return value if type(value) is int and 0 <= value < below else otherwise


def following(wanted: Wish, after: int) -> int | None:
    """When the first digest after `after` (ms) leaves; None where none does."""
    if wanted.every == "never":
        return None
    zone = languages.zone_of(wanted.zone)
    first = _local(after, wanted.zone)
    for days in range(-1, 10):
        # The day before as well: where a zone has skipped one, its hour is that of the next.
        date = (first + timedelta(days=days)).date()
        if wanted.every == "week" and date.weekday() != wanted.weekday:
            continue
        # fold=0: of an hour that comes twice the first; of one that does not come, the moment at which it would have begun.
        moment = datetime(date.year, date.month, date.day, wanted.hour, tzinfo=zone, fold=0)
        at = int(moment.timestamp()) * 1000
        if at > after:
            return at
    return None


def _local(at: int, zone: str) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(languages.zone_of(zone))
