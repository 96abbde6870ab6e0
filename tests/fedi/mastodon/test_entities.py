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
from fedi.text.events import when
from storage import posts, reactions
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import VISIBILITIES, Post
from storage.reactions import Like
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
    assert shown["url"] == "u"
    assert shown["preview_url"] == (None if kind in ("video", "audio") else "u")  # a film is no picture of itself
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


async def test_an_event_says_when_and_where(api: Api, ada: Actor) -> None:
    """Mobilizon's Event as `federation.vocabulary.event` reads it; strict clients know only text."""
    post = await api.publish(ada, "Bring cake")
    event = {
        "starts_at": 1_795_525_200_000, "ends_at": 1_795_532_400_000, "offset": 60, "timezone": "Europe/Berlin",
        "places": [{"kind": "physical", "name": "Room <1>", "address": "Main St 2", "url": "https://map.example/?a&b"}],
        "status": "cancelled", "join_url": "javascript:alert(1)",
    }  # fmt: skip
    page = replace(post, kind="Event", title="Party", event=event)
    shown = decoded(Bundle(ORIGIN, None, {page.id: page}, {ada.id: ada}, {}, {}, NO_FLAGS), page)
    assert shown["content"] == (
        "<p><strong>Party</strong></p><p><strong>Cancelled</strong><br>"
        "When: 24 November 2026, 14:00 to 16:00 (Europe/Berlin)<br>"
        'Where: <a href="https://map.example/?a&amp;b" rel="nofollow noopener" target="_blank">Room &lt;1&gt;, Main St 2</a>'
        "</p><p>Bring cake</p>"
    )


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        ({}, None),
        ({"starts_at": 10**30}, None),
        ({"starts_at": 1_795_525_200_000}, "24 November 2026, 13:00 (UTC)"),
        ({"starts_at": 1_795_525_200_000, "offset": -330}, "24 November 2026, 07:30 (UTC-05:30)"),
        ({"starts_at": 1_795_525_200_000, "timezone": "Mars/Olympus"}, "24 November 2026, 13:00 (UTC)"),
        ({"starts_at": 1_795_525_200_000, "timezone": "../../etc/passwd"}, "24 November 2026, 13:00 (UTC)"),
        (
            {"starts_at": 1_795_525_200_000, "ends_at": 1_795_611_600_000},
            "24 November 2026, 13:00 to 25 November 2026, 13:00 (UTC)",
        ),
        ({"starts_at": 1_795_525_200_000, "ends_at": 5}, "24 November 2026, 13:00 (UTC)"),
    ],
)
def test_the_time_of_an_event(event: dict[str, Any], shown: str | None) -> None:
    assert when(event) == shown


async def test_custom_emoji_that_a_client_can_read(api: Api, ada: Actor) -> None:
    post = await api.publish(ada, ":blob:")
    known: list[dict[str, Any]] = [
        {"shortcode": "blob", "url": "https://e.example/b.png"}, {"shortcode": "a b", "url": "https://e.example/x.png"},
        {"shortcode": "js", "url": "javascript:1"}, {"shortcode": None, "url": 5}, {},
    ]  # fmt: skip
    page, author = replace(post, emoji=known), replace(ada, emoji=known)
    shown = decoded(Bundle(ORIGIN, None, {page.id: page}, {ada.id: author}, {}, {}, NO_FLAGS), page)
    url = "https://e.example/b.png"
    wanted = [{"shortcode": "blob", "url": url, "static_url": url, "visible_in_picker": False, "category": None}]
    assert shown["emojis"] == wanted
    assert shown["account"]["emojis"] == wanted


async def test_emoji_reactions_are_counted(api: Api, ada: Actor, ben: Actor) -> None:
    post = await api.publish(ada, "x")
    chi = await api.person("chi")

    def react(tx: Tx) -> None:
        for number, (who, emoji, url) in enumerate(
            ((ada, "🎉", None), (ben, "🎉", None), (chi, ":blob:", "https://e.example/b.png"))
        ):
            made = Like(api.site.new_id(), who.id, post.id, "like", f"https://x.example/{number}", 1, emoji, url)
            reactions.insert_like(tx, made)
        posts.count(tx, post.id, likes=3)

    await api.site.db.write(react)
    shown = (await api.get(f"/api/v1/statuses/{post.id}", await api.token(ben))).json
    assert [(one["name"], one["count"], one["me"], one["url"]) for one in shown["reactions"]] == [
        ("🎉", 2, True, None),
        ("blob", 1, False, "https://e.example/b.png"),
    ]
    assert [one["count"] for one in shown["pleroma"]["emoji_reactions"]] == [2, 1]
    assert "reactions" not in (await api.get(f"/api/v1/statuses/{(await api.publish(ada, 'y')).id}")).json


async def test_the_language_that_the_reader_prefers(api: Api, ada: Actor, ben: Actor) -> None:
    post = await api.publish(ada, "hello", language="en")
    await api.site.db.write(
        lambda tx: posts.change(tx, post.id, content_map={"en": "<p>hello</p>", "de": "<p>hallo</p>"})
    )
    for actor, language in ((ada, "de-AT"), (ben, "fr")):
        said = {"source": {"language": language}}
        await api.ask("PATCH", "/api/v1/accounts/update_credentials", await api.token(actor), json=said)
    path = f"/api/v1/statuses/{post.id}"
    # Twice in turn: what one is shown is not kept for the other.
    for _ in range(2):
        for token, language, text in (
            (await api.token(ada), "de", "<p>hallo</p>"),
            (await api.token(ben), "en", "<p>hello</p>"),
            (None, "en", "<p>hello</p>"),
        ):
            shown = (await api.get(path, token)).json
            assert (shown["language"], shown["content"]) == (language, text)


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
