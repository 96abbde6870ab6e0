"""Link previews: which page is asked, when and by whom, and what of its words is shown."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import update
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from fedi.actions import cards as actions
from fedi.actions import posts
from fedi.actions.posts import Draft
from fedi.text.preview import first_link, read_page
from fedi.worker import loop
from storage import cards, jobs
from storage.actors import Actor
from storage.jobs import jobs as table
from storage.posts import Post
from tests.conftest import Databases
from tests.world import Instance, World, close, instance

PAGE = """<!doctype html><html lang="de-DE"><head><!-- <title>Not this</title> --><title>Plain &amp; simple</title>
<meta property="og:title" content="Die &lt;b&gt;Mensa&lt;/b&gt;\x00 ist auf">
<meta name="description" content="Ab   Montag.">
<meta property="og:image" content="/pictures/mensa.jpg"><meta property="og:image:width" content="1200">
<meta property="og:image:height" content="630"><meta property="og:image:alt" content="Tische">
<meta property="og:site_name" content="Uni-Blatt"><meta name="author" content="Ada">
<meta property="article:published_time" content="2026-11-20T10:00:00+01:00"></head><body></body></html>"""


@pytest.fixture(params=["sqlite", "postgresql"])
async def alpha(request: pytest.FixtureRequest, databases: Databases, tmp_path: Path) -> AsyncIterator[Instance]:
    """One instance, and a newspaper at news.example."""
    world = World()
    url = databases.new(request.param)
    made = await instance(world, "alpha.example", url, tmp_path)

    async def page(request: Request) -> Response:
        return HTMLResponse(PAGE)

    async def broken(request: Request) -> Response:
        return Response(b"%PDF", media_type="application/pdf")

    world.apps["news.example"] = Starlette(routes=[Route("/pdf", broken), Route("/{rest:path}", page)])
    yield made
    await close(made)
    databases.drop(url)


@pytest.fixture
def ada(alpha: Instance) -> Actor:
    return alpha.person("ada")


def publish(alpha: Instance, ada: Actor, text: str, **values: Any) -> Post:
    return alpha.write(lambda tx: posts.publish(tx, alpha.site, ada, Draft(text, **values)))


async def work(alpha: Instance) -> None:
    """Everything that waits is done now."""
    alpha.write(lambda tx: tx.execute(update(table).values(due_at=0)))
    await loop.step(alpha.site)


def asked(alpha: Instance) -> list[str]:
    return [url for host, url in alpha.world.asked if host == "news.example"]


async def card_of(alpha: Instance, post: Post) -> Any:
    answer = await alpha.get(f"/api/v1/statuses/{post.id}")
    return msgspec.json.decode(answer.body)["card"]


async def test_a_link_gets_a_card_and_its_page_is_asked_once(alpha: Instance, ada: Actor) -> None:
    first = publish(alpha, ada, "Read https://news.example/mensa#top and https://news.example/other")
    second = publish(alpha, ada, "Again https://news.example/mensa")
    assert await card_of(alpha, first) is None
    await work(alpha)
    await work(alpha)
    shown = await card_of(alpha, first)
    assert asked(alpha) == ["https://news.example/mensa"]
    assert shown["url"] == "https://news.example/mensa"
    assert shown["title"] == "Die <b>Mensa</b> ist auf"
    assert shown["description"] == "Ab Montag."
    assert shown["image"] == "https://news.example/pictures/mensa.jpg"
    assert (shown["width"], shown["height"], shown["image_description"]) == (1200, 630, "Tische")
    assert (shown["provider_name"], shown["provider_url"]) == ("Uni-Blatt", "https://news.example")
    assert shown["authors"] == [{"name": "Ada", "url": "", "account": None}]
    assert (shown["type"], shown["html"], shown["language"]) == ("link", "", "de")
    assert shown["published_at"] == "2026-11-20T09:00:00.000Z"
    assert await card_of(alpha, second) == shown
    third = publish(alpha, ada, "And https://news.example/mensa")
    assert await card_of(alpha, third) == shown
    assert len(asked(alpha)) == 1


@pytest.mark.parametrize("visibility", ["followers", "direct"])
async def test_nobody_learns_of_a_post_that_not_everyone_may_read(alpha: Instance, ada: Actor, visibility: str) -> None:
    publish(alpha, ada, "Secret https://news.example/secret", visibility=visibility)
    await work(alpha)
    assert asked(alpha) == []


async def test_a_members_only_post_asks_no_page(alpha: Instance, ada: Actor) -> None:
    group = alpha.group("ml", ada, see="members")
    post = publish(alpha, ada, f"@{group.username} https://news.example/secret")
    assert post.visibility == "members"
    await work(alpha)
    assert asked(alpha) == []


async def test_what_is_no_page_has_no_card_and_is_not_asked_again(alpha: Instance, ada: Actor) -> None:
    one = publish(alpha, ada, "https://news.example/pdf")
    await work(alpha)
    publish(alpha, ada, "https://news.example/pdf")
    gone = publish(alpha, ada, "https://nowhere.example/")
    await work(alpha)
    assert len(asked(alpha)) == 1
    assert await card_of(alpha, one) is None
    assert await card_of(alpha, gone) is None
    assert alpha.read(jobs.totals) == {}


async def test_an_edit_changes_the_card(alpha: Instance, ada: Actor) -> None:
    post = publish(alpha, ada, "https://news.example/one")
    await work(alpha)
    assert (await card_of(alpha, post))["url"] == "https://news.example/one"
    now = alpha.post(post.iri)
    alpha.write(lambda tx: posts.edit(tx, alpha.site, now, Draft("https://news.example/two")))
    assert await card_of(alpha, post) is None
    await work(alpha)
    assert (await card_of(alpha, post))["url"] == "https://news.example/two"
    now = alpha.post(post.iri)
    alpha.write(lambda tx: posts.edit(tx, alpha.site, now, Draft("Nothing")))
    assert await card_of(alpha, post) is None


async def test_one_host_is_not_asked_for_everything_at_once(alpha: Instance, ada: Actor) -> None:
    for number in range(10):
        publish(alpha, ada, f"https://news.example/{number}")
    await work(alpha)
    assert len(asked(alpha)) == 6
    assert alpha.read(jobs.totals) == {"due": 4}


def test_the_page_of_a_post_is_its_first_link_that_leads_elsewhere() -> None:
    content = (
        '<p class="quote-inline">RE: <a href="https://b.example/quoted">x</a></p>'
        '<a href="https://b.example/@ben" class="u-url mention">@ben</a> <a href="https://a.example/tags/x" rel="tag">#x</a>'
        '<a href="https://a.example/own">own</a> <a href="mailto:a@b.example">m</a> <a href="https://c.example/p?a=1#b">p</a>'
    )
    but = ("https://a.example/", "https://b.example/quoted")
    assert first_link(content, but) == "https://c.example/p?a=1"
    assert first_link("<p>none</p>", but) is None


@pytest.mark.parametrize(
    "html",
    [
        "",
        "<title></title>",
        "<title" * 200_000,
        "<meta property=og:title content='" + "x" * 500_000,
        "<!--" * 100_000,
        "<title>" + "&" * 400_000,
        '<meta property="og:image" content="https://[::1">',
    ],
)
def test_hostile_pages_give_nothing_or_little_and_soon(html: str) -> None:
    found = read_page(html, "https://news.example/")
    assert found is None or len(found.title) <= 300


@pytest.mark.parametrize(
    "image",
    [
        "javascript:alert(1)",
        "data:image/png;base64,AA",
        "http://plain.example/x.png",
        "https://u:p@x.example/",
        "https://x y/",
    ],
)
def test_a_picture_is_an_https_address_or_none(image: str) -> None:
    found = read_page(f'<title>x</title><meta property="og:image" content="{image}">', "https://news.example/")
    assert found is not None
    assert "image" not in found.more


async def test_old_cards_are_forgotten(alpha: Instance) -> None:
    now = alpha.site.clock()
    card = cards.Card("https://news.example/", "ready", "T", "", {}, now - actions.KEPT - 1)
    alpha.write(lambda tx: cards.save(tx, card))
    assert alpha.write(lambda tx: cards.forget(tx, now - actions.KEPT)) == 1


async def test_an_old_card_is_asked_anew_and_kept_where_that_fails(alpha: Instance, ada: Actor) -> None:
    now = alpha.site.clock()
    for name in ("mensa", "pdf"):
        old = cards.Card(f"https://news.example/{name}", "ready", "Old", "", {}, now - actions.FRESH - 1)
        alpha.write(lambda tx, old=old: cards.save(tx, old))  # type: ignore[misc]
    renewed, kept = publish(alpha, ada, "https://news.example/mensa"), publish(alpha, ada, "https://news.example/pdf")
    await work(alpha)
    assert len(asked(alpha)) == 2
    assert (await card_of(alpha, renewed))["title"] == "Die <b>Mensa</b> ist auf"
    assert (await card_of(alpha, kept))["title"] == "Old"


async def test_of_two_who_want_a_page_one_asks_it(alpha: Instance) -> None:
    now, url = alpha.site.clock(), "https://news.example/"
    assert alpha.write(lambda tx: cards.claim(tx, url, None, now))
    assert not alpha.write(lambda tx: cards.claim(tx, url, None, now))
    known = alpha.read(lambda tx: cards.by_url(tx, url))
    assert alpha.write(lambda tx: cards.claim(tx, url, known, now + 1))
    assert not alpha.write(lambda tx: cards.claim(tx, url, known, now + 1))
