"""Dates in words, for sentences that people read."""

from datetime import UTC, datetime, timedelta


def day(at: int) -> str:
    """Milliseconds since 1970 as a date in UTC: `24 November 2026`; `the end of time` for what no calendar has."""
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)
    except OverflowError:
        return "the end of time"
    return f"{moment.day} {moment:%B} {moment.year}"
