"""The walkers see what is wrong: they are what the other tests here rely on."""

from typing import Any

import pytest
from mastodon import return_types

from tests.clients.floors import faults
from tests.clients.typed import walk

ACCOUNT: dict[str, Any] = {
    "id": "1", "username": "ada", "acct": "ada", "url": "https://a.example/ada", "uri": "https://a.example/ada",
    "display_name": "", "note": "", "avatar": "https://a.example/a.png", "avatar_static": "https://a.example/a.png",
    "header": "https://a.example/h.png", "header_static": "https://a.example/h.png",
    "created_at": "2026-09-01T00:00:00.000Z", "fields": [], "emojis": [], "locked": False, "bot": False, "group": False,
    "discoverable": None, "indexable": True, "roles": [], "last_status_at": "2026-09-01", "hide_collections": None,
    "noindex": False, "followers_count": 0, "following_count": 0, "statuses_count": 0,
}  # fmt: skip


def test_a_good_account_is_good() -> None:
    assert faults({"account": ACCOUNT}) == []
    assert faults([ACCOUNT, ACCOUNT]) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", 1),
        ("id", "01H7X"),
        ("avatar", ""),
        ("avatar", None),
        ("header", "/h.png"),
        ("created_at", "2026-09-01T00:00:00Z"),
        ("created_at", "2026-09-01T00:00:00.000000Z"),
        ("created_at", "2026-09-01T00:00:00.000+00:00"),
        ("last_status_at", "2026-09-01T00:00:00.000Z"),
        ("followers_count", "0"),
        ("followers_count", True),
        ("locked", None),
        ("fields", [{"name": "a"}]),
        ("display_name", None),
    ],
)
def test_a_bad_account_is_seen_wherever_it_is(name: str, value: Any) -> None:
    bad = {**ACCOUNT, name: value}
    assert faults(bad) != []
    assert faults({"statuses": [{"anything": {"account": bad}}]}) != []


@pytest.mark.parametrize("name", sorted(ACCOUNT))
def test_a_missing_field_is_seen(name: str) -> None:
    assert faults({"suggested": {one: value for one, value in ACCOUNT.items() if one not in (name, "x")}}) != [] or (
        name in ("username", "acct")  # without these two it can't be known as an account, and is checked by its place
    )


@pytest.mark.parametrize(
    "body",
    [
        {"id": 5},
        {"status_ids": ["x"]},
        {"in_reply_to_id": 5},
        {"updated_at": "yesterday"},
        {"url": ""},
        {"poll": {"id": "1", "votes_count": 0}},
        {"media_attachments": [{"id": "1", "type": "image"}]},
        {"mentions": [{"id": "1", "acct": "ada"}]},
    ],
)
def test_what_is_wrong_in_anything_is_seen(body: Any) -> None:
    assert faults(body) != []


def test_a_status_has_its_flags_with_a_token_only() -> None:
    status = {"content": "", "visibility": "public"}
    flags = {"favourited", "reblogged", "bookmarked", "muted", "filtered"}
    assert {one for one in flags if any(f".{one}:" in fault for fault in faults(status))} == flags
    assert not any(".favourited:" in fault for fault in faults(status, signed=False))


def test_types_of_mastodon_py_are_walked() -> None:
    good = {"id": "1", "title": "a", "replies_policy": "list", "exclusive": False}
    version = (4, 5, 0)
    assert walk(return_types.UserList, good, version) == []
    assert walk(return_types.UserList, {**good, "id": 1}, version) == ["$.id: ID 1"]
    assert walk(return_types.UserList, {**good, "title": None}, version) == ["$.title: NULL (UserList)"]
    assert walk(return_types.UserList, {**good, "title": 5}, version) == ["$.title: TYPE 5 for str"]
    del good["title"]
    assert walk(return_types.UserList, good, version) == ["$.title: MISSING (UserList)"]
    late = {"last_read_id": "1", "version": 1, "updated_at": "2026-09-01T00:00:00Z"}
    assert walk(return_types.Marker, late, version) == ["$.updated_at: DATETIME '2026-09-01T00:00:00Z'"]
