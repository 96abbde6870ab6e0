"""The reader's language and time zone: words of ours in it, dates and numbers as it writes them.

English texts are the keys, as gettext has it. A language is one file, `fedi/locale/CODE.po`; to add one, `make catalogues
LANGUAGE=it`, translate, done. In Python `_("…")` is the text in the reader's language at that moment; a constant is marked
by `N_("…")` where it stands and asked by `_(constant)` where it is shown. Doors say who reads (`use`); whoever writes for
somebody else, as mail does, says it for a while (`using`). The context goes along into units of work.
"""

import contextlib
import gettext as gettext_module
import io
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

SOURCE = "en"
FOLDER = Path(__file__).with_name("locale")
_RIGHT_TO_LEFT = frozenset("ar arc ckb dv fa he ks nqo ps sd syr ug ur yi".split())


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom words are made. `language`: code of a catalogue; `zone`: IANA name of a time zone, empty where it is not known."""

    language: str = SOURCE
    zone: str = ""


_reader: ContextVar[Reader] = ContextVar("reader", default=Reader())  # noqa: B039 - it is frozen


def reader() -> Reader:
    """Who reads what is made now."""
    return _reader.get()


def use(language: str = "", zone: str = "") -> None:
    """From here on in this task words are for who reads `language` in `zone`; what is not known here counts as English and
    as no zone."""
    _reader.set(Reader(language if language in available() else SOURCE, zone if is_zone(zone) else ""))


@contextlib.contextmanager
def using(language: str = "", zone: str = "") -> Iterator[None]:
    """As `use`, until the block ends."""
    before = _reader.get()
    use(language, zone)
    try:
        yield
    finally:
        _reader.set(before)


@lru_cache(1)
def available() -> tuple[str, ...]:
    """Codes of the languages that pages are in: English, then those of the files in `fedi/locale` (`de`, `pt-BR`)."""
    return (SOURCE, *sorted(file.stem for file in FOLDER.glob("*.po")))


def named(code: str) -> str:
    """What a language calls itself: Deutsch."""
    name = _locale(code).get_display_name(code.replace("-", "_")) or code
    return str(name[:1].upper() + name[1:])


def choose(header: str) -> str:
    """The language for who sends this `Accept-Language` (RFC 9110 section 12.5.4); English where nothing fits."""
    wished: list[tuple[float, int, str]] = []
    for at, part in enumerate(header[:400].split(",")):
        tag, _, weight = part.partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if 0 < quality <= 1:
            wished.append((-quality, at, tag.strip().lower()))
    known = {code.lower(): code for code in available()}
    for _, _, tag in sorted(wished):
        if found := known.get(tag) or known.get(tag.partition("-")[0]):
            return found
    return SOURCE


def direction(code: str) -> str:
    """`rtl` for a language that is written from right to left, else `ltr`."""
    return "rtl" if code.partition("-")[0] in _RIGHT_TO_LEFT else "ltr"


@lru_cache(32)
def _catalogue(code: str) -> gettext_module.NullTranslations:
    """The texts of a language. Read from the file as it is, so that nothing has to be compiled to add one."""
    if code == SOURCE:
        return gettext_module.NullTranslations()
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with (FOLDER / f"{code}.po").open("rb") as file:
        read = read_po(file, locale=code.replace("-", "_"))
    compiled = io.BytesIO()
    write_mo(compiled, read)
    compiled.seek(0)
    return gettext_module.GNUTranslations(compiled)


def gettext(text: str) -> str:
    """`text`, a key in English, in the reader's language; as it is where there is no translation."""
    code = _reader.get().language
    return text if code == SOURCE or not text else _catalogue(code).gettext(text)


def ngettext(one: str, many: str, number: int) -> str:
    """The form of a text that goes with `number`, in the reader's language."""
    code = _reader.get().language
    return (one if number == 1 else many) if code == SOURCE else _catalogue(code).ngettext(one, many, number)


def N_(text: str) -> str:  # noqa: N802 - as everybody calls it
    """Mark a constant for the catalogues; it is translated by `_(…)` where it is shown."""
    return text


_ = gettext


def _locale(code: str) -> Any:
    return _known_locale(code)


@lru_cache(32)
def _known_locale(code: str) -> Any:
    from babel import Locale

    return Locale.parse(code.replace("-", "_"))


@lru_cache(1)
def zones() -> tuple[str, ...]:
    """The names of time zones that one may choose, as `Europe/Berlin`."""
    return tuple(sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/")))


@lru_cache(1)
def _all_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def is_zone(name: str) -> bool:
    """Whether there is a time zone of this name."""
    return name in _all_zones() if name else False


def zone_of(name: str) -> tzinfo:
    """The time zone of this name; UTC where there is none."""
    return ZoneInfo(name) if is_zone(name) else UTC


_FIRST, _LAST = -62_135_424_000_000, 253_402_128_000_000
"""Two days within the years 1 and 9999: no calendar here has others, and in the east it is the year 10000 before it is in UTC."""


def local(at: int) -> datetime:
    """Milliseconds since 1970 as the reader's clock shows them; what no calendar has becomes the first or the last day of one."""
    return datetime.fromtimestamp(max(_FIRST, min(at, _LAST)) / 1000, zone_of(_reader.get().zone))


def day(at: int) -> str:
    """Milliseconds since 1970 as a date: 24 November 2026."""
    moment, code = local(at), _reader.get().language
    if code == SOURCE:
        return f"{moment.day} {moment:%B %Y}"
    from babel.dates import format_date

    return str(format_date(moment, "long", locale=_locale(code)))


def hour(at: int) -> str:
    """Milliseconds since 1970 as a time of day: 18:05, with UTC behind it where the reader's zone is not known."""
    return f"{local(at):%H:%M}" + ("" if _reader.get().zone else " UTC")


def ago(at: int, now: int) -> str:
    """How long ago that was, in few letters; a date when it is more than a week."""
    minutes = max(0, now - at) // 60_000
    if minutes < 1:
        return gettext("just now")
    code = _reader.get().language
    if minutes < 7 * 24 * 60:
        if code == SOURCE:
            if minutes < 60:
                return f"{minutes} min ago"
            return f"{minutes // 60} h ago" if minutes < 24 * 60 else f"{minutes // (24 * 60)} d ago"
        from babel.dates import format_timedelta

        past = timedelta(minutes=-minutes)
        return str(format_timedelta(past, add_direction=True, format="short", threshold=1, locale=_locale(code)))
    moment = local(at)
    recent = now - at < 300 * 24 * 3600 * 1000
    if code == SOURCE:
        shown = f"{moment.day} {moment:%b}"
        return shown if recent else f"{shown} {moment.year}"
    from babel.dates import format_date, format_skeleton

    if recent:
        return str(format_skeleton("MMMd", moment, locale=_locale(code)))
    return str(format_date(moment, "medium", locale=_locale(code)))


def number(value: float) -> str:
    """A number with the separators of the reader's language: 12,345."""
    code = _reader.get().language
    if code == SOURCE:
        return f"{value:,}"
    from babel.numbers import format_decimal

    return str(format_decimal(value, locale=_locale(code)))
