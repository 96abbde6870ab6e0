"""Events: what an Event has beside its text (FEP-8a8e), in the shapes of Mobilizon, Gancio, WordPress and PieFed.

Not here: title, text, picture and author, which an Event has as every post (`note`).
"""

import re
from typing import Any

from federation.fields import Json, as_list, integer, milliseconds, string, types
from federation.hosts import web_url
from federation.vocabulary.link import url_of

MAX_PLACES = 8
_MAX_TEXT = 300

_OFFSET = re.compile(r"(?:(Z)|([+-])(\d\d):?(\d\d))$", re.IGNORECASE)
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,30}(?:/[A-Za-z0-9_+-]{1,40}){0,2}")
_STATUS = {
    "confirmed": "confirmed",
    "scheduled": "confirmed",
    "eventscheduled": "confirmed",
    "tentative": "tentative",
    "eventpostponed": "tentative",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    "eventcancelled": "cancelled",
}
_ADDRESS = ("streetAddress", "postalCode", "addressLocality", "addressRegion", "addressCountry")


def read_event(document: Json) -> Json | None:
    """What an Event says of time, place and taking part; None when the document is no Event. It is JSON, kept as it is.

    `starts_at`, `ends_at`: ms since 1970, None where nothing (readable) is said, or `displayEndTime` is false.
    `offset`: minutes east of UTC as the start was written, None where it had no offset. `timezone`: an IANA name, not
    looked up here. `places`: at most 8, each {`kind`: physical or virtual, `name`, `address`, `url`} of plain texts or
    None. `status`: confirmed, tentative, cancelled or None. `join_mode`: free, restricted, external, invite, none ... or
    None; `join_url`: where one takes part. `capacity`, `participants`: numbers of people, or None.
    """
    if "Event" not in types(document):
        return None
    shows_end = document.get("displayEndTime") is not False
    return {
        "starts_at": milliseconds(document.get("startTime")),
        "ends_at": milliseconds(document.get("endTime")) if shows_end else None,
        "offset": _offset(string(document.get("startTime"))),
        "timezone": _zone(document.get("timezone")),
        "places": _places(document),
        "status": _status(document),
        "join_mode": _short(document.get("joinMode"), 40),
        "join_url": _join_url(document),
        "capacity": integer(document.get("maximumAttendeeCapacity"), 1, 10_000_000),
        "participants": _participants(document),
    }


def _offset(written: str | None) -> int | None:
    found = _OFFSET.search(written.strip()) if written and len(written) <= 40 else None
    if found is None:
        return None
    if found[1]:
        return 0
    minutes = int(found[3]) * 60 + int(found[4])
    if minutes > 14 * 60:
        return None
    return -minutes if found[2] == "-" else minutes


def _zone(value: object) -> str | None:
    name = string(value)
    return name if name is not None and _ZONE.fullmatch(name) else None


def _status(document: Json) -> str | None:
    # schema.org has IRIs (`https://schema.org/EventCancelled`), iCalendar upper case words.
    said = string(document.get("eventStatus")) or string(document.get("ical:status")) or string(document.get("status"))
    return _STATUS.get(re.split(r"[/#:]", said[:200])[-1].lower()) if said else None


def _join_url(document: Json) -> str | None:
    said = string(document.get("externalParticipationUrl"))
    if said is not None and re.fullmatch(r"mailto:[^\s<>\"?]{3,200}", said):
        return said  # FEP-8a8e has an example of it
    return web_url(said)


def _participants(document: Json) -> int | None:
    attendees = document.get("attendees")
    total = attendees.get("totalItems") if isinstance(attendees, dict) else None
    return integer(document.get("participantCount") if total is None else total, 0, 10_000_000)


def _places(document: Json) -> list[Json]:
    found = [one for value in as_list(document.get("location")) if (one := _place(value)) is not None]
    return found[:MAX_PLACES]


def _place(value: object) -> Json | None:
    """One place: a text (which FEP-8a8e forbids and many send), a Place, or a VirtualLocation."""
    if isinstance(value, str):
        address = web_url(value)
        if address is not None:
            return {"kind": "virtual", "name": None, "address": None, "url": address}
        name = _short(value)
        return None if name is None else {"kind": "physical", "name": name, "address": None, "url": None}
    if not isinstance(value, dict):
        return None
    kinds = types(value)
    virtual = any(one.rpartition(":")[2] == "VirtualLocation" for one in kinds)
    place = {
        "kind": "virtual" if virtual else "physical",
        "name": _short(value.get("name")),
        "address": None if virtual else _address(value.get("address")),
        "url": url_of(value.get("url")),
    }
    # A Place without a name or an address (Gancio's `bad-location-without-a-name`) says nothing.
    return place if place["name"] or place["address"] or place["url"] else None


def _address(value: object) -> str | None:
    """An address in one line: as it was written, or from the parts of a PostalAddress."""
    if isinstance(value, dict):
        parts: list[Any] = [_short(value.get(name)) for name in _ADDRESS]
        street, code, town, region, country = parts
        town = " ".join(one for one in (code, town) if one) or None
        return ", ".join(one for one in (street, town, region, country) if one)[:_MAX_TEXT] or None
    return _short(value)


def _short(value: object, limit: int = _MAX_TEXT) -> str | None:
    text = string(value)
    return " ".join(text[: 4 * limit].split())[:limit] or None if text is not None else None
