"""Bytes to activities: limits, and what is refused for which reason."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import fields
from federation.errors import FederationError, Malformed, TooLarge, UnsupportedHost
from federation.parse import MAX_BYTES, MAX_DEPTH, parse, parse_document
from federation.vocabulary.actor import read_actor
from federation.vocabulary.collection import read_collection
from federation.vocabulary.note import read_post
from tests.federation.samples import raw

AS2 = "https://www.w3.org/ns/activitystreams"
FOLLOW = {
    "@context": AS2,
    "id": "https://alpha.example/activities/1",
    "type": "Follow",
    "actor": "https://alpha.example/people/alice",
    "object": "https://beta.example/groups/mlops",
}


def encoded(**changes: Any) -> bytes:
    """FOLLOW with some fields changed; None takes one out."""
    return json.dumps({name: value for name, value in {**FOLLOW, **changes}.items() if value is not None}).encode()


def test_an_activity_keeps_its_bytes_and_its_object_as_they_came() -> None:
    body = raw("lemmy/activity-announce_create_page.json")
    activity = parse(body)
    assert activity.type == "Announce"
    assert activity.actor == "http://enterprise.lemmy.ml/c/main"
    assert activity.raw is body
    assert activity.object == json.loads(body)["object"]
    assert activity.audience.public_in == "to"
    assert activity.audience.cc == ("http://enterprise.lemmy.ml/c/main/followers",)
    assert repr(body) not in repr(activity)


def test_published_comes_in_milliseconds() -> None:
    assert parse(encoded(published="2021-10-29T15:10:51.557399Z")).published == 1_635_520_251_557
    assert parse(encoded(published="yesterday")).published is None


@pytest.mark.parametrize("actor", ["https://alpha.example/people/alice", {"id": "https://alpha.example/people/alice"}])
def test_the_actor_may_be_embedded_or_in_a_list(actor: object) -> None:
    assert parse(encoded(actor=actor)).actor == "https://alpha.example/people/alice"
    assert parse(encoded(actor=[actor])).actor == "https://alpha.example/people/alice"


def test_the_type_may_be_a_list() -> None:
    assert parse(encoded(type=["http://schema.org/LikeAction", "as:Like"])).type == "Like"


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": 17},
        {"id": "tag:alpha.example,2020:1"},
        {"id": "https://user@alpha.example/1"},
        {"id": "https://alpha.example/a b"},
        {"type": None},
        {"type": []},
        {"type": 3},
        {"actor": None},
        {"actor": 5},
        {"actor": "alice"},
        {"actor": ["https://alpha.example/a", "https://alpha.example/b"]},
        {"actor": {"name": "alice"}},
        {"@context": "https://schema.org/", "type": "Unheard"},
        {"@context": {"name": "http://schema.org/name"}},
        {"@context": 5},
        {"@context": [AS2, 5], "type": "Unheard", "id": None},
        {"@context": None, "type": "Unheard"},
    ],
)
def test_what_is_no_activity(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        parse(encoded(**changes))


def test_an_id_at_an_impossible_host() -> None:
    with pytest.raises(UnsupportedHost):
        parse(encoded(id="https://127.1/activities/1"))


@pytest.mark.parametrize(
    "context",
    [
        None,
        AS2,
        "http://www.w3.org/ns/activitystreams",
        f"{AS2}#",
        ["https://w3id.org/security/v1", AS2],
        {"@vocab": AS2},
        "https://schema.org/",  # AS2 section 2.1: assumed where it is not named
        {"toot": "http://joinmastodon.org/ns#", "actor": {"@id": "as:actor", "@type": "@id"}, "id": "@id"},
    ],
)
def test_contexts_that_name_activitystreams_or_are_absent(context: object) -> None:
    assert parse(encoded(**{"@context": context})).type == "Follow"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b'{"a":1}x',
        b"\xef\xbb\xbf{}",
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',  # half a surrogate pair in UTF-8
        b'{"a":"\\ud800"}',  # and escaped
        b'{"a":"\\uDC00x"}',
        b'{"a":"\\u0000"}',
        b'{"a":["b","\\u0000"]}',
        b'{"\\u0000":1}',
        b'{"a":{"b":{"\\u0000":[1]}}}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":1,"a":2}',
        b'{"id":1,"b":{"c":1,"\\u0063":2}}',  # the same name, spelled twice
        b'{"a":[{"b":1,"b":1}]}',
        b"{'a':1}",
    ],
)
def test_what_is_no_json_object(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse_document(body)


@pytest.mark.parametrize("keyword", ["@graph", "@included", "@reverse", "@nest", "\\u0040graph"])
def test_keywords_that_restructure_are_refused_at_any_depth(keyword: str) -> None:
    """GHSA-53m7-2wrh-q839: a signed activity inside @graph was read as the outer one."""
    for body in (f'{{"{keyword}":[]}}', f'{{"a":[{{"b":{{"{keyword}":1}}}}]}}'):
        with pytest.raises(Malformed, match="keyword"):
            parse_document(body.encode())


@pytest.mark.parametrize(
    "context",
    [
        {"actor": "as:object"},
        [AS2, {"actor": {"@id": "https://evil.example/ns#actor"}}],
        [AS2, {"content": None}],
        [AS2, {"type": "as:formerType"}],
        [AS2, {"attributedTo": {"@id": "as:to", "@type": "@id"}}],
    ],
)
def test_contexts_that_give_names_another_meaning_are_refused(context: object) -> None:
    """CVE-2026-50128: who expands the document would see another one than who reads it as it stands."""
    for document in ({"@context": context}, {"object": {"@context": context, "type": "Note"}}):
        with pytest.raises(Malformed) as caught:
            parse(encoded(**document))
        assert caught.value.code == "redefined-term"


def test_size() -> None:
    body = b'{"a":"' + b"x" * (MAX_BYTES - 8) + b'"}'
    assert len(parse_document(body)["a"]) == MAX_BYTES - 8
    with pytest.raises(TooLarge):
        parse_document(body + b" ")


def test_depth() -> None:
    def nested(levels: int) -> bytes:
        return b'{"a":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"

    assert parse_document(nested(MAX_DEPTH))
    with pytest.raises(TooLarge):
        parse_document(nested(MAX_DEPTH + 1))
    with pytest.raises(TooLarge):
        parse_document(b'{"a":' * 200_000)
    with pytest.raises((TooLarge, Malformed)):
        parse_document(b'{"a":"\\"' + b"[" * 100_000)


def test_brackets_in_strings_are_no_depth() -> None:
    text = "[{" * 500 + '\\"' + "[" * 100
    assert parse_document(f'{{"a":"{text}"}}'.encode())


def test_an_escaped_backslash_before_ud_is_no_surrogate() -> None:
    assert parse_document(b'{"a":"\\\\ud800 \\ud83d\\ude00"}')["a"] == "\\ud800 \U0001f600"


def _read_all(document: dict[str, Any]) -> None:
    for read in (read_actor, read_post, read_collection):
        with contextlib.suppress(FederationError):
            read(document)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10)
    | st.sampled_from(
        ["https://alpha.example/x", "as:Public", "Note", "Person", "Link", "2020-01-01T00:00:00Z", "http://[", ""]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "type", "href", "url", "name", "content", "mediaType", "en", "owner", "icon"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
NAMES = [
    "@context",
    "id",
    "type",
    "actor",
    "object",
    "to",
    "cc",
    "bto",
    "audience",
    "attributedTo",
    "content",
    "contentMap",
    "summary",
    "name",
    "nameMap",
    "mediaType",
    "source",
    "url",
    "tag",
    "attachment",
    "inReplyTo",
    "context",
    "published",
    "updated",
    "language",
    "inLanguage",
    "sensitive",
    "replies",
    "likes",
    "shares",
    "inbox",
    "outbox",
    "preferredUsername",
    "publicKey",
    "assertionMethod",
    "endpoints",
    "icon",
    "image",
    "alsoKnownAs",
    "movedTo",
    "webfinger",
    "orderedItems",
    "items",
    "first",
    "next",
    "totalItems",
    "proof",
    "discoverable",
    "featured",
    "followers",
]


@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=12))
def test_no_shape_raises_anything_else(shape: dict[str, Any]) -> None:
    """Whatever stands where, readers raise their own errors only."""
    whole = {**FOLLOW, "attributedTo": FOLLOW["actor"], "inbox": "https://alpha.example/inbox", **shape}
    try:
        document = parse_document(json.dumps(whole).encode())
    except FederationError:
        return  # a NUL or half a surrogate
    for type_ in (document.get("type"), "Note", "Event", "Page", "Person", "Group", "OrderedCollection"):
        _read_all({**document, "type": type_})
    try:
        activity = parse(json.dumps(whole).encode())
    except FederationError:
        return
    assert fields.ids(activity.actor) == [activity.actor]


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    for wrapped in (body, b'{"id":' + body + b"}", b'{"id":"' + body + b'"}'):
        with contextlib.suppress(FederationError):
            parse_document(wrapped)
