"""Which form of what a group says goes to which software (PROTOCOL 3.2), and the bytes within an Announce."""

import msgspec
import pytest

from federation.groups import GROUP_AWARE, MICROBLOGS, inner_bytes, inner_type, keeps_private, picky, wants

FORUMS = (
    "lemmy",
    "mbin",
    "kbin",
    "piefed",
    "nodebb",
    "discourse",
    "friendica",
    "mitra",
    "hubzilla",
    "streams",
    "lotide",
)
SHOWS_BOOSTS = (
    "mastodon",
    "gotosocial",
    "pleroma",
    "akkoma",
    "misskey",
    "mobilizon",
    "peertube",
    "wordpress",
    "pixelfed",
)


def test_nobody_is_both() -> None:
    assert not GROUP_AWARE & MICROBLOGS


@pytest.mark.parametrize("software", FORUMS)
def test_forums_get_activities_and_no_boosts(software: str) -> None:
    assert [wants(form, software) for form in ("any", "forum", "microblog", "notice")] == [True, True, False, False]


@pytest.mark.parametrize("software", SHOWS_BOOSTS)
def test_microblogs_get_boosts_and_no_activities(software: str) -> None:
    assert [wants(form, software) for form in ("any", "forum", "microblog", "notice")] == [True, False, True, True]


def test_what_is_not_known_gets_both() -> None:
    for software in (None, "somethingnew"):
        assert [wants(form, software) for form in ("any", "forum", "microblog", "notice")] == [True] * 4


# Rows of the acceptance matrix: inside an Announce, which activity does the peer act on?
MATRIX = {
    "Create": "lemmy mbin piefed nodebb discourse friendica",
    "Update": "lemmy mbin piefed nodebb discourse friendica",
    "Delete": "lemmy mbin piefed nodebb discourse friendica",
    "Like": "lemmy mbin piefed nodebb discourse friendica",
    "Dislike": "lemmy mbin piefed friendica",
    "Create{Article}": "lemmy mbin piefed nodebb discourse friendica",
    "Create{Page}": "lemmy mbin piefed nodebb friendica",
    "Create{Question}": "mbin piefed nodebb friendica",
    "Create{Event}": "lemmy mbin piefed friendica",
    "Undo{Like}": "lemmy mbin piefed discourse friendica",
    "Undo{Delete}": "lemmy mbin piefed",
    "Undo{Lock}": "lemmy mbin piefed",
    "Update{Group}": "lemmy mbin piefed",
    "EmojiReact": "mbin piefed friendica",
    "Block": "lemmy mbin piefed",
    "Add": "lemmy mbin piefed",
    "Lock": "lemmy mbin piefed",
}


@pytest.mark.parametrize("kind", MATRIX)
def test_who_refuses_an_activity_is_spared_it(kind: str) -> None:
    """Twenty refusals in a row suspend a host."""
    asked = ("lemmy", "mbin", "piefed", "nodebb", "discourse", "friendica")
    takes = {software for software in asked if wants("forum", software, kind if picky(software) else None)}
    assert takes == set(MATRIX[kind].split())


@pytest.mark.parametrize(
    ("software", "version", "keeps"),
    [
        ("fedi", "0.1", True),
        ("lemmy", "1.0.0", True),
        ("lemmy", "1.0.0-alpha.12", True),
        ("lemmy", "12.1", True),
        ("lemmy", "0.19.11", False),
        ("lemmy", "", False),
        ("lemmy", None, False),
        ("lemmy", "v1", False),
        ("mastodon", "4.7", False),
        ("piefed", "1.2", False),
        (None, None, False),
    ],
)
def test_whose_shared_inbox_takes_what_is_private(software: str | None, version: str | None, keeps: bool) -> None:
    assert keeps_private(software, version) is keeps


INNER = b'{ "id":"https://a.example/1",\n "type" : ["Create","Odd"], "n":1.50, "s":"\\u00e9\\/" }'


def test_the_bytes_within_an_announce_are_as_they_came() -> None:
    outer = b'{"type":"Announce","object": ' + INNER + b',"to":[]}'
    assert inner_bytes(outer, msgspec.json.decode(INNER)) == INNER
    assert inner_type(outer) == "Create"


@pytest.mark.parametrize(
    ("inner", "kind"),
    [
        (b'{"type":"Undo","object":{"type":"Like","object":"https://a.example/1"}}', "Undo{Like}"),
        (b'{"type":"Create","object":{"type":["Page","Odd"]}}', "Create{Page}"),
        (b'{"type":"Delete","object":"https://a.example/1"}', "Delete"),
        (b'{"type":"Create","object":[{"type":"Note"}]}', "Create"),
        (b'{"type":"Create","object":{"type":7}}', "Create"),
    ],
)
def test_what_is_passed_on_is_named_with_what_it_is_of(inner: bytes, kind: str) -> None:
    assert inner_type(b'{"type":"Announce","object":' + inner + b"}") == kind


def test_how_a_group_is_goes_as_its_own_word_to_who_takes_no_moderators() -> None:
    """Row `Update{Group}` of the matrix: Lemmy, Mbin and PieFed take a moderator's, Discourse none."""
    assert [software for software in FORUMS if wants("profile", software)] == [
        "nodebb", "friendica", "mitra", "hubzilla", "streams",
    ]  # fmt: skip
    assert all(wants("profile", software) for software in (*SHOWS_BOOSTS, None, "somethingnew"))


@pytest.mark.parametrize("outer", [b'{"object":"https://a.example/1"}', b'{"object":[' + INNER + b"]}", b"{}", b"[]"])
def test_of_several_or_of_an_iri_there_are_none(outer: bytes) -> None:
    assert inner_bytes(outer, msgspec.json.decode(INNER)) is None
    assert inner_type(outer) is None
