"""Chromium, and a page on an origin of its own that is a client of an instance."""

import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.clients.conftest import University, university
from tests.listening import listening

__all__ = ["university"]

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--disable-gpu",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE *.test",
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Chromium, without a window. Skips where it isn't installed; FEDI_TEST_BROWSER=all leaves no test out."""
    if not Path(CHROMIUM).exists():
        told = f"{CHROMIUM} is missing; «make browser» installs it, as root on Debian"
        if os.environ.get("FEDI_TEST_BROWSER") == "all":
            pytest.fail(told)
        pytest.skip(told)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, chromium_sandbox=False)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pictures(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of pages go: the folder FEDI_TEST_PICTURES, or one of the run."""
    named = os.environ.get("FEDI_TEST_PICTURES")
    kind = request.module.__name__.rpartition(".test_")[2]
    folder = Path(named) / kind if named else tmp_path_factory.mktemp(kind)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class _Pages(BaseHTTPRequestHandler):
    """The client's page at every path."""

    def do_GET(self) -> None:
        body = Path(__file__).with_name("client.html").read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """An origin that is not the instance's, with the client's page."""
    with listening(_Pages) as port:
        yield f"http://127.0.0.1:{port}"


class Client:
    """The page in a browser of its own, logged in nowhere yet."""

    def __init__(self, browser: Browser, elsewhere: str, instance: University, patience: float = 15.0) -> None:
        self.context = browser.new_context()
        self.context.set_default_timeout(patience * 1000)
        self.instance = instance
        self.page: Page = self.context.new_page()
        self.told: list[str] = []
        self.page.on("console", lambda message: self.told.append(message.text))
        self.page.goto(f"{elsewhere}/?instance={instance.url}")

    def log_in(self, name: str) -> None:
        """By a popup, with PKCE, as Phanpy does."""
        self.page.evaluate("app.prepare()")
        with self.page.expect_popup() as opened:
            self.page.click("#login")
        popup = opened.value
        popup.fill("input[name=name]", name)
        popup.fill("input[name=password]", f"{name}-password")
        popup.click("main form button")
        with popup.expect_event("close"):
            popup.click("main form button[value=allow]")
        token = self.page.evaluate("app.token")
        self.enter(token)

    def enter(self, token: str) -> None:
        """Go on with a token that one has."""
        self.page.evaluate("(token) => app.enter(token)", token)

    def close(self) -> None:
        """Close its windows."""
        self.context.close()
