"""How somebody reads their groups: the page that says so, what it changes, and the home that follows it."""

from storage import lists
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
    assert "/settings" in (await browser.get("/people/ada")).links
    assert "/settings" not in (await browser.get("/people/bruno")).links
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
