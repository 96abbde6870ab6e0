"""Follow and answer across servers: led home to one's own, and arriving from another."""

from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from storage import actors, follows, posts, replies
from storage.actors import Actor
from tests.fedi.web.conftest import Browser, Campus
from tests.world import Peer, World

FOLLOW = "https://w3id.org/fep/3b86/Follow"
OBJECT = "https://w3id.org/fep/3b86/Object"
SUBSCRIBE = "http://ostatus.org/schema/1.0/subscribe"


class Elsewhere(Peer):
    """A server whose WebFinger has these further links, as (relation, template)."""

    links: tuple[tuple[str, str], ...] = ()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        if scope["path"] != "/.well-known/webfinger":
            await super().__call__(scope, receive, send)
            return
        links = [{"rel": "self", "type": "application/activity+json", "href": self.iri("/users/mia")}]
        links += [{"rel": rel, "template": template} for rel, template in self.links]
        document = {"subject": f"acct:mia@{self.host}", "links": links}
        headers = [(b"content-type", b"application/jrd+json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": msgspec.json.encode(document)})


@pytest.fixture
def home(campus: Campus) -> Elsewhere:
    """The server home.example, where Mia has her account."""
    world = World()
    campus.site.client.transport = world
    made = Elsewhere(world, "home.example")
    made.actor("mia")
    return made


async def test_a_visitor_is_led_home(campus: Campus, browser: Browser, home: Elsewhere, ada: Actor) -> None:
    """FEP-3b86: the link of what is to be done; Mastodon has the older one for everything."""
    group = campus.group("mlops", ada)
    post = campus.post(ada, "hello")
    home.links = (
        (SUBSCRIBE, "https://home.example/old?uri={uri}"),
        (FOLLOW, "https://home.example/intents/follow?id={object}&then={on-success}"),
        (OBJECT, "https://home.example/search?q={object}"),
    )
    for path, iri, there in (
        ("/people/ada", ada.iri, "/intents/follow?id={}&then="),
        ("/groups/mlops", group.iri, "/intents/follow?id={}&then="),
        (f"/people/ada/posts/{post.id}", post.iri, "/search?q={}"),
    ):
        page = await browser.get(path)
        assert f'name="uri" value="{iri}"' in page.text
        # A browser stops a form that leads to another site where `form-action` does not allow it.
        assert "form-action" not in page.headers["content-security-policy"]
        left = await browser.post("/interact", {"uri": iri, "handle": "@mia@home.example"}, follow=False)
        assert left.status == 303
        assert left.headers["location"] == "https://home.example" + there.format(quote(iri, safe=""))


async def test_the_older_link_does_as_well(browser: Browser, home: Elsewhere, ada: Actor) -> None:
    home.links = ((SUBSCRIBE, "https://home.example/authorize_interaction?uri={uri}"),)
    left = await browser.post("/interact", {"uri": ada.iri, "handle": "mia@home.example"}, follow=False)
    assert left.headers["location"] == f"https://home.example/authorize_interaction?uri={quote(ada.iri, safe='')}"


async def test_who_is_logged_in_sees_no_such_form(campus: Campus, as_ada: Browser, bruno: Actor) -> None:
    page = await as_ada.get("/people/bruno")
    assert "/interact" not in page.text
    assert "form-action 'self'" in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    "template",
    [
        "https://evil.example/?uri={uri}",
        "https://home.example.evil.example/?uri={uri}",
        "https://home.example@evil.example/?uri={uri}",
        "http://home.example/?uri={uri}",
        "https://home.example:8443/?uri={uri}",
        "javascript:alert('{uri}')",
        "//evil.example/{uri}",
        "{uri}",
        "https://home.example/no-place",
    ],
)
async def test_nobody_is_led_astray(browser: Browser, home: Elsewhere, ada: Actor, template: str) -> None:
    """Only to the handle's own host or its actor's, by https."""
    home.links = ((SUBSCRIBE, template), (FOLLOW, template.replace("{uri}", "{object}")))
    page = await browser.post("/interact", {"uri": ada.iri, "handle": "mia@home.example"}, follow=False)
    assert page.status == 422
    assert "location" not in page.headers
    assert 'value="mia@home.example"' in page.text
    assert ada.iri in page.words


@pytest.mark.parametrize(
    "handle", ["", "mia", "@mia@", "https://home.example/@mia", "mia@nowhere.example", "\x00@\u202e", "a" * 500]
)
async def test_a_handle_that_leads_nowhere(browser: Browser, home: Elsewhere, ada: Actor, handle: str) -> None:
    page = await browser.post("/interact", {"uri": ada.iri, "handle": handle}, follow=False)
    assert page.status == 422
    assert 'role="alert"' in page.text


