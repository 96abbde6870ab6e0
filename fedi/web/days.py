"""Days that forms send."""

from datetime import UTC, datetime

from fedi.errors import Invalid
from fedi.languages import _

_DAY = 24 * 3600 * 1000


def end_of(day: str) -> int | None:
    """The last moment (ms) of the day that a date field names, in UTC; None for an empty one. Raises Invalid."""
    if not day:
        return None
    try:
        begins = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as problem:
        raise Invalid(_("The end of a ban is a date, as 2026-12-31, or empty for none.")) from problem
    return int(begins.timestamp() * 1000) + _DAY - 1
