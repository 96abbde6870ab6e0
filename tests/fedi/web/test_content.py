"""What posts have beside their text, on pages: polls, quotes, events."""

from typing import Any

import pytest

from fedi.actions.drafts import PollDraft
from storage import polls, posts
from storage.actors import Actor
from tests.fedi.web.conftest import Browser, Campus, Outline


def poll(campus: Campus, *, multiple: bool = False) -> PollDraft:
    """A poll that ends in a day."""
    return PollDraft(("<tea>", "coffee"), multiple, campus.site.clock() + 86_400_000)


async def test_a_poll_is_shown_and_voted_in(
    campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor, browser: Browser
) -> None:
    post = campus.post(bruno, "What?", poll=poll(campus))
    path = f"/people/bruno/posts/{post.id}"
    page = await as_ada.get(path)
    Outline(page.text)
    assert 'type="radio"' in page.text
    assert "<tea> 0 (0 %)" in page.words
    page = await as_ada.post("/vote", {"post": str(post.id), "choice": "1", "next": path})
    assert "coffee 1 (100 %) · your choice" in page.words
    assert "1 person voted" in page.words
    assert "/vote" not in page.text
    assert campus.read(lambda tx: polls.chosen(tx, [post.id], ada.id)) == {post.id: [1]}
    assert (await as_ada.post("/vote", {"post": str(post.id), "choice": "0"})).status == 422
    public = await browser.get(path)
    assert "/vote" not in public.text
    assert "your choice" not in public.words
    assert "coffee 1 (100 %)" in (await browser.get("/people/bruno")).words


@pytest.mark.parametrize("sent", [{}, {"choice": "5"}, {"choice": "x"}, {"choice": "9" * 40}])
async def test_votes_that_do_not_count(
    campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor, sent: dict[str, str]
) -> None:
    post = campus.post(bruno, "What?", poll=poll(campus))
    assert (await as_ada.post("/vote", {"post": str(post.id), **sent})).status == 422
    assert campus.read(lambda tx: polls.chosen(tx, [post.id], ada.id)) == {}


async def test_nobody_votes_where_they_may_not(campus: Campus, as_ada: Browser, browser: Browser, bruno: Actor) -> None:
    hidden = campus.post(bruno, "What?", poll=poll(campus), visibility="followers")
    assert (await as_ada.post("/vote", {"post": str(hidden.id), "choice": "0"})).status == 404
    public = campus.post(bruno, "What?", poll=poll(campus))
    sent = {"post": str(public.id), "choice": "0"}
    assert (await as_ada.post("/vote", sent, {"sec-fetch-site": "cross-site"})).status == 403
    assert (await browser.post("/vote", sent, follow=False)).headers["location"].startswith("/login")


async def test_a_quote_shows_what_one_may_see(campus: Campus, browser: Browser, ada: Actor, bruno: Actor) -> None:
    post = campus.post(bruno, "Worth <reading>\n\nto the end")
    quoting = campus.post(ada, "look", quote_id=post.id)
    path = f"/people/ada/posts/{quoting.id}"
    page = await browser.get(path)
    Outline(page.text)
    assert "Bruno Lindqvist wrote Worth <reading>" in page.words
    assert "to the end" in page.words
    assert f"/people/bruno/posts/{post.id}" in page.links
    campus.write(lambda tx: posts.change(tx, post.id, visibility="followers"))
    page = await browser.get(path)
    assert "Worth" not in page.words
    assert str(post.id) not in page.text


async def test_an_event_says_when_and_where(campus: Campus, browser: Browser, ada: Actor) -> None:
    post = campus.post(ada, "Bring cake")
    event: dict[str, Any] = {
        "starts_at": 1_795_525_200_000, "ends_at": None, "timezone": "Europe/Berlin", "offset": 60, "status": "tentative",
        "places": [{"name": "<script>", "address": None, "url": "javascript:alert(1)", "kind": "physical"}],
        "join_url": "https://e.example/join",
    }  # fmt: skip
    campus.write(lambda tx: posts.change(tx, post.id, kind="Event", title="Party", event=event))
    page = await browser.get(f"/people/ada/posts/{post.id}")
    Outline(page.text)
    assert "Not certain yet When: 24 November 2026, 14:00 (Europe/Berlin) Where: <script>" in page.words
    assert "https://e.example/join" in page.links
    assert "javascript:" not in page.text


async def test_a_title_before_a_quote_is_not_said_twice(campus: Campus, browser: Browser, ada: Actor) -> None:
    group = campus.group("mlops", ada)
    post = campus.post(ada, "@mlops first")
    content = '<p class="quote-inline">RE: <a href="https://south.example/p/1">south.example/p/1</a></p><p>I quote this @mlops</p>'
    made = campus.from_afar(
        campus.stranger(), content, post, title="I quote this", reply_to_id=None, reply_to_iri=None, root_id=None
    )
    assert made.group_id == group.id
    page = await browser.get(f"/@zoe@south.example/{made.id}")
    assert page.status == 200
    assert [one.get("class") for one in Outline(page.text).of("h1")] == ["hidden"]  # for screen readers alone
    assert "https://south.example/p/1" in page.links
