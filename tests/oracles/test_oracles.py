"""The oracles themselves: they take what those servers, and others they understand, really send, and refuse what they do."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.federation.samples import CORPUS, peer
from tests.oracles.lemmy import Lemmy, Refused
from tests.oracles.mastodon import Dropped, show

absent = pytest.mark.skipif(not CORPUS.exists(), reason="the corpus of recorded JSON is not beside the checkout")

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"

TAKEN = [
    ("lemmy/object-page.json", "https://enterprise.lemmy.ml/c/tenforward"),
    ("lemmy/object-v0.19-page.json", "https://enterprise.lemmy.ml/c/tenforward"),
    ("lemmy/object-comment.json", "https://enterprise.lemmy.ml/c/tenforward"),
    ("mastodon/object-page.json", ""),
    ("nodebb/object-v0.19-page.json", ""),
    ("wordpress/object-page.json", "https://dbzer0.com/?author=0"),
    ("friendica/object-page_2.json", ""),
    ("lotide/object-note.json", "https://narwhal.city/communities/4"),
    ("lemmy/activity-create_page.json", ""),
    ("lemmy/activity-update_page.json", ""),
    ("lemmy/activity-create_comment.json", ""),
    ("lemmy/activity-v0.19-create_note.json", ""),
    ("lotide/activity-create_page.json", ""),
    (
        "peertube/object-peertube-video.json",
        "https://framatube.org/video-channels/bf54d359-cfad-4935-9d45-9d6be93f63e8",
    ),
]
"""Documents that Lemmy's own tests take, and the group that they are for where `audience`, `to` or `cc` leave a doubt."""


def lemmy_for(document: dict[str, Any], group: str) -> Lemmy:
    """A Lemmy that knows the group of a document, and what it answers."""
    named = document.get("audience") or group
    if not named:
        addressed = [one for name in ("to", "cc") for one in _list(document.get(name)) if one != PUBLIC]
        named = next(one for one in addressed if not one.endswith("/followers"))
    reply = document.get("inReplyTo")
    return Lemmy({named: False}, frozenset({reply} if isinstance(reply, str) else ()))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@absent
@pytest.mark.parametrize(("name", "group"), TAKEN)
def test_lemmy_takes_what_it_takes(name: str, group: str) -> None:
    # Lemmy's own recordings are of a development setup without TLS.
    text = (CORPUS / name).read_text("utf-8").replace("http://enterprise.lemmy.ml", "https://enterprise.lemmy.ml")
    document = json.loads(text.replace("http://ds9.lemmy.ml", "https://ds9.lemmy.ml"))
    if "object" in document:
        taken = lemmy_for(document["object"], group).activity(document)
    else:
        taken = lemmy_for(document, group).object(document)
    assert taken.title or taken.parent


@absent
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("mastodon/activity-mastodon-question-activity.json", "type 'Question'"),
        ("pleroma/object-poll_original.json", "type 'Question'"),
        ("mobilizon/object-event.json", "no community"),  # it names its group as the author only
        ("discourse/object-page.json", "not Public"),  # PR 154 there
    ],
)
def test_lemmy_refuses_what_others_send(name: str, why: str) -> None:
    document = json.loads((CORPUS / name).read_text("utf-8"))
    document = document["object"] if isinstance(document.get("object"), dict) else document
    with pytest.raises(Refused, match=why):
        Lemmy({document.get("audience") or "https://g.example": False}).object(document)


