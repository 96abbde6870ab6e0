"""Audiences, fields, groups, WebFinger, NodeInfo, errors: the small pure parts."""

import inspect
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import errors
from federation.audience import PUBLIC, Audience, read_audience, visibility
from federation.authorship import check_authorship, object_id, object_of
from federation.errors import FederationError, Malformed, UnsupportedHost, WrongOrigin
from federation.fields import as_list, first_id, ids, integer, milliseconds, string, text_of, timestamp
from federation.groups import GROUP_AWARE, MICROBLOGS, announce_forms, may_announce, wants
from federation.nodeinfo import build_index, build_nodeinfo, read_index, read_nodeinfo
from federation.parse import parse
from federation.webfinger import build_answer, build_host_meta, is_activity_type, read_answer, split_handle
from tests.federation.samples import peer, raw

FOLLOWERS = "https://a.example/followers"


@pytest.mark.parametrize("public", [PUBLIC, "as:Public", "Public", "http://www.w3.org/ns/activitystreams#Public"])
def test_public_in_all_its_spellings(public: str) -> None:
    assert read_audience({"to": public}) == Audience((), (), "to")
    assert read_audience({"to": [FOLLOWERS], "cc": [public]}) == Audience((FOLLOWERS,), (), "cc")
    assert read_audience({"to": [public], "cc": [public, FOLLOWERS]}) == Audience((), (FOLLOWERS,), "to")


@pytest.mark.parametrize(
    ("document", "word"),
    [
        ({"to": [PUBLIC], "cc": [FOLLOWERS]}, "public"),
        ({"to": [FOLLOWERS], "cc": [PUBLIC]}, "unlisted"),
        ({"to": FOLLOWERS}, "followers"),
        ({"to": ["https://b.example/bob"], "cc": [FOLLOWERS]}, "followers"),
        ({"to": ["https://b.example/bob"]}, "direct"),
        ({"to": {"id": "https://b.example/bob"}, "bcc": [{"href": "https://c.example/c"}]}, "direct"),
        ({"to": None, "cc": []}, "direct"),
        ({}, "direct"),
    ],
)
def test_visibility(document: dict[str, Any], word: str) -> None:
    assert visibility(read_audience(document), FOLLOWERS) == word


def test_everyone_comes_once() -> None:
    audience = read_audience({"to": ["https://a.example/1"], "cc": ["https://a.example/2", "https://a.example/1"]})
    assert audience.everyone == ("https://a.example/1", "https://a.example/2")
    assert visibility(read_audience({"to": FOLLOWERS}), None) == "direct"


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2021-10-29T15:10:51.557399Z", 1_635_520_251_557),
        ("2021-10-29T15:10:51.557399123Z", 1_635_520_251_557),
        ("2021-10-29T17:10:51+02:00", 1_635_520_251_000),
        ("2021-10-29T15:10:51", 1_635_520_251_000),
        ("2021-10-29t15:10:51z", 1_635_520_251_000),
        ("1969-12-31T23:59:59.999Z", -1),
        ("0001-01-01T00:00:00+23:59", -62_135_683_140_000),
        ("soon", None),
        ("2021-13-29T15:10:51Z", None),
        ("SCRUBBED_DATE", None),
        ("x" * 100, None),
        (1_635_520_251, None),
        (None, None),
    ],
)
def test_times(text: object, ms: int | None) -> None:
    assert milliseconds(text) == ms


@given(st.integers(min_value=-62_000_000_000_000, max_value=250_000_000_000_000))
def test_times_there_and_back(ms: int) -> None:
    assert milliseconds(timestamp(ms)) == ms


def test_fields_of_one_or_many() -> None:
    assert as_list(None) == []
    assert ids(["https://a.example/1", {"id": "https://a.example/2"}, {"href": "https://a.example/3"}, 5, None, ""]) == [
        "https://a.example/1", "https://a.example/2", "https://a.example/3",
    ]  # fmt: skip
    assert ids("") == []
    assert first_id([{}, {"id": 5}, "https://a.example/1"]) == "https://a.example/1"
    assert first_id([]) is None
    assert string(["", 3, "x"]) == "x"
    assert text_of({"nameMap": {"de": "", "en": "x"}}, "name") == "x"
    assert text_of({"nameMap": []}, "name") is None
    assert [integer(one) for one in (3, 3.0, 3.5, True, "3", -1, 2**60)] == [3, 3, None, None, None, None, None]


