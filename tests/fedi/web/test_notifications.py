"""What concerns oneself: likes together, what is new marked and counted at each page, one marker for pages and apps."""

from functools import partial

from fedi.actions import follows, notified, reactions
from fedi.web.notifications import _SAID
from storage import markers, posts
from storage.actors import Actor
from storage.notifications import KINDS
from tests.fedi.web.conftest import Browser, Campus

COUNT = '<span class="count">'


def _liked(campus: Campus, post: posts.Post, *names: str) -> None:
    for name in names:
        campus.write(partial(reactions.like, site=campus.site, actor=campus.person(name), post=post))


async def test_likes_of_a_post_stand_together(campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor) -> None:
    post = campus.post(ada, "the train is late")
    _liked(campus, post, "carl", "dora", "emil")
    campus.post(bruno, "@ada it is not", reply_to_id=post.id)
    page = await as_ada.get("/notifications")
    assert "and 2 others like" in page.words
    assert page.words.count("the train is late") == 1
    assert "Bruno Lindqvist answered or mentioned you" in page.words
    for_ada = await as_ada.get("/notifications?only=you")
    assert "and 2 others like" not in for_ada.words
    assert "answered or mentioned you" in for_ada.words


async def test_what_is_new_is_counted_on_every_page_until_it_is_read(
    campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor
) -> None:
    assert COUNT not in (await as_ada.get("/about")).text
    post = campus.post(ada, "the train is late")
    _liked(campus, post, "carl", "dora")
    first = campus.post(bruno, "@ada it is not", reply_to_id=post.id)
    # Two likes of one post are one thing to look at.
    assert f"{COUNT}2</span>" in (await as_ada.get("/about")).text
    page = await as_ada.get("/notifications")
    assert page.text.count('<li class="new">') == 2
    up_to = page.text.partition('name="up_to" value="')[2].partition('"')[0]
    later = campus.post(bruno, "@ada and never was", reply_to_id=first.id)
    done = await as_ada.post("/notifications", {"up_to": up_to})
    assert done.text.count('<li class="new">') == 1, "what came after the page was not read with it"
    assert later.content in done.text or "and never was" in done.words
    assert f"{COUNT}1</span>" in done.text
    kept = campus.read(lambda tx: markers.of_person(tx, ada.id))["notifications"]
    assert kept.last_read_id == int(up_to), "apps read the same marker"
    # What is read stays so, and nobody reads what is yet to come.
    for wrong in ("1", "9" * 18, "", "x"):
        await as_ada.post("/notifications", {"up_to": wrong})
    assert campus.read(lambda tx: notified.unread(tx, ada)) == 0
    another = campus.post(bruno, "@ada you see", reply_to_id=first.id)
    assert f"{COUNT}1</span>" in (await as_ada.get("/about")).text, another


async def test_what_one_may_not_see_is_not_counted(campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor) -> None:
    group = campus.group("inner", bruno, see="members")
    campus.write(lambda tx: follows.follow(tx, campus.site, ada, group))
    campus.post(bruno, "@inner @ada come in")
    assert f"{COUNT}1</span>" in (await as_ada.get("/about")).text
    campus.write(lambda tx: follows.unfollow(tx, campus.site, ada, group))
    assert COUNT not in (await as_ada.get("/about")).text
    assert "come in" not in (await as_ada.get("/notifications")).words


async def test_nobody_s_marker_moves_from_another_site(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    post = campus.post(ada, "the train is late")
    _liked(campus, post, "carl")
    refused = await as_ada.post("/notifications", {"up_to": "9" * 18}, {"sec-fetch-site": "cross-site"})
    assert refused.status == 403
    assert campus.read(lambda tx: notified.unread(tx, ada)) == 1


def test_every_kind_has_words() -> None:
    assert set(_SAID) == set(KINDS)
