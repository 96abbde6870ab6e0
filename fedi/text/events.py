"""When and where an event is, in words: what an Event has beside its text, for clients and pages that know only text."""

import html
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

_STATES = {"cancelled": "Cancelled", "tentative": "Not certain yet"}


def when(event: Mapping[str, Any]) -> str | None:
    """The time of an event as `federation.vocabulary.event` reads it: `24 November 2026, 14:00 to 16:00 (Europe/Berlin)`.

    In its own time zone; in UTC where it has none, or one that nobody here knows. None without a start that can be told.
    """
    zone, name = _zone(event)
    begins, ends = _moment(event.get("starts_at"), zone), _moment(event.get("ends_at"), zone)
    if begins is None:
        return None
    shown = f"{_day(begins)}, {begins:%H:%M}"
    if ends is not None and ends > begins:
        shown += f" to {ends:%H:%M}" if ends.date() == begins.date() else f" to {_day(ends)}, {ends:%H:%M}"
    return f"{shown} ({name})"


def places(event: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """Where an event is: (words, web address or None) of each place."""
    found = []
    for place in event.get("places") or []:
        words = ", ".join(str(place[part]) for part in ("name", "address") if place.get(part))
        address = place.get("url")
        web = address if isinstance(address, str) and address.startswith(("https://", "http://")) else None
        if words or web:
            found.append((words or str(web), web))
    return found


def state(event: Mapping[str, Any]) -> str | None:
    """`Cancelled` or `Not certain yet`; None for what takes place."""
    return _STATES.get(str(event.get("status")))


def to_html(event: Mapping[str, Any]) -> str:
    """State, time, places and where to take part, as paragraphs to stand before the text."""
    lines: list[str] = []
    said = state(event)
    if said is not None:
        lines.append(f"<strong>{said}</strong>")
    time = when(event)
    if time is not None:
        lines.append(f"When: {html.escape(time, quote=False)}")
    lines += [f"Where: {_linked(words, address)}" for words, address in places(event)]
    joined = event.get("join_url")
    if isinstance(joined, str) and joined.startswith(("https://", "http://")):
        lines.append(f"Take part: {_linked(joined, joined)}")
    return f"<p>{'<br>'.join(lines)}</p>" if lines else ""


def _linked(words: str, address: str | None) -> str:
    shown = html.escape(words, quote=False)
    if address is None:
        return shown
    return f'<a href="{html.escape(address)}" rel="nofollow noopener" target="_blank">{shown}</a>'


def _zone(event: Mapping[str, Any]) -> tuple[tzinfo, str]:
    name, offset = event.get("timezone"), event.get("offset")
    if isinstance(name, str):
        try:
            return ZoneInfo(name), name
        except (OSError, ValueError, KeyError):  # not in the database of this machine
            pass
    if isinstance(offset, int) and offset and abs(offset) < 24 * 60:
        sign, minutes = "-" if offset < 0 else "+", abs(offset)
        return timezone(timedelta(minutes=offset)), f"UTC{sign}{minutes // 60:02}:{minutes % 60:02}"
    return UTC, "UTC"


def _moment(at: Any, zone: tzinfo) -> datetime | None:
    if not isinstance(at, int):
        return None
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).astimezone(zone)
    except (OverflowError, ValueError):
        return None


def _day(at: datetime) -> str:
    return f"{at.day} {at:%B} {at.year}"
