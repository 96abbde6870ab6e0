"""Entities of what other software wrote: titles, links, files, remote names; dates in the one form that all clients read."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from fedi.mastodon.answers import day, moment
from fedi.mastodon.entities.account import account, account_dict, acct, role
from fedi.mastodon.entities.attachment import attachment
from fedi.mastodon.entities.status import VISIBILITY, content, status
from fedi.mastodon.load import NO_FLAGS, Bundle, Shown
from storage.actors import Actor
from storage.posts import VISIBILITIES, Post
from tests.fedi.mastodon.conftest import Api

ORIGIN = "https://alpha.example"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """SQLite alone: nothing here depends on the database."""
    return sqlite_url


def test_dates() -> None:
    assert moment(1_790_000_000_000) == "2026-09-21T14:13:20.000Z"
    assert moment(1_790_000_000_007) == "2026-09-21T14:13:20.007Z"
    assert day(1_790_000_000_007) == "2026-09-21"


@pytest.mark.parametrize(
    ("title", "body", "kind", "link", "shown"),
    [
        (None, "<p>x</p>", "Note", None, "<p>x</p>"),
        # Lemmy's Page, of which Mastodon would show the title alone (Lemmy#2972).
        ("A <b> & c", "<p>x</p>", "Page", None, "<p><strong>A &lt;b&gt; &amp; c</strong></p><p>x</p>"),
        # Our own threads begin with their title.
        ("First line", "<p>First line</p><p>x</p>", "Note", None, "<p>First line</p><p>x</p>"),
        ("Other", "<p>x</p>", "Note", None, "<p><strong>Other</strong></p><p>x</p>"),
        (
            "T", "", "Page", 'https://e.example/?a=1&b="',
            (
                '<p><strong>T</strong></p><p><a href="https://e.example/?a=1&amp;b=&quot;" rel="nofollow noopener" '
                'target="_blank">https://e.example/?a=1&amp;b=&quot;</a></p>'
            ),
        ),
        ("T", '<a href="https://e.example/">e</a>', "Note", "https://e.example/",
         '<p><strong>T</strong></p><a href="https://e.example/">e</a>'),
    ],
)  # fmt: skip
def test_title_and_link_stand_in_the_content(
    title: str | None, body: str, kind: str, link: str | None, shown: str
) -> None:
    assert content(title, body, kind, link) == shown


def test_every_visibility_has_a_name_that_clients_know() -> None:
    assert set(VISIBILITY) == set(VISIBILITIES)
    assert set(VISIBILITY.values()) == {"public", "unlisted", "private", "direct"}


@pytest.mark.parametrize(
    ("file", "kind", "meta"),
    [
        ({"url": "u", "media_type": "image/png", "width": 4, "height": 2}, "image", 2.0),
        ({"url": "u", "media_type": "video/mp4"}, "video", None),
        ({"url": "u", "kind": "audio"}, "audio", None),
        ({"url": "u", "media_type": "application/pdf", "width": 0, "height": 3}, "unknown", None),
        ({"url": "u", "width": "4", "height": None}, "unknown", None),
    ],
)
def test_attachments(file: dict[str, Any], kind: str, meta: float | None) -> None:
    shown = attachment(2**58, 15, file)
    assert shown["type"] == kind
    assert int(shown["id"]) < 2**63
    assert shown["url"] == shown["preview_url"] == "u"
    assert shown["meta"].get("original", {}).get("aspect") == meta


async def test_a_remote_account(ada: Actor) -> None:
    remote = replace(
        ada, local=False, domain="beta.example", icon="https://beta.example/a.png", last_post_at=1_790_000_000_000,
        fields=[{"name": "n", "value": "v", "verified_at": 1_790_000_000_000}],
    )  # fmt: skip
    shown = account_dict(ORIGIN, remote)
    assert acct(remote) == shown["acct"] == "ada@beta.example"
    assert shown["avatar"] == "https://beta.example/a.png"
    assert shown["last_status_at"] == "2026-09-21"
    assert shown["created_at"].endswith("T00:00:00.000Z")
    assert shown["fields"] == [{"name": "n", "value": "v", "verified_at": "2026-09-21T14:13:20.000Z"}]
    # Kept while the row is the same, and no longer; for each instance of a process its own.
    assert account(ORIGIN, remote) is account(ORIGIN, replace(remote))
    assert msgspec.json.decode(account(ORIGIN, replace(remote, name="New")))["display_name"] == "New"
    assert b"https://other.example/headers" in bytes(account("https://other.example", remote))


async def test_a_status_of_other_software(api: Api, ada: Actor) -> None:
    post = await api.publish(ada, "x")
    page = replace(
        post, kind="Page", title="Title", link="https://e.example/", summary="careful", url="", edited_at=1_790_000_000_500,
        attachments=[{"url": "https://e.example/p.png", "media_type": "image/png"}] * 20,
    )  # fmt: skip
    rows = Bundle(ORIGIN, None, {page.id: page}, {ada.id: ada}, {}, {page.id: ["größe"]}, NO_FLAGS)
    shown = decoded(rows, page)
    assert shown["url"] == page.iri
    assert shown["spoiler_text"] == "careful"
    assert shown["edited_at"] == "2026-09-21T14:13:20.500Z"
    assert (shown["card"]["type"], shown["card"]["url"], shown["card"]["title"]) == (
        "link",
        "https://e.example/",
        "Title",
    )
    assert len({one["id"] for one in shown["media_attachments"]}) == 16
    assert shown["tags"] == [{"name": "größe", "url": f"{ORIGIN}/tags/gr%C3%B6%C3%9Fe"}]
    # Whose author is not there is not shown.
    assert status(Bundle(ORIGIN, None, {page.id: page}, {}, {}, {}, NO_FLAGS), Shown(page.id, page.id)) is None


def decoded(rows: Bundle, post: Post) -> dict[str, Any]:
    """The status as a client reads it."""
    raw = status(rows, Shown(post.id, post.id))
    assert raw is not None
    shown: dict[str, Any] = msgspec.json.decode(raw)
    return shown


def test_roles() -> None:
    assert role("admin")["permissions"] == "1"
    assert role("member")["permissions"] == "0"
    assert int(role("moderator")["permissions"]) & 1 == 0
