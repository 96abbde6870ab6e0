"""Somebody with a browser of their own at an instance: opens, fills, presses, and looks at each page as phone and desk show it."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from tests.servers import Server

PHONE, DESK = (390, 844), (1280, 860)
PATIENCE = 20_000
"""Ms that something may take that is under way."""


@dataclass
class Visitor:
    """A browser at a server. `script`: whether pages may run theirs; `phone`: the size it has between pictures."""

    browser: Browser
    server: Server
    name: str
    pictures: Path
    script: bool = True
    phone: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    context: BrowserContext = field(init=False)
    page: Page = field(init=False)
    complaints: list[str] = field(default_factory=list)
    asked: int = 0
    """Pages that were asked for and forms that were sent."""

    def __post_init__(self) -> None:
        width, height = PHONE if self.phone else DESK
        self.context = self.browser.new_context(
            viewport={"width": width, "height": height}, java_script_enabled=self.script, **self.options
        )
        self.context.set_default_timeout(PATIENCE)
        self.page = self.context.new_page()
        self.page.on("console", self._heard)
        self.page.on("request", self._asked)

    def _heard(self, message: ConsoleMessage) -> None:
        # A form that comes back with a problem is an answer with 422, which Chromium notes as well.
        if message.type == "error" and "422" not in message.text and "favicon" not in str(message.location):
            self.complaints.append(message.text)

    def _asked(self, request: Any) -> None:
        self.asked += request.is_navigation_request()

    def log_in(self, to: str = "/home") -> None:
        """By name and password."""
        self.go(f"/login?next={to}")
        self.page.fill("input[name=name]", self.name)
        self.page.fill("input[name=password]", f"{self.name}-password")
        self.page.click("main form button")
        self.page.wait_for_url(f"**{to}")

    def go(self, path: str) -> None:
        """Open a page of the instance."""
        self.page.goto(self.server.url + path)

    @property
    def path(self) -> str:
        """Where it is, without the server."""
        return self.page.url.removeprefix(self.server.url)

    @property
    def main(self) -> Locator:
        """What the page is about."""
        return self.page.locator("main")

    def says(self, text: str) -> None:
        """The page says this, or does soon."""
        expect(self.main).to_contain_text(text, timeout=PATIENCE)

    def press(self, name: str) -> None:
        """Press the button, or follow the link, whose name begins so."""
        called = re.compile(f"^{re.escape(name)}")
        self.main.get_by_role("button", name=called).or_(self.main.get_by_role("link", name=called)).first.click()

    def waits_for(self, path: str, text: str) -> None:
        """Open a page again until it says this: what it tells of is under way."""
        for _ in range(PATIENCE // 250):
            self.go(path)
            if text in self.page.inner_text("main"):
                return
            self.page.wait_for_timeout(250)
        raise AssertionError(f"{path} never says {text!r}: {self.page.inner_text('main')[:1500]}")

    def look(self, name: str, *, dark: bool = False) -> None:
        """Take pictures of the page as it is, and see that nothing sticks out."""
        before = self.page.viewport_size
        for kind, (width, height) in (("phone", PHONE), ("desk", DESK)):
            self.page.set_viewport_size({"width": width, "height": height})
            # Evaluated by the protocol, which also works where pages run no script.
            over = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert over <= 0, f"{name} at {kind}: {over} px stick out"
            self.page.screenshot(path=self.pictures / f"{name}.{kind}.png", full_page=True)
        if dark:
            self.page.emulate_media(color_scheme="dark")
            self.page.screenshot(path=self.pictures / f"{name}.dark.png", full_page=True)
            self.page.emulate_media(color_scheme="light")
        if before is not None:
            self.page.set_viewport_size(before)

    def close(self) -> None:
        """Close the browser's windows, and see that no page complained."""
        self.context.close()
        assert not self.complaints, self.complaints