GROUP = "https://g.example/c/g"
LEMMY = Lemmy({GROUP: False, "https://g.example/c/closed": True}, frozenset({"https://g.example/post/1"}))
PAGE: dict[str, Any] = {
    "id": "https://a.example/1",
    "type": "Page",
    "attributedTo": "https://a.example/u",
    "to": [GROUP, PUBLIC],
    "name": "Title",
}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"type": "Question"}, "type 'Question' is no post"),
        ({"type": ["Page"]}, "is no post"),
        ({"type": "Article", "name": None}, "neither name nor content"),
        ({"name": "", "content": "x"}, "an empty title"),
        ({"to": [GROUP]}, "not Public"),
        ({"to": ["https://g.example/c/closed", PUBLIC]}, "Public in a private"),
        ({"to": [PUBLIC]}, "no community"),
        ({"audience": "https://a.example/u"}, "audience is no community"),
        ({"audience": [GROUP]}, "audience"),
        ({"id": "https://b.example/1"}, "another host"),
        ({"id": "https://a.example:8443/1"}, "port"),
        ({"id": "http://a.example/1"}, "not https"),
        ({"id": "https://ä.example/1", "attributedTo": "https://ä.example/u"}, "not ASCII"),
        ({"attributedTo": ["https://a.example/u"]}, "without one Person"),
        ({"attachment": {"type": "Link", "href": "https://x.example"}}, "no list"),
        ({"attachment": [{"type": "Video", "url": "https://x.example/v"}]}, "attachment of type 'Video'"),
        ({"attachment": [{"type": "Link", "href": "nonsense"}]}, "without an address"),
        ({"language": "en"}, "language"),
        ({"mediaType": "text/plain"}, "mediaType"),
        ({"published": "yesterday"}, "no time"),
        ({"published": "2026-01-01T00:00:00"}, "no zone"),
        ({"context": {"id": "https://a.example/c"}}, "context"),
        ({"inReplyTo": "https://g.example/post/2", "type": "Note", "content": "x"}, "parent"),
        ({"inReplyTo": "https://g.example/post/1", "type": "Page", "content": "x"}, "is no comment"),
        ({"inReplyTo": "https://g.example/post/1", "type": "Question", "content": "x"}, "is no comment"),
        ({"inReplyTo": "https://g.example/post/1", "type": "Note"}, "without content"),
    ],
)
def test_lemmy_refuses_what_it_refuses(changes: dict[str, Any], why: str) -> None:
    assert LEMMY.object(PAGE).title == "Title"
    with pytest.raises(Refused, match=why):
        LEMMY.object({**PAGE, **changes})


def test_lemmy_reads_titles_as_it_does() -> None:
    note = {
        **PAGE,
        "type": "Note",
        "name": None,
        "content": '<p><a href="https://g.example/c/g">@g</a> First</p><p>Second</p>',
    }
    assert LEMMY.object(note).title == "First"
    assert LEMMY.object({**PAGE, "name": "x" * 300}).title == "x" * 200
    loopback = {**PAGE, "id": "http://127.0.0.1:8001/1", "attributedTo": "http://127.0.0.1:8001/u"}
    with pytest.raises(Refused):
        LEMMY.object(loopback)
    assert Lemmy(LEMMY.groups, loopback=True).object(loopback).title == "Title"


def mastodons() -> list[Path]:
    """What Mastodon itself sent: objects, and the Creates of them."""
    names = (
        "object-note",
        "object-masto",
        "object-status",
        "object-10",
        "object-page",
        "activity-create",
        "activity-mastodon-post",
    )
    found = [path for path in sorted((CORPUS / "mastodon").glob("*.json")) if path.name.startswith(names)]
    return [path for path in found if not path.name.endswith("-tags.json")]


@absent
@pytest.mark.parametrize("path", mastodons(), ids=lambda path: path.name)
def test_mastodon_shows_what_it_sends(path: Path) -> None:
    document = json.loads(path.read_text("utf-8"))
    inner = document["object"] if isinstance(document.get("object"), dict) else document
    inner = {"@context": document.get("@context"), **inner}
    if not inner.get("published") or not inner.get("@context"):
        pytest.skip("cut down by whoever recorded it")
    status = show(inner)
    assert status.author.startswith("http")
    assert status.plain.strip() or status.attachments


def test_mastodon_shows_a_poll_as_a_poll() -> None:
    activity = peer("mastodon/activity-mastodon-question-activity.json")
    status = show({"@context": activity["@context"], **activity["object"]})
    assert status.poll is not None
    assert list(status.poll.values()) == [0, 1, 0, 1]
    assert status.poll_ends is not None
    # Only a Question is one, and `anyOf` hides `oneOf`, even an empty one does not.
    note = {"@context": activity["@context"], **activity["object"], "type": "Note"}
    assert show(note).poll is None


def test_mastodon_converts_what_is_no_note() -> None:
    status = show(peer("wordpress/object-page.json") | {"@context": "https://www.w3.org/ns/activitystreams"})
    assert status.text.startswith("<h2>An Epic 3D-Printed Fan Expansion for Last Light</h2>")
    assert "I like the Last Light boardgame" in status.text
    assert "I recently got my hands on" not in status.text  # its content
    assert status.links == [status.url]
    assert status.spoiler == ""


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"@context": "https://example.org/ns"}, "context"),
        ({"type": "Document"}, "neither shown nor converted"),
        ({"attributedTo": "https://b.example/u"}, "another host"),
        ({"attributedTo": None}, "no author"),
    ],
)
def test_mastodon_drops_what_it_drops(changes: dict[str, Any], why: str) -> None:
    note = {
        **PAGE,
        "@context": "https://www.w3.org/ns/activitystreams",
        "type": "Note",
        "published": "2026-01-01T00:00:00Z",
    }
    assert show(note).visibility == "public"
    with pytest.raises(Dropped, match=why):
        show({**note, **changes})
