"""The script of pages, in Chromium: new posts are told of and move nothing, what is typed and what waits survives lines that
break, log-outs and other people at the same browser, and pages that were seen are there without a line."""

import json
import re
from collections.abc import Iterator
from typing import Literal

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, Route, StorageState, expect

from tests.servers import Server

PATIENCE = 15_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A university with ada and ben, and a group of both."""
    folder = tmp_path_factory.mktemp("script")
    made = Server(folder, f"sqlite:///{folder / 'fedi.db'}", "North University")
    made.init()
    tokens = {name: made.person(name) for name in ("ada", "ben")}
    made.start()
    _tokens[made.url] = tokens
    group = requests.post(
        f"{made.url}/api/fedi/v1/groups",
        json={"name": "mlops", "title": "MLOps"},
        headers=_bearer(made, "ada"),
        timeout=30,
    ).json()["id"]
    requests.post(f"{made.url}/api/v1/accounts/{group}/follow", headers=_bearer(made, "ben"), timeout=30)
    yield made
    made.stop()


_tokens: dict[str, dict[str, str]] = {}


def _bearer(server: Server, name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {_tokens[server.url][name]}"}


def says(server: Server, name: str, text: str, **values: str) -> dict[str, str]:
    """A post of somebody's from an app."""
    answer = requests.post(
        f"{server.url}/api/v1/statuses", json={"status": text, **values}, headers=_bearer(server, name), timeout=30
    )
    made: dict[str, str] = answer.json()
    return made


def posts_of(server: Server, name: str) -> list[str]:
    """What somebody has published, as text, newest first."""
    headers = _bearer(server, name)
    me = requests.get(f"{server.url}/api/v1/accounts/verify_credentials", headers=headers, timeout=30).json()["id"]
    found = requests.get(f"{server.url}/api/v1/accounts/{me}/statuses", headers=headers, timeout=30).json()
    return [re.sub(r"<[^>]*>", "", one["content"]) for one in found]


def log_in(page: Page, server: Server, name: str) -> None:
    """By the form, to home."""
    page.goto(f"{server.url}/login?next=/home")
    page.fill("input[name=name]", name)
    page.fill("input[name=password]", f"{name}-password")
    page.click("main form button:not([type=button])")
    page.wait_for_url("**/home")


@pytest.fixture(scope="module")
def logged_in(chromium: Browser, server: Server) -> StorageState:
    """The cookies of ada, logged in."""
    context = chromium.new_context(service_workers="block")
    log_in(context.new_page(), server, "ada")
    state = context.storage_state()
    context.close()
    return state


def _context(chromium: Browser, state: StorageState | None, workers: Literal["allow", "block"]) -> BrowserContext:
    made = chromium.new_context(viewport={"width": 390, "height": 844}, storage_state=state, service_workers=workers)
    made.set_default_timeout(PATIENCE)
    return made


