"""A page of another origin logs in by popup and PKCE, reads home, listens, uploads and posts: the browser lets it."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
import requests
from playwright.sync_api import Browser

from tests.browser.conftest import Client
from tests.clients.conftest import University
from tests.clients.floors import faults


@pytest.fixture(scope="module")
def client(chromium: Browser, elsewhere: str, university: University) -> Iterator[Client]:
    """The page, with ben logged in."""
    made = Client(chromium, elsewhere, university)
    made.log_in("ben")
    yield made
    made.close()


def test_it_is_logged_in(client: Client) -> None:
    me = client.page.evaluate("app.read('/api/v1/accounts/verify_credentials').then((one) => one.json())")
    assert me["acct"] == "ben"
    assert faults(me) == []


def test_it_reads_home_page_by_page(client: Client, university: University) -> None:
    posted = [client.page.evaluate("(text) => app.post(text)", f"number {number}")["id"] for number in range(5)]
    pages = client.page.evaluate("app.pages('/api/v1/timelines/home?limit=2')")
    seen = [one for page in pages for one in page]
    assert seen[:5] == posted[::-1]
    assert all(int(newer) > int(older) for newer, older in pairwise(seen))
    assert len(pages) > 2


def test_it_hears_of_a_post_to_the_group(client: Client, university: University) -> None:
    headers = {"Authorization": f"Bearer {university.tokens['chi']}"}
    group = requests.get(f"{university.url}/api/v1/accounts/lookup?acct=mlops", timeout=30).json()["id"]
    client.page.evaluate("(id) => app.read(`/api/v1/accounts/${id}/follow`, {method: 'POST'})", group)
    instance = requests.get(f"{university.url}/api/v2/instance", timeout=30).json()
    protocol = client.page.evaluate(
        "(url) => app.listen(url, 'update')", instance["configuration"]["urls"]["streaming"]
    )
    assert protocol == client.page.evaluate("app.accessToken")  # echoed, or the browser had ended it
    client.page.wait_for_timeout(300)
    requests.post(f"{university.url}/api/v1/accounts/{group}/follow", headers=headers, timeout=30)
    said = requests.post(
        f"{university.url}/api/v1/statuses", {"status": "@mlops who is there?"}, headers=headers, timeout=30
    ).json()
    event = client.page.evaluate("app.heard")
    assert event["stream"] == ["user"]
    assert event["payload"]["reblog"]["id"] == said["id"]
    assert faults(event["payload"]) == []


def test_it_uploads_a_picture_and_posts_it(client: Client) -> None:
    media = client.page.evaluate("app.upload()")
    assert media["type"] == "image"
    assert client.page.evaluate("(url) => app.show(url)", media["url"]) == [200, 100]
    assert client.page.evaluate("(url) => app.show(url)", media["preview_url"])
    posted = client.page.evaluate("(id) => app.post('A square', {media_ids: [id]})", media["id"])
    assert [one["id"] for one in posted["media_attachments"]] == [media["id"]]
    assert posted["media_attachments"][0]["description"] == "A square"
    assert faults(posted) == []


def test_nothing_was_blocked(client: Client) -> None:
    """The last one: Chromium tells the console of whatever CORS or CSP stopped."""
    assert [one for one in client.told if "blocked" in one.lower() or "refused" in one.lower()] == []
