"""Words in the reader's language: which one is chosen, that units of work know it, and dates and hours in their zone."""

import re
import warnings
from datetime import UTC, datetime

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po

import fedi
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


def test_days_that_no_calendar_has_break_no_page() -> None:
    """A group may end on the last day of 9999, and a peer may say anything of when something was."""
    for zone in ("Pacific/Kiritimati", "America/Los_Angeles"):
        with languages.using("en", zone):
            assert languages.day(253_402_300_799_999).endswith("December 9999")
            assert languages.day(-62_135_596_800_000).endswith("January 1")


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


def _marks(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)[sd]|%%|\{\w*\}|<[^>]+>|&\w+;", text))


@pytest.fixture(scope="module")
def texts() -> set[str | tuple[str, ...]]:
    """Every text of pages, mail and answers, as `make catalogues` finds them; those with a number have two forms."""
    methods = [("web/templates/**.html", "jinja2"), ("**.py", "python")]
    options = {"web/templates/**.html": {"trimmed": "true", "silent": "false"}}
    keywords = {**DEFAULT_KEYWORDS, "_": None, "N_": None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {row[2] for row in extract_from_dir(fedi.__path__[0], methods, options, keywords)}


@pytest.mark.parametrize("code", [one for one in languages.available() if one != languages.SOURCE])
def test_every_text_is_in_every_language(code: str, texts: set[str | tuple[str, ...]]) -> None:
    """With the same places for names and numbers, in all forms that the language has."""
    with (languages.FOLDER / f"{code}.po").open("rb") as file:
        catalogue = read_po(file, locale=code.replace("-", "_"))
    wrong = []
    for text in texts:
        known = catalogue.get(text)
        forms = () if known is None else known.string if isinstance(known.string, tuple) else (known.string,)
        plural = isinstance(text, tuple)
        if len(forms) != (catalogue.num_plurals if plural else 1) or not all(forms) or (known and known.fuzzy):
            wrong.append(f"not translated: {text!r}")
            continue
        # The form for one may say «one» in words.
        wanted = _marks(text[-1] if plural else str(text))
        some = [form for place, form in enumerate(forms) if _marks(str(form)) != wanted and (place or not plural)]
        wrong += [f"other places than {text!r}: {form!r}" for form in some]
    assert not wrong, f"{len(wrong)} texts; «make catalogues» brings new ones into the files: {wrong[:20]}"
