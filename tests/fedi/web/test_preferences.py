"""How somebody reads their groups: the page that says so, what it changes, and the home that follows it."""

from functools import partial

from storage import apps, lists
from storage.actors import Actor
from storage.apps import App, Token, hashed
from tests.fedi.web.conftest import Browser, Campus, Outline, Page


def ticked(page: Page) -> set[str]:
    """The names of the boxes that are ticked."""
    return {str(one["name"]) for one in Outline(page.text).of("input") if "checked" in one}


async def test_the_page_of_one_s_settings(campus: Campus, browser: Browser) -> None:
    ada, bruno = campus.actor("ada"), campus.actor("bruno")
    group = campus.group("chess", bruno)
    campus.follow(ada, group)
    campus.post(bruno, "@chess an opening")
    await browser.log_in("ada")
    assert "/settings/profile" in (await browser.get("/people/ada")).links
    assert "/settings/profile" not in (await browser.get("/people/bruno")).links
    page = await browser.get("/settings")
    assert (page.status, ticked(page)) == (200, {"groups_in_home"})
    # What each of them does is said there.
    for words in ("Groups in your home", "A list for each group", "these lists are removed again"):
        assert words in page.words
    assert "an opening" in (await browser.get("/home")).words

    page = await browser.post("/settings", {"group_lists": "1"})
    assert "Saved." in page.words
    assert ticked(page) == {"group_lists"}
    assert [one.title for one in campus.read(lambda tx: lists.of_person(tx, ada.id))] == ["Chess"]
    assert "an opening" not in (await browser.get("/home")).words

    page = await browser.post("/settings", {"groups_in_home": "1"})
    assert ticked(page) == {"groups_in_home"}
    assert campus.read(lambda tx: lists.of_person(tx, ada.id)) == []
    assert "an opening" in (await browser.get("/home")).words


async def test_saving_again_brings_no_deleted_list_back(campus: Campus, browser: Browser) -> None:
    ada = campus.actor("ada")
    campus.group("chess", ada)
    await browser.log_in("ada")
    sent = {"group_lists": "1", "groups_in_home": "1"}
    await browser.post("/settings", sent)
    [one] = campus.read(lambda tx: lists.of_person(tx, ada.id))
    campus.write(lambda tx: lists.remove(tx, one.id))
    await browser.post("/settings", sent)
    assert campus.read(lambda tx: lists.of_person(tx, ada.id)) == []


async def test_only_oneself_and_from_one_s_own_page(campus: Campus, browser: Browser) -> None:
    campus.group("chess", campus.actor("ada"))
    page = await browser.get("/settings", follow=False)
    assert (page.status, page.headers["location"]) == (303, "/login?next=%2Fsettings")
    await browser.log_in("ada")
    strange = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    assert (await browser.post("/settings", {"group_lists": "1"}, strange)).status == 403
    assert campus.read(lambda tx: lists.of_person(tx, campus.actor("ada").id)) == []


def let_in(campus: Campus, person: Actor, name: str, *secrets: str) -> App:
    """An app that this person let in, once for each secret."""
    site = campus.site
    made = App(
        site.new_id(), name, "", name, f"https://{name.lower()}.example", ["urn:x"], "read write push", site.clock()
    )
    campus.write(lambda tx: apps.insert_app(tx, made))
    for secret in secrets:
        token = Token(site.new_id(), hashed(secret), made.id, person.id, "read push", site.clock(), None, None)
        campus.write(partial(apps.insert_token, token=token))
    return made


async def test_an_app_is_shut_out_by_who_let_it_in(campus: Campus, browser: Browser) -> None:
    ada, bruno = campus.actor("ada"), campus.actor("bruno")
    tusky = let_in(campus, ada, "Tusky", "phone", "tablet")
    elk, theirs = let_in(campus, ada, "<b>Elk", "laptop"), let_in(campus, bruno, "Ivory", "other")
    campus.write(lambda tx: apps.insert_token(tx, Token(9, hashed("itself"), tusky.id, None, "read", 0, None, None)))
    await browser.log_in("ada")
    page = await browser.get("/settings/apps")
    Outline(page.text)
    assert "Tusky" in page.words
    assert "<b>Elk" in page.words
    assert "Ivory" not in page.words
    # What it may do is said in the words in which it was asked.
    assert "read everything you can read, send you notifications" in page.words
    assert page.words.count("Shut it out") == 2  # however often it was let in

    page = await browser.post("/settings/apps", {"app": str(tusky.id)})
    assert "The app can't use your account any more." in page.words
    assert "Tusky" not in page.words
    assert campus.read(lambda tx: [apps.token(tx, secret) is None for secret in ("phone", "tablet")]) == [True, True]
    left = ("laptop", "other", "itself")
    assert campus.read(lambda tx: [apps.token(tx, secret) is None for secret in left]) == [False, False, False]

    # Neither anybody else's, nor from another site, nor what is none.
    await browser.post("/settings/apps", {"app": str(theirs.id)})
    strange = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    assert (await browser.post("/settings/apps", {"app": str(elk.id)}, strange)).status == 403
    for wrong in ("", "x", "9" * 30):
        assert (await browser.post("/settings/apps", {"app": wrong})).status == 200
    assert campus.read(lambda tx: [apps.token(tx, secret) is None for secret in left]) == [False, False, False]


async def test_many_apps_fit_a_page(campus: Campus, browser: Browser) -> None:
    ada = campus.actor("ada")
    for number in range(130):
        let_in(campus, ada, f"App{number}", f"secret{number}")
    await browser.log_in("ada")
    page = await browser.get("/settings/apps")
    assert page.wire <= 14_336
    assert page.words.count("Shut it out") == 100
    assert "App129" in page.words
    assert "App29 " not in page.words
    shut = await browser.post("/settings/apps", {"app": "all"})
    assert "No app uses your account." in shut.words