def test_what_a_group_tells_whom() -> None:
    assert announce_forms("thread") == ("forum", "microblog")
    assert announce_forms("reply") == announce_forms("other") == ("forum",)
    assert [wants(form, "lemmy") for form in ("any", "forum", "microblog")] == [True, True, False]
    assert [wants(form, "mastodon") for form in ("any", "forum", "microblog")] == [True, False, True]
    assert [wants(form, None) for form in ("any", "forum", "microblog")] == [True, True, True]
    assert "fedi" in GROUP_AWARE
    assert not GROUP_AWARE & MICROBLOGS


def test_an_announce_is_never_announced() -> None:
    group = "http://enterprise.lemmy.ml/c/main"
    assert may_announce(parse(raw("lemmy/activity-create_page.json")), group)
    assert not may_announce(parse(raw("lemmy/activity-announce_create_page.json")), group)
    create = json.loads(raw("lemmy/activity-create_page.json"))
    nested = parse(json.dumps({**create, "object": {"type": ["Announce"], "id": "https://a.example/1"}}).encode())
    assert not may_announce(nested, group)
    assert not may_announce(parse(json.dumps({**create, "actor": group}).encode()), group)


@pytest.mark.parametrize(
    ("text", "handle"),
    [
        ("ada@uni.example", ("ada", "uni.example")),
        ("@Ada@Uni.Example", ("Ada", "uni.example")),
        ("!mlops@uni.example", ("mlops", "uni.example")),
        ("acct:ada@uni.example", ("ada", "uni.example")),
        (" @ada@127.0.0.1:8001 ", ("ada", "127.0.0.1:8001")),
        ("ada@münchen.example", ("ada", "xn--mnchen-3ya.example")),
    ],
)
def test_handles(text: str, handle: tuple[str, str]) -> None:
    assert split_handle(text) == handle


@pytest.mark.parametrize(
    "text", ["", "ada", "@ada", "ada@", "a b@uni.example", "a@b@uni.example", "ada@uni.example/x", "ada@" + "x" * 400]
)
def test_what_is_no_handle(text: str) -> None:
    with pytest.raises((Malformed, UnsupportedHost)):
        split_handle(text)


