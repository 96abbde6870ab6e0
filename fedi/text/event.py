"""When and where an Event is, as HTML at the head of its text.

It is kept in the post's text and not made when a post is shown: every door shows the text (pages, client API, search, mail),
so none can forget it, and clients have no field of their own for it. What it is made of stays beside it (`posts.event`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from html import escape
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_STATES = {"cancelled": "CANCELLED", "tentative": "tentative"}


def event_html(event: Mapping[str, Any]) -> str:
    """A paragraph with state, time, places and where to take part, of what `federation.vocabulary.event.read_event` gives.

    Times are those of the event's own zone, with its name and offset; 24 hours and ISO dates, which need no language.
    Safe: everything in it is escaped. Empty when the event says none of it.
    """
    lines = [f"<strong>{_STATES[event['status']]}</strong>"] if event.get("status") in _STATES else []
    when = _when(event)
    if when:
        lines.append(f"📅 {escape(when)}")
    lines += [f"{'💻' if place['kind'] == 'virtual' else '📍'} {_where(place)}" for place in event.get("places") or ()]
    if event.get("join_url"):
        lines.append(f"🎟 {_link(event['join_url'], event['join_url'])}")
    return f"<p>{'<br>'.join(lines)}</p>" if lines else ""


def _when(event: Mapping[str, Any]) -> str | None:
    start, end = event.get("starts_at"), event.get("ends_at")
    if start is None:
        return None
    zone, name = _zone(event)
    try:
        begins = datetime.fromtimestamp(start / 1000, zone)
        ends = datetime.fromtimestamp(end / 1000, zone) if end is not None and end > start else None
    except (ValueError, OverflowError, OSError):
        return None
    shown = f"{begins:%Y-%m-%d %H:%M}"
    if ends is not None:
        shown += f"–{ends:%H:%M}" if ends.date() == begins.date() else f" – {ends:%Y-%m-%d %H:%M}"
    offset = begins.strftime("%z")
    offset = f"UTC{offset[:3]}:{offset[3:5]}" if offset.strip("+-0") else "UTC"
    return f"{shown} ({offset if name is None or name == offset else f'{name}, {offset}'})"


def _zone(event: Mapping[str, Any]) -> tuple[tzinfo, str | None]:
    """The zone of an event: by its name where the system knows it, else the offset that its start was written with."""
    name = event.get("timezone")
    if isinstance(name, str):
        try:
            return ZoneInfo(name), name
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    offset = event.get("offset")
    return (timezone(timedelta(minutes=offset)) if isinstance(offset, int) else UTC), None


def _where(place: Mapping[str, Any]) -> str:
    text = ", ".join(one for one in (place.get("name"), place.get("address")) if one)
    return _link(place["url"], text or place["url"]) if place.get("url") else escape(text)


def _link(url: str, text: str) -> str:
    return f'<a href="{escape(url)}" rel="nofollow noopener noreferrer">{escape(text)}</a>'
