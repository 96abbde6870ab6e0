"""Words in the reader's language: which one is chosen, that units of work know it, and dates and hours in their zone."""

from datetime import UTC, datetime

import pytest

from fedi import languages
from storage.database import Database

AT = int(datetime(2026, 4, 5, 13, 30, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.5", "de"),
        ("xx,fr;q=0.2,es;q=0.8", "es"),
        ("en-GB,de;q=0.9", "en"),
        ("de;q=0,fr;q=0.1", "fr"),
        ("*", "en"),
        ("", "en"),
        ("de;q=nonsense,fr", "fr"),
        (";;;,,," * 100, "en"),
    ],
)
def test_the_language_of_a_browser(header: str, chosen: str) -> None:
    assert languages.choose(header) == chosen


async def test_units_of_work_know_who_reads(db: Database) -> None:
    with languages.using("fr", "America/Lima"):
        read = await db.read(lambda tx: languages.reader())
        written = await db.write(lambda tx: languages.reader())
    assert read == written == languages.Reader("fr", "America/Lima")
    assert await db.read(lambda tx: languages.reader()) == languages.Reader()


def test_dates_and_hours_are_those_of_the_reader() -> None:
    assert (languages.day(AT), languages.hour(AT)) == ("5 April 2026", "13:30 UTC")
    with languages.using("de", "Pacific/Auckland"):  # where daylight time ended that night
        assert (languages.day(AT), languages.hour(AT)) == ("6. April 2026", "01:30")
        assert languages.number(12345) == "12.345"
    with languages.using("es", "Asia/Kolkata"):
        assert (languages.day(AT), languages.hour(AT)) == ("5 de abril de 2026", "19:00")


def test_what_is_unknown_counts_as_english_without_a_zone() -> None:
    with languages.using("tlh", "Mars/Olympus"):
        assert languages.reader() == languages.Reader()
        assert languages.gettext("Never translated") == "Never translated"


def test_how_long_ago() -> None:
    minute, day = 60_000, 24 * 3600 * 1000
    assert languages.ago(AT, AT + 5 * minute) == "5 min ago"
    assert languages.ago(AT, AT + 30 * day) == "5 Apr"
    with languages.using("de"):
        assert languages.ago(AT, AT + 5 * minute) == "vor 5 Min."
        assert languages.ago(AT, AT + 30 * day) == "5. Apr."
        assert languages.ago(AT, AT + 400 * day) == "05.04.2026"
