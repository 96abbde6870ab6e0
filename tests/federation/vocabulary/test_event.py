"""Events of FEP-8a8e, and as Mobilizon, Gancio and others write them."""

from typing import Any

import pytest

from federation.vocabulary.event import read_event
from federation.vocabulary.note import read_post
from fedi.text.event import event_html
from tests.federation.samples import peer

BASE: dict[str, Any] = {"type": "Event", "name": "x", "startTime": "2026-12-01T18:00:00+01:00"}


def test_mobilizons_event() -> None:
    event = read_event(peer("mobilizon/object-event.json"))
    assert event is not None
    assert (event["starts_at"], event["ends_at"]) == (1_670_785_200_000, 1_670_792_400_000)
    assert (event["timezone"], event["offset"], event["status"]) == ("Europe/London", 0, "confirmed")
    assert (event["join_mode"], event["participants"], event["capacity"]) == ("free", 0, None)
    assert event["places"] == [
        {
            "kind": "physical",
            "name": "The Kenn Centre",
            "address": "Devon Expressway, EX6 7TW Teignbridge, England, United Kingdom",
            "url": None,
        }
    ]
    assert event_html(event) == (
        "<p>📅 2022-12-11 19:00–21:00 (Europe/London, UTC)<br>"
        "📍 The Kenn Centre, Devon Expressway, EX6 7TW Teignbridge, England, United Kingdom</p>"
    )
    # A post like any other beside: its banner is shown.
    post = read_post(peer("mobilizon/object-event.json"))
    assert post.event == event
    assert [one["kind"] for one in post.attachments] == ["image"]


def test_gancios_event_has_an_offset_and_no_zone() -> None:
    event = read_event(peer("gancio/activity-gancio-event-activity.json")["object"])
    assert event is not None
    assert event_html(event) == "<p>📅 2021-07-14 17:30–18:30 (UTC+02:00)<br>📍 Colosseo</p>"
    place = peer("gancio/object-physical-location-with-postal-address.json")
    read = read_event({**BASE, "location": place})
    assert read is not None
    assert read["places"][0]["address"] == "15 Fediverse Street, 8010 Fediverse Town, Steiermark, Austria"


def test_fep_8a8e_places_of_two_kinds_and_a_zone_by_name() -> None:
    several = read_event(peer("fep/object-8a8e-05.json"))
    assert several is not None
    assert [(one["kind"], one["url"]) for one in several["places"]] == [
        ("physical", "https://university.example.com"),
        ("virtual", "https://bbb.example.com/meeting-room-1"),
        ("virtual", "https://peertube.example.com/fediverse-discussion"),
    ]
    rome = read_event(peer("fep/object-8a8e-01.json"))
    assert rome is not None
    assert event_html(rome) == "<p>📅 2014-12-31 23:00 – 2015-01-01 04:00 (Europe/Rome, UTC+01:00)</p>"


def test_fep_8a8e_taking_part_elsewhere() -> None:
    event = read_event(peer("fep/object-8a8e-06.json"))
    assert event is not None
    assert (event["join_mode"], event["join_url"]) == ("external", "https://example.org/foo#register")
    assert 'href="https://example.org/foo#register"' in event_html(event)


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "<p>📅 2026-12-01 18:00 (UTC+01:00)</p>"),
        ({"startTime": "2026-12-01T18:00:00"}, "<p>📅 2026-12-01 18:00 (UTC)</p>"),
        ({"timezone": "Mars/Olympus"}, "<p>📅 2026-12-01 18:00 (UTC+01:00)</p>"),
        ({"timezone": "../../etc/passwd"}, "<p>📅 2026-12-01 18:00 (UTC+01:00)</p>"),
        ({"timezone": "Asia/Kathmandu"}, "<p>📅 2026-12-01 22:45 (Asia/Kathmandu, UTC+05:45)</p>"),
        ({"endTime": "2026-12-01T19:00:00+01:00", "displayEndTime": False}, "<p>📅 2026-12-01 18:00 (UTC+01:00)</p>"),
        ({"endTime": "2026-11-01T19:00:00+01:00"}, "<p>📅 2026-12-01 18:00 (UTC+01:00)</p>"),  # ends before it begins
        ({"startTime": "soon"}, ""),
        ({"startTime": None, "eventStatus": "https://schema.org/EventCancelled"}, "<p><strong>CANCELLED</strong></p>"),
        ({"startTime": None, "ical:status": "TENTATIVE"}, "<p><strong>tentative</strong></p>"),
        ({"startTime": None, "location": "Room 5 <b>"}, "<p>📍 Room 5 &lt;b&gt;</p>"),  # a text, which the FEP forbids
        ({"startTime": None, "location": {"type": "Place"}}, ""),  # Gancio's place without a name
        ({"startTime": None, "location": [None, 5, {"name": "A"}]}, "<p>📍 A</p>"),
        ({"startTime": None, "externalParticipationUrl": "javascript:alert(1)"}, ""),
    ],
)
def test_what_is_shown(changes: dict[str, Any], shown: str) -> None:
    event = read_event({**BASE, **changes})
    assert event is not None
    assert event_html(event) == shown


def test_no_event() -> None:
    assert read_event({**BASE, "type": "Note"}) is None
    many = read_event({**BASE, "location": [{"name": "x" * 9000}] * 500})
    assert many is not None
    assert (len(many["places"]), len(many["places"][0]["name"])) == (8, 300)