async def test_ones_own_people_stay_here(browser: Browser, ada: Actor) -> None:
    left = await browser.post("/interact", {"uri": ada.iri, "handle": "@bruno@alpha.example"}, follow=False)
    assert left.headers["location"] == f"/authorize_interaction?uri={quote(ada.iri, safe='')}"


async def test_only_what_everyone_may_see_is_led_away(
    campus: Campus, browser: Browser, home: Elsewhere, ada: Actor
) -> None:
    hidden = campus.post(ada, "for followers", visibility="followers")
    for iri in (hidden.iri, "https://alpha.example/actor", "https://elsewhere.example/x", "", "x" * 5000):
        assert (await browser.post("/interact", {"uri": iri, "handle": "mia@home.example"})).status == 404
    assert home.asked == []


async def test_the_form_comes_from_our_pages(browser: Browser, home: Elsewhere, ada: Actor) -> None:
    sent = {"uri": ada.iri, "handle": "mia@home.example"}
    assert (await browser.post("/interact", sent, {"sec-fetch-site": "cross-site"})).status == 403


async def test_a_stranger_makes_us_ask_only_so_often(browser: Browser, home: Elsewhere, ada: Actor) -> None:
    sent = {"uri": ada.iri, "handle": "mia@home.example"}
    answers = [(await browser.post("/interact", sent, follow=False)).status for _ in range(25)]
    assert answers[0] == 422
    assert answers[-1] == 429


async def test_arriving_needs_an_account(browser: Browser, home: Elsewhere) -> None:
    iri = home.iri("/users/mia")
    page = await browser.get(f"/authorize_interaction?uri={quote(iri, safe='')}", follow=False)
    assert page.status == 303
    assert page.headers["location"].startswith("/login?next=%2Fauthorize_interaction%3Furi%3D")
    assert home.asked == []


@pytest.mark.parametrize(
    "form", ["{iri}", "acct:mia@home.example", "@mia@home.example", "web+ap://home.example/users/mia"]
)
async def test_arriving_to_follow(campus: Campus, as_ada: Browser, ada: Actor, home: Elsewhere, form: str) -> None:
    iri = home.iri("/users/mia")
    page = await as_ada.get(f"/authorize_interaction?uri={quote(form.format(iri=iri), safe='')}")
    assert page.status == 200
    assert "Mia" in page.words
    known = campus.read(lambda tx: actors.by_iri(tx, iri))
    # To look is not to follow: anybody can send a browser here.
    assert campus.read(lambda tx: follows.find(tx, ada.id, known.id)) is None
    assert '<form class="row" method="post" action="/follow">' in page.text
    await as_ada.post("/follow", {"id": str(known.id), "next": "/@mia@home.example"})
    assert campus.read(lambda tx: follows.find(tx, ada.id, known.id)) is not None
    again = await as_ada.get(f"/authorize_interaction?uri={quote(iri, safe='')}")
    assert "You asked already" in again.words


async def test_arriving_to_join_a_group(as_ada: Browser, home: Elsewhere) -> None:
    iri = home.actor("chess", "Group", manuallyApprovesFollowers=True)
    page = await as_ada.get(f"/authorize_interaction?uri={quote(iri, safe='')}")
    assert "Ask to join" in page.words


async def test_arriving_to_answer(campus: Campus, as_ada: Browser, home: Elsewhere) -> None:
    note = home.note(home.iri("/users/mia"), "what-do-you-think")
    page = await as_ada.get(f"/authorize_interaction?uri={quote(note['id'], safe='')}")
    assert "what-do-you-think" in page.words
    kept = campus.read(lambda tx: posts.by_iri(tx, note["id"]))
    answered = await as_ada.post("/compose", {"text": "a lot", "reply_to": str(kept.id), "visibility": "public"})
    assert "a lot" in answered.words
    made = campus.read(lambda tx: replies.thread(tx, kept.id))
    assert made[-1].reply_to_iri == note["id"]


async def test_arriving_for_nothing(campus: Campus, as_ada: Browser, home: Elsewhere, bruno: Actor) -> None:
    hidden = campus.post(bruno, "for followers", visibility="followers")
    for uri in (
        "https://home.example/nothing",
        "nobody@nowhere.example",
        "mailto:x@y.example",
        hidden.iri,
        "javascript:1",
    ):
        page = await as_ada.get(f"/authorize_interaction?uri={quote(uri, safe='')}")
        assert page.status == 404, uri
        assert "for followers" not in page.words
    assert (await as_ada.get("/authorize_interaction")).status == 400


async def test_arriving_at_oneself(as_ada: Browser, ada: Actor) -> None:
    page = await as_ada.get(f"/authorize_interaction?uri={quote(ada.iri, safe='')}", follow=False)
    assert page.headers["location"] == "/people/ada"