def test_webfinger_there_and_back() -> None:
    built = build_answer(
        username="ada", domain="uni.example", actor_iri="https://uni.example/people/ada", page="https://uni.example/@ada",
        subscribe="https://uni.example/interact?uri={uri}", icon=("https://uni.example/i.png", "image/png"),
    )  # fmt: skip
    answer = read_answer(built)
    assert (answer.subject, answer.actor_iri) == ("ada@uni.example", "https://uni.example/people/ada")
    assert answer.subscribe == "https://uni.example/interact?uri={uri}"
    assert built["aliases"] == ["https://uni.example/@ada", "https://uni.example/people/ada"]
    assert (
        read_answer(peer("mastodon/webfinger-mastodon-webfinger.json")).actor_iri == "https://social.tcit.fr/users/tcit"
    )
    assert "https://uni.example/.well-known/webfinger?resource={uri}" in build_host_meta("https://uni.example")


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": None},
        {"subject": "https://uni.example/"},
        {"subject": "acct:ada@127.1"},
        {"links": None},
        {"links": [{"rel": "self", "type": "text/html", "href": "https://a.example/"}]},
        {"links": [{"rel": "self", "type": "application/activity+json", "href": "javascript:x"}]},
    ],
)
def test_webfinger_answers_of_no_use(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        read_answer({**peer("mastodon/webfinger-mastodon-webfinger.json"), **changes})


def test_a_template_that_is_no_url_is_dropped() -> None:
    links = peer("mastodon/webfinger-mastodon-webfinger.json")["links"]
    links[2]["template"] = "javascript:alert('{uri}')"
    assert read_answer({"subject": "acct:a@a.example", "links": links}).subscribe is None


PROFILE = "https://www.w3.org/ns/activitystreams"


@pytest.mark.parametrize(
    ("content_type", "taken"),
    [
        ("application/activity+json", True),
        ("Application/Activity+JSON; charset=utf-8", True),
        (f'application/ld+json; profile="{PROFILE}"', True),
        (f'application/ld+json;charset=utf-8;Profile="https://w3id.org/security/v1 {PROFILE}"', True),
        ("application/ld+json", False),
        ('application/ld+json; profile="https://example.org/"', False),
        (f'application/ld+json; profile="{PROFILE}x"', False),
        ("application/json", False),
        ("text/html", False),
        ("image/png", False),
        ("application/octet-stream; application/activity+json", False),
        ("", False),
    ],
)
def test_media_types(content_type: str, taken: bool) -> None:
    assert is_activity_type(content_type) is taken


def test_nodeinfo_of_peers_and_ours() -> None:
    assert read_nodeinfo(peer("nodeinfo/nodeinfo-toolkit-lemmy.json")).software == "lemmy"
    mastodon = read_nodeinfo(peer("nodeinfo/nodeinfo-toolkit-mastodon.json"))
    assert (mastodon.version, mastodon.users, mastodon.posts, mastodon.open_registrations) == (
        "4.3.8",
        1000,
        10000,
        False,
    )
    assert read_nodeinfo(peer("nodeinfo/nodeinfo-toolkit-nodebb.json")).software == "nodebb"
    built = build_nodeinfo(
        version="0.1",
        open_registrations=True,
        users=3,
        active_month=2,
        active_half_year=3,
        posts=5,
        repository="https://r.example",
    )
    ours = read_nodeinfo(built)
    assert (ours.software, ours.protocols, ours.users) == ("fedi", ("activitypub",), 3)
    assert "repository" not in build_nodeinfo(
        version="0.1", open_registrations=True, users=0, active_month=0, active_half_year=0, posts=0
    )["software"]  # fmt: skip
    index = build_index("https://uni.example", "https://uni.example/actor")
    assert read_index(index, "https://uni.example") == "https://uni.example/nodeinfo/2.1"
    with pytest.raises(WrongOrigin):
        read_index(index, "https://other.example")
    old = peer("mastodon/wellknown-mastodon-well-known-nodeinfo.json")
    assert read_index(old, "https://mastodon.example.org").endswith("/nodeinfo/2.0")
    with pytest.raises(Malformed):
        read_index({"links": []}, "https://uni.example")
    useless: dict[str, Any]
    for useless in ({}, {"software": "lemmy"}, {"software": {"name": 5}}):
        with pytest.raises(Malformed):
            read_nodeinfo(useless)
    odd = read_nodeinfo({"software": {"name": "Le mmy!"}, "usage": [], "protocols": [1, "activitypub"]})
    assert (odd.software, odd.users, odd.posts, odd.protocols) == ("lemmy", None, None, ("activitypub",))


def test_authorship() -> None:
    actor = "https://a.example/alice"
    base = {"id": "https://a.example/1", "type": "Create", "actor": actor, "@context": PROFILE}

    def put(held: object) -> Any:
        return check_authorship(parse(json.dumps({**base, "object": held}).encode()))

    note = {"id": "https://a.example/n", "type": "Note", "attributedTo": actor}
    assert put(note) == note
    assert put([note]) == note
    assert put({**note, "attributedTo": [actor, "https://a.example/group"]})
    assert put({**note, "attributedTo": "https://a.example/group", "actor": actor})  # Mobilizon's events
    assert put({**note, "attributedTo": None, "actor": actor})
    assert put({"id": actor, "type": "Person"})
    for held in ("https://a.example/n", None, [note, note], {"type": "Note"}):
        with pytest.raises(Malformed):
            put(held)
    stolen: dict[str, Any]
    for stolen in (
        {**note, "id": "https://b.example/n"},
        {**note, "attributedTo": "https://a.example/bob"},
        {**note, "attributedTo": "https://b.example/bob"},
        {**note, "attributedTo": [actor, "https://b.example/bob"]},
        {**note, "attributedTo": None},
    ):
        with pytest.raises(WrongOrigin):
            put(stolen)
    assert object_id(parse(json.dumps({**base, "object": "https://b.example/n"}).encode())) == "https://b.example/n"
    with pytest.raises(Malformed):
        object_id(parse(json.dumps(base).encode()))
    with pytest.raises(Malformed):
        object_of(parse(json.dumps({**base, "object": "https://b.example/n"}).encode()))


def test_each_error_says_what_follows_from_it() -> None:
    """The tree that is drawn in the module is the tree that is there; codes are unlike each other."""
    tree = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, FederationError)]
    drawn = errors.__doc__ or ""
    for one in tree:
        assert one.__name__ in drawn
        assert 400 <= one.status < 600
        if one is not FederationError:
            line = next(line for line in drawn.splitlines() if f" {one.__name__} " in line)
            assert str(one.status) in line
            assert ("(retry)" in line) is one.retry
    assert len({one.code for one in tree}) == len(tree)
    assert Malformed("text", code="other").code == "other"
    assert errors.Busy("text").retry_after is None
    assert errors.Refused("text", answered=404).answered == 404
