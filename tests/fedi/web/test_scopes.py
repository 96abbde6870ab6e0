"""With whom a group federates, by form; and who can read what one is about to write."""

from fedi.actions import posts, scopes
from fedi.actions.posts import Draft
from storage import group_scopes, peers
from storage.actors import Actor
from storage.metadata import Tx
from tests.fedi.outbox.network import follower
from tests.fedi.web.conftest import Browser, Campus, Outline

PAGE = "/groups/quiet/settings"


async def test_an_owner_chooses_and_writers_are_told(campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor) -> None:
    group = campus.group("quiet", ada, see="members")
    everyones = campus.group("open", ada)
    shown = await as_ada.get(PAGE)
    Outline(shown.text)
    assert "Who can read it now: 1 university, 1 person." in shown.words
    assert "it can't be kept from institutions" in (await as_ada.get("/groups/open/settings")).words
    assert "Who can read it: 1 university, 1 person." in (await as_ada.get("/groups/quiet/about")).words
    assert "Who can read it: everyone on the web." in (await as_ada.get("/groups/open/about")).words

    wrong = await as_ada.post("/groups/quiet/scope", {"mode": "named", "peers": "nowhere.example", "may": "read"})
    assert (wrong.status, "nowhere.example is no peer of this instance" in wrong.words) == (422, True)
    Outline(wrong.text)
    assert "nowhere.example</textarea>" in wrong.text  # nothing that was typed is lost

    campus.write(lambda tx: peers.meet(tx, "beta.example", 0))
    done = await as_ada.post("/groups/quiet/scope", {"mode": "named", "peers": "beta.example", "may": "read"})
    assert done.status == 200

    def kept(tx: Tx) -> tuple[str, list[str], list[str]]:
        scope = group_scopes.of_group(tx, group.id)
        assert scope is not None
        return scope.mode, scope.may, [one.host for one in group_scopes.named(tx, group.id)]

    assert campus.read(kept) == ("named", ["read"], ["beta.example"])
    assert "federates with the institutions that it names" in (await as_ada.get("/groups/quiet")).words
    assert "federates with" not in (await as_ada.get("/groups/open")).words
    assert campus.read(lambda tx: scopes.mode_of(tx, everyones)) == "public"
    browser = campus.browser()
    await browser.log_in("bruno")
    refused = await browser.post("/groups/quiet/scope", {"mode": "public", "peers": "", "may": "read"})
    assert refused.status == 403
    assert campus.read(kept)[0] == "named"


async def test_an_author_is_told_who_did_not_take_a_post(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    campus.write(lambda tx: follower(tx, "beta.example", ada, software="fedi"))
    campus.write(lambda tx: peers.change(tx, "beta.example", stance="blocked"))
    post = campus.write(lambda tx: posts.publish(tx, campus.site, ada, Draft("words")))
    path = f"/people/ada/posts/{post.id}"
    shown = await as_ada.get(path)
    Outline(shown.text)
    assert "beta.example did not take it: it is blocked here" in shown.words
    assert "did not take it" not in (await campus.browser().get(path)).words


async def test_a_page_says_that_the_peering_is_suspended(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    zoe, group = campus.stranger(), campus.stranger("reading", kind="Group")
    assert zoe.host == group.host
    campus.write(lambda tx: peers.meet(tx, zoe.host, 0))
    pages = ["/@zoe@south.example", "/@reading@south.example"]
    for page in pages:
        assert "is suspended" not in (await as_ada.get(page)).words
    campus.write(lambda tx: peers.change(tx, "south.example", stance="suspended"))
    for page in pages:
        shown = await as_ada.get(page)
        Outline(shown.text)
        assert "The peering with south.example is suspended" in shown.words
        assert "is suspended" not in (await campus.browser().get(page)).words
