"""What breaks clients at other servers, one by one: it holds here, and the test that says so sees it when it doesn't.

Each row is a check. It passes at an instance as it is, and fails at the same instance with just that thing broken.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser

from fedi.app import build as application
from fedi.config import load
from tests.browser.broken import FAULTS, Broken, Served
from tests.browser.conftest import Client
from tests.clients.conftest import University, build
from tests.clients.floors import faults


@dataclass(frozen=True)
class Instance:
    """One in this process, and the page that is its client."""

    university: University
    broken: Broken
    browser: Browser
    elsewhere: str

    def client(self) -> Client:
        """The page. What can't come is waited for shortly."""
        return Client(self.browser, self.elsewhere, self.university, 15.0 if self.broken.fault is None else 3.0)

    def get(self, path: str) -> Any:
        """What ben reads there."""
        headers = {"Authorization": f"Bearer {self.university.tokens['ben']}"}
        answer = requests.get(self.university.url + path, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def instance(chromium: Browser, elsewhere: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """With five posts of ben's, and a notification of his."""
    university = build(tmp_path_factory.mktemp("matrix"))
    broken = Broken(application(load(university.server.config, {}), worker=False))
    served = Served(broken, university.server.port)
    served.start()
    for who, text in [*(("ben", f"number {number}") for number in range(5)), ("chi", "@ben hello")]:
        headers = {"Authorization": f"Bearer {university.tokens[who]}"}
        requests.post(f"{university.url}/api/v1/statuses", {"status": text}, headers=headers, timeout=30)
    yield Instance(university, broken, chromium, elsewhere)
    served.stop()


def log_in(instance: Instance) -> None:
    client = instance.client()
    try:
        client.log_in("ben")
    finally:
        client.close()


def read_pages(instance: Instance) -> None:
    client = instance.client()
    try:
        client.enter(instance.university.tokens["ben"])
        assert len(client.page.evaluate("app.pages('/api/v1/timelines/home?limit=2')")) > 2
    finally:
        client.close()


def listen(instance: Instance) -> None:
    client = instance.client()
    try:
        client.enter(instance.university.tokens["ben"])
        streaming = instance.get("/api/v2/instance")["configuration"]["urls"]["streaming"]
        client.page.evaluate("(url) => app.listen(url, 'update')", streaming)
    finally:
        client.close()


def read_ids(instance: Instance) -> None:
    assert faults(instance.get("/api/v1/timelines/home")) == []


def read_notifications(instance: Instance) -> None:
    """The version that each client chooses: 2 from `api_versions.mastodon` 2 on; Elk and toot always ask 1."""
    assert instance.get("/api/v2/instance")["api_versions"]["mastodon"] >= 2
    assert [one["type"] for one in instance.get("/api/v1/notifications")] == ["mention"]
    grouped = instance.get("/api/v2/notifications")
    assert [one["type"] for one in grouped["notification_groups"]] == ["mention"]


CHECKS: dict[str, Callable[[Instance], None]] = {
    "form-action on the authorise page": log_in,
    "COOP on the authorise page": log_in,
    "no CORS": log_in,
    "Link not exposed": read_pages,
    "no Link": read_pages,
    "subprotocol not echoed": listen,
    "ids as numbers": read_ids,
    "v1 notifications missing": read_notifications,
    "v2 notifications missing": read_notifications,
}


@pytest.mark.parametrize("check", [log_in, read_pages, listen, read_ids, read_notifications])
def test_it_holds(instance: Instance, check: Callable[[Instance], None]) -> None:
    instance.broken.fault = None
    check(instance)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_fault_is_caught(instance: Instance, fault: str) -> None:
    instance.broken.fault = fault
    try:
        with pytest.raises(Exception):  # noqa: B017  # of the browser, of the page, or of an assertion
            CHECKS[fault](instance)
    finally:
        instance.broken.fault = None