@pytest.fixture
def context(chromium: Browser, logged_in: StorageState) -> Iterator[BrowserContext]:
    """A browser of ada's, on a phone."""
    made = _context(chromium, logged_in, "block")
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A window of it."""
    return context.new_page()


@pytest.fixture
def fresh(chromium: Browser, server: Server) -> Iterator[Page]:
    """A window of a browser in which ada logs in anew, as she will log out; with its service worker."""
    made = _context(chromium, None, "allow")
    window = made.new_page()
    log_in(window, server, "ada")
    yield window
    made.close()


def look(page: Page) -> None:
    """What comes to pass by itself every half minute: the page asks what is new."""
    with page.expect_response(re.compile("/live")):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def settled(page: Page) -> None:
    """The page has asked once, so that it knows what is not new."""
    with page.expect_response(re.compile(r"/live.*words")):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_new_posts_are_told_of_and_move_nothing(page: Page, server: Server) -> None:
    thread = says(server, "ada", "@mlops How large is large?\n\nI have ten.")
    for number in range(8):
        says(server, "ben", f"@ada answer {number} " + "word " * 60, in_reply_to_id=thread["id"])
    page.goto(f"{server.url}/people/ada/posts/{thread['id']}")
    settled(page)
    look(page)
    expect(page.locator("#fresh")).to_have_count(0)
    page.evaluate("window.scrollTo(0, 900)")
    place = page.evaluate("document.querySelectorAll('article')[5].getBoundingClientRect().top")
    says(server, "ben", "@ada one more", in_reply_to_id=thread["id"])
    look(page)
    fresh = page.locator("#fresh")
    expect(fresh).to_have_text("1 new")
    assert abs(page.evaluate("document.querySelectorAll('article')[5].getBoundingClientRect().top") - place) <= 1
    page.evaluate("window.marked = 1")
    fresh.click()
    expect(page.locator("article").last).to_contain_text("one more")
    expect(fresh).to_have_count(0)
    assert page.evaluate("window.marked") == 1  # nothing was loaded anew
    assert page.evaluate("new Set([...document.querySelectorAll('article[id]')].map((one) => one.id)).size") == 10


def test_home_begins_anew_with_what_is_new(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/home")
    settled(page)
    says(server, "ben", "@mlops A thread that is new to home")
    look(page)
    page.locator("#fresh").click()
    expect(page.locator("article").first).to_contain_text("A thread that is new to home")
    expect(page.locator('nav a[href="/notifications"] .count')).to_be_visible()  # ben's answers of before


def test_nothing_is_told_of_what_one_may_not_see(page: Page, server: Server) -> None:
    private = says(server, "ben", "just me", visibility="direct")
    page.goto(f"{server.url}/about")
    said = page.evaluate(f"fetch('/live?of=/people/ben/posts/{private['id']}').then((one) => one.json())")
    assert said["ids"] == []
    page.context.clear_cookies()
    assert page.evaluate("fetch('/live?of=/home').then((one) => one.status)") == 401


def test_what_is_typed_is_there_again(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/compose")
    page.fill("#title", "A long thought")
    page.fill("#text", "that is not at its end")
    page.wait_for_timeout(600)
    page.reload()
    expect(page.locator("#text")).to_have_value("that is not at its end")
    expect(page.locator("#title")).to_have_value("A long thought")
    page.get_by_role("button", name="Forget it").click()
    expect(page.locator("#text")).to_have_value("")
    page.wait_for_timeout(300)
    page.reload()
    expect(page.locator("#text")).to_have_value("")


def test_what_could_not_be_sent_waits_and_is_sent_once(page: Page, context: BrowserContext, server: Server) -> None:
    page.goto(f"{server.url}/compose")
    context.set_offline(True)
    page.fill("#text", "Written in the underground")
    page.get_by_role("button", name="Post", exact=True).click()
    expect(page.locator("#waiting")).to_have_text("1 waiting")
    expect(page.locator("#told")).to_contain_text("sent by itself when you are back")
    expect(page.locator("#text")).to_have_value("")
    assert "Written in the underground" not in posts_of(server, "ada")
    context.set_offline(False)
    expect(page.locator("#waiting")).to_have_count(0)
    assert posts_of(server, "ada").count("Written in the underground") == 1


def test_an_answer_that_was_lost_makes_no_second_post(page: Page, server: Server) -> None:
    """The server took it, and its answer never came: the same is sent again, with the same key."""
    page.goto(f"{server.url}/compose")

    def lose(route: Route) -> None:
        route.fetch(max_redirects=0)
        route.abort()

    page.route("**/compose", lose)
    page.fill("#text", "The line broke here")
    page.get_by_role("button", name="Post", exact=True).click()
    expect(page.locator("#waiting")).to_have_text("1 waiting")
    page.unroute("**/compose")
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator("#waiting")).to_have_count(0)
    assert posts_of(server, "ada").count("The line broke here") == 1


def test_a_post_is_shown_where_it_was_sent_and_a_refused_one_comes_back(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/compose")
    page.evaluate("window.marked = 1")
    page.fill("#text", "y" * 5001)
    page.get_by_role("button", name="Post", exact=True).click()
    expect(page.locator("main .problem")).to_contain_text("1 character too long")
    page.fill("#text", "Short now")
    page.get_by_role("button", name="Post", exact=True).click()
    page.wait_for_url("**/people/ada/posts/*")
    expect(page.locator("article.whole")).to_contain_text("Short now")
    assert page.evaluate("window.marked") == 1
    page.go_back()
    page.wait_for_url("**/compose")
    page.wait_for_function("window.marked === undefined")  # the page before, loaded anew
    assert posts_of(server, "ada").count("Short now") == 1


def test_what_waits_is_of_who_wrote_it(fresh: Page, server: Server) -> None:
    """It survives the log-out, is not sent as somebody else's, and is sent when its author is back."""
    page = fresh
    page.goto(f"{server.url}/compose")
    page.route("**/compose", lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    page.fill("#text", "Of ada alone")
    page.get_by_role("button", name="Post", exact=True).click()
    expect(page.locator("#waiting")).to_have_text("1 waiting")
    page.goto(f"{server.url}/compose")
    page.fill("#text", "typed by ada")
    page.wait_for_timeout(600)
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(lambda url: "compose" not in url)
    page.unroute("**/compose")
    log_in(page, server, "ben")
    page.goto(f"{server.url}/compose")
    page.evaluate("dispatchEvent(new Event('online'))")
    page.wait_for_timeout(500)
    expect(page.locator("#waiting")).to_have_count(0)
    expect(page.locator("#text")).to_have_value("")
    assert "Of ada alone" not in posts_of(server, "ben")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(lambda url: "compose" not in url)
    log_in(page, server, "ada")
    expect(page.locator("#waiting")).to_have_count(0)
    assert posts_of(server, "ada").count("Of ada alone") == 1
    assert "Of ada alone" not in posts_of(server, "ben")
    page.goto(f"{server.url}/compose")
    expect(page.locator("#text")).to_have_value("typed by ada")


def test_it_can_be_installed_and_pages_that_were_seen_are_there_without_a_line_until_the_log_out(
    fresh: Page, server: Server
) -> None:
    page, context = fresh, fresh.context
    session = context.new_cdp_session(page)
    found = session.send("Page.getAppManifest")
    assert found["errors"] == []
    said = json.loads(found["data"])
    assert (said["name"], said["start_url"], said["display"]) == ("North University", "/home", "standalone")
    page.evaluate("navigator.serviceWorker.ready.then(() => 1)")
    assert session.send("Page.getInstallabilityErrors")["installabilityErrors"] in (
        [],
        [{"errorId": "in-incognito", "errorArguments": []}],
    )

    page.evaluate("navigator.serviceWorker.ready.then(() => 1)")
    page.goto(f"{server.url}/groups")
    page.goto(f"{server.url}/home")
    page.wait_for_function("caches.open('pages').then((kept) => kept.match('/home', {ignoreVary: true}))")
    context.set_offline(True)
    page.goto(f"{server.url}/groups")
    expect(page.locator("main")).to_contain_text("MLOps")
    page.goto(f"{server.url}/search")
    expect(page.locator("h1")).to_have_text("There is no connection")
    context.set_offline(False)
    page.goto(f"{server.url}/settings")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(lambda url: not url.endswith("/settings"))
    kept = "caches.open('pages').then((one) => one.keys()).then((all) => all.map((one) => new URL(one.url).pathname))"
    assert page.evaluate(kept) == []
    context.set_offline(True)
    with pytest.raises(Exception, match="ERR_"):
        page.goto(f"{server.url}/home")
