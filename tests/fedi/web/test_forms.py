"""What people do by forms: write, reply, like, join, leave, delete; and that nobody else can do it for them."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from fedi.forms import client_address, local_path
from fedi.limits import Limits
from storage import actors, follows, memberships, notifications, posts, reactions
from storage.actors import Actor
from storage.timelines import Page as Rows
from tests.fedi.web.conftest import Browser, Campus, Outline


async def test_write_a_post(campus: Campus, as_ada: Browser) -> None:
    page = await as_ada.post("/compose", {"text": "Hello\r\n\r\nworld #first", "visibility": "public"})
    assert page.status == 200
    assert "Hello" in page.words
    assert "<p>world" in page.text
    assert "Hello" in (await as_ada.get("/home")).words
    assert "Hello" in (await campus.browser().get("/tags/first")).words


async def test_join_write_and_leave(campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor) -> None:
    group = campus.group("mlops", bruno, title="Machine learning")
    page = await as_ada.get("/groups/mlops")
    assert "Join the group" in page.words
    page = await as_ada.post("/follow", {"id": str(group.id), "next": "/groups/mlops"})
    assert "Leave the group" in page.words
    assert campus.read(lambda tx: memberships.find(tx, group.id, ada.id)).state == "accepted"
    page = await as_ada.post("/compose", {"group": str(group.id), "title": "My runs", "text": "get lost at night"})
    assert "My runs" in page.words
    assert "In Machine learning" in page.words
    assert "My runs" in (await campus.browser().get("/groups/mlops")).words
    page = await as_ada.post("/unfollow", {"id": str(group.id), "next": "/groups/mlops"})
    assert "Join the group" in page.words
    assert campus.read(lambda tx: memberships.find(tx, group.id, ada.id)) is None


async def test_ask_to_join(campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor) -> None:
    group = campus.group("review", bruno, join_mode="approval")
    page = await as_ada.post("/follow", {"id": str(group.id), "next": "/groups/review"})
    assert "You asked to join" in page.words
    page = await as_ada.post("/unfollow", {"id": str(group.id), "next": "/groups/review"})
    assert "Ask to join" in page.words


async def test_moderator_lets_in(campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor) -> None:
    group = campus.group("review", ada, join_mode="approval")
    campus.follow(bruno, group)
    waiting = campus.read(lambda tx: follows.find(tx, bruno.id, group.id))
    as_bruno = campus.browser()
    await as_bruno.log_in("bruno")
    for field in ("accept", "reject"):
        assert (await as_bruno.post("/answer", {field: str(waiting.id)})).status == 404
    assert campus.read(lambda tx: memberships.find(tx, group.id, bruno.id)).state == "pending"
    assert "Who asks to join" not in (await as_bruno.get("/groups/review")).words
    page = await as_ada.get("/groups/review")
    assert "Who asks to join" in page.words
    assert f'name="accept" value="{waiting.id}"' in page.text
    page = await as_ada.post("/answer", {"accept": str(waiting.id), "next": "/groups/review"})
    assert "Who asks to join" not in page.words
    assert campus.read(lambda tx: memberships.find(tx, group.id, bruno.id)).state == "accepted"
    # Answered is answered: rejecting it afterwards is another matter.
    assert (await as_ada.post("/answer", {"reject": str(waiting.id)})).status == 404


async def test_person_answers_who_asks_to_follow(campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor) -> None:
    campus.write(lambda tx: actors.change(tx, ada.id, approves_followers=True))
    campus.follow(bruno, campus.actor("ada"))
    waiting = campus.read(lambda tx: follows.find(tx, bruno.id, ada.id))
    page = await as_ada.get("/notifications")
    assert "Who asks to follow you" in page.words
    page = await as_ada.post("/answer", {"reject": str(waiting.id)})
    assert page.path == "/notifications"
    assert campus.read(lambda tx: follows.find(tx, bruno.id, ada.id)) is None
    assert (await as_ada.post("/answer", {})).status == 404


async def test_group_by_invitation(campus: Campus, as_ada: Browser, bruno: Actor) -> None:
    group = campus.group("board", bruno, join_mode="invite")
    assert "Join the group" not in (await as_ada.get("/groups/board")).words
    page = await as_ada.post("/follow", {"id": str(group.id)})
    assert page.status == 403
    assert "invitation" in page.words


async def test_reply_and_be_told(campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor) -> None:
    post = campus.post(bruno, "the question")
    page = await as_ada.get(f"/people/bruno/posts/{post.id}")
    assert "\n@bruno </textarea>" in page.text
    page = await as_ada.post("/compose", {"text": "@bruno my answer", "reply_to": str(post.id)})
    assert "the question" in page.words
    as_bruno = campus.browser()
    await as_bruno.log_in("bruno")
    page = await as_bruno.get("/notifications")
    assert "Ada Okafor answered or mentioned you" in page.words
    assert "my answer" in page.words


async def test_like_and_take_it_back(campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor) -> None:
    post = campus.post(bruno, "hello")
    page = await as_ada.post("/react", {"like": str(post.id), "next": f"/people/bruno/posts/{post.id}"})
    assert "Liked · 1" in page.words
    page = await as_ada.post("/react", {"unlike": str(post.id), "next": f"/people/bruno/posts/{post.id}"})
    assert "Liked" not in page.words
    assert campus.read(lambda tx: reactions.likes_of(tx, post.id, 9)) == []


async def test_delete_ones_own_only(campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor) -> None:
    mine, other = campus.post(ada, "mine"), campus.post(bruno, "other")
    assert "Delete this post" in (await as_ada.get(f"/people/ada/posts/{mine.id}")).words
    assert "Delete this post" not in (await as_ada.get(f"/people/bruno/posts/{other.id}")).words
    page = await as_ada.post("/react", {"delete": str(other.id)})
    assert page.status == 403
    page = await as_ada.post("/react", {"delete": str(mine.id), "next": f"/people/ada/posts/{mine.id}"})
    assert page.path == "/home"
    found = campus.read(lambda tx: posts.by_ids(tx, [mine.id, other.id]))
    assert list(found) == [other.id]


async def test_what_is_not_shown_cannot_be_touched(campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor) -> None:
    """The same answer as for what is not there, and no like, reply or notification comes of it."""
    secret = campus.post(bruno, "@bruno note to self", visibility="direct")
    for fields in ({"like": str(secret.id)}, {"like": "12345"}):
        page = await as_ada.post("/react", fields)
        assert page.status == 404
        assert "note to self" not in page.words
    answers = [
        (await as_ada.post("/compose", {"text": "x", "reply_to": number})).words for number in (str(secret.id), "12345")
    ]
    assert answers[0].replace(str(secret.id), "") == answers[1].replace("12345", "")
    assert campus.read(lambda tx: reactions.likes_of(tx, secret.id, 9)) == []
    assert campus.read(lambda tx: notifications.of_person(tx, bruno.id, Rows())) == []


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 5001])
async def test_refused_text_comes_back(campus: Campus, as_ada: Browser, ada: Actor, text: str) -> None:
    page = await as_ada.post("/compose", {"text": text, "visibility": "followers"})
    assert page.status == 422
    assert "was not published" in page.words
    assert text.strip() in page.text
    assert '<option value="followers" selected>' in page.text
    assert campus.read(lambda tx: actors.by_id(tx, ada.id)).posts_count == 0


async def test_who_is_no_member_is_told_why(campus: Campus, as_ada: Browser, bruno: Actor) -> None:
    group = campus.group("mlops", bruno)
    page = await as_ada.post("/compose", {"text": "hello <b>", "group": str(group.id), "title": "T"})
    assert page.status == 403
    assert "Only members post" in page.words
    assert "hello &lt;b&gt;" in page.text
    assert 'value="T"' in page.text


@pytest.mark.parametrize("path", ["/compose", "/react", "/follow", "/unfollow", "/answer"])
async def test_only_for_who_is_logged_in_and_from_our_pages(
    campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor, path: str
) -> None:
    post = campus.post(bruno, "hello")
    fields = {"text": "x", "like": str(post.id), "id": str(bruno.id)}
    answer = await campus.browser().post(path, fields, follow=False)
    assert answer.headers["location"].startswith("/login?next=")
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "", "origin": "https://evil.example"},
        {"sec-fetch-site": "", "origin": "null"},
        {"content-type": "text/plain"},
        {"content-type": "application/json"},
        {"content-type": ""},
    ):
        page = await as_ada.post(path, fields, headers)
        assert page.status in (403, 415), headers
    assert campus.read(lambda tx: follows.find(tx, ada.id, bruno.id)) is None
    assert campus.read(lambda tx: reactions.likes_of(tx, post.id, 9)) == []
    assert campus.read(lambda tx: actors.by_id(tx, ada.id)).posts_count == 0


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/react", {}),
        ("/react", {"like": ""}),
        ("/react", {"like": "x"}),
        ("/react", {"like": "9" * 19}),
        ("/react", {"like": "-1"}),
        ("/react", {"like": "²"}),
        ("/follow", {}),
        ("/follow", {"id": "x"}),
        ("/follow", {"id": "1"}),
        ("/compose", {}),
        ("/compose", {"text": "x", "visibility": "secret"}),
        ("/compose", {"text": "\x00"}),
        ("/compose", {"text": "x" * 300_000}),
    ],
)
async def test_form_of_nonsense_is_answered(as_ada: Browser, path: str, fields: dict[str, str]) -> None:
    page = await as_ada.post(path, fields)
    assert page.status in (400, 404, 413, 422)
    assert "main" in page.text


async def test_multipart_of_nonsense_is_answered(as_ada: Browser) -> None:
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x", "multipart/form-data; boundary="):
        page = await as_ada.post("/compose", {"text": "x"}, {"content-type": kind})
        assert page.status in (400, 422)


async def test_search_leads_to_the_one_thing_meant(campus: Campus, as_ada: Browser, bruno: Actor) -> None:
    campus.group("mlops", bruno, title="Machine learning")
    campus.stranger()
    assert (await as_ada.get("/search?q=@bruno@alpha.example")).path == "/people/bruno"
    assert (await as_ada.get("/search?q=!mlops@alpha.example")).path == "/groups/mlops"
    assert "Machine learning" in (await as_ada.get("/search?q=machine")).words
    assert "/search" in (await as_ada.get("/home")).links
    asked = await as_ada.get("/search")
    assert (asked.status, asked.path) == (200, "/search")
    assert "q" in [one["name"] for one in Outline(asked.text).of("input")]
    page = await as_ada.get("/search?q=@nobody@unknown.example")
    assert page.status == 404
    assert "@nobody@unknown.example" in page.words
    assert (await campus.browser().get("/search?q=x", follow=False)).status == 303


@given(st.text())
def test_local_path_never_leaves(wanted: str) -> None:
    found = local_path(wanted, "/home")
    assert found.startswith("/")
    assert not found.startswith(("//", "/\\"))
    assert not any(character in found for character in "\t\r\n\\")


def _from(address: str) -> Request:
    return Request({"type": "http", "client": (address, 1), "headers": []})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
    ],
)
def test_one_household_is_one_address(one: str, other: str, same: bool) -> None:
    assert (client_address(_from(one)) == client_address(_from(other))) is same


def test_limits_fill_up_again_and_stay_small() -> None:
    limits = Limits(100)
    assert [limits.allow("a", 6, 2, 0) for _ in range(3)] == [True, True, False]
    assert not limits.allow("a", 6, 2, 9_000)
    assert limits.allow("a", 6, 2, 20_000)
    for number in range(1000):
        limits.allow(f"key {number}", 6, 2, 0)
    assert len(limits._buckets) == 100


async def test_closed_sign_up_is_not_offered(
    campus: Campus, browser: Browser, with_settings: Callable[..., None]
) -> None:
    assert 'href="/join">Join<' not in (await browser.get("/")).text
    with_settings(registrations="open")
    assert 'href="/join">Join<' in (await browser.get("/")).text
