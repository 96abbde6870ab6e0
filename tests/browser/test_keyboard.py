"""A first-year student joins, finds the group, reads a thread and answers, by keyboard alone: with the style sheet, where each
step of the focus is seen and nothing covers it, and with style sheets off. No script in either.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route

from fedi.actions import groups as group_actions
from fedi.actions import posts
from fedi.context import Site
from fedi.html import STYLE_COOKIE, STYLE_NAME
from storage import actors
from storage.metadata import Tx
from tests.browser.visitor import Visitor
from tests.servers import Server

STEPS = 150
"""Presses of Tab after which something counts as out of reach."""
WHAT_HAS_FOCUS = """() => {
  const one = document.activeElement
  if (!one || one === document.body) return null
  const label = one.labels && one.labels[0] ? one.labels[0].textContent : ''
  const box = one.getBoundingClientRect(), x = box.x + Math.min(box.width, 20) / 2, y = box.y + Math.min(box.height, 20) / 2
  const top = document.elementFromPoint(x, y)
  return {
    name: (one.getAttribute('aria-label') || label || one.textContent || one.value || '').trim().replace(/\\s+/g, ' '),
    kind: one.tagName, outline: getComputedStyle(one).outlineStyle,
    seen: !!top && (one.contains(top) || top.contains(one)) && box.bottom > 0 && box.top < innerHeight,
  }
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """North University, open to all, with Ada's group and a thread in it."""
    folder = tmp_path_factory.mktemp("keyboard")
    made = Server(folder, f"sqlite:///{folder / 'fedi.db'}", "North University")
    made.init()
    made.config.write_text('registrations = "open"\n' + made.config.read_text())
    made.person("ada")

    def fill(tx: Tx, site: Site) -> None:
        ada = actors.by_name(tx, "ada", site.config.handle_domain)
        assert ada is not None
        group_actions.create(tx, site, name="mlops", title="ML Operations", owner=ada, rules=["Be kind."])
        posts.publish(tx, site, ada, posts.Draft("@mlops How large is a test set?\n\nOurs has 200 pictures."))

    made.write(fill)
    made.start()
    yield made
    made.stop()


class Keyboard:
    """What somebody does who presses keys only. `styled`: whether the focus must be seen."""

    def __init__(self, visitor: Visitor, *, styled: bool) -> None:
        self.visitor, self.page, self.styled = visitor, visitor.page, styled

    def to(self, name: str, kind: str = "") -> None:
        """Tab on to what is called so."""
        passed = []
        for _ in range(STEPS):
            self.page.keyboard.press("Tab")
            found = self.page.evaluate(WHAT_HAS_FOCUS)
            if found is None:
                continue
            passed.append(found["name"][:40])
            if self.styled:
                assert found["outline"] != "none", f"nobody sees that {found} has the focus"
                assert found["seen"], f"{found} is covered or out of sight while it has the focus"
            if re.match(name, found["name"]) and kind in ("", found["kind"]):
                return
        raise AssertionError(f"{name!r} is out of reach at {self.visitor.path}: {passed}")

    def press(self, name: str, kind: str = "") -> None:
        """Tab to a link or button, and take it; the next page is there when this returns."""
        self.to(name, kind)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def type(self, name: str, text: str) -> None:
        """Tab to a field and write into it."""
        self.to(name)
        self.page.keyboard.type(text)


@pytest.mark.parametrize("styled", [True, False], ids=["keyboard", "without style sheets"])
def test_a_first_year_student_by_keyboard(chromium: Browser, server: Server, tmp_path: Path, styled: bool) -> None:
    name = "mia" if styled else "noa"
    visitor = Visitor(chromium, server, name, tmp_path, script=False, phone=True)
    if not styled:
        # Pages then only name the style sheet, which never comes.
        visitor.context.add_cookies([{"name": STYLE_COOKIE, "value": STYLE_NAME, "url": server.url}])
        visitor.page.route("**/*.css", _drop)
    keys = Keyboard(visitor, styled=styled)
    visitor.go("/")
    assert visitor.page.evaluate("getComputedStyle(document.body).display") == ("flex" if styled else "block")
    keys.page.keyboard.press("Tab")
    assert keys.page.evaluate(WHAT_HAS_FOCUS)["name"] == "Skip to the content"
    keys.press("Join", "A")
    keys.type("Username", name)
    keys.type("E-mail address", f"{name}@example.edu")
    keys.type("Password", f"{name}-password")
    keys.press("Join", "BUTTON")
    visitor.says("Step 1 of 3")
    keys.press("Go on")
    keys.press("Join ML Operations")
    visitor.says("Be kind.")
    keys.to(".", "INPUT")
    keys.page.keyboard.press("Space")
    keys.press(".*", "BUTTON")
    keys.press("Groups", "A")
    keys.press("ML Operations")
    keys.press("How large is a test set")
    visitor.says("Ours has 200 pictures.")
    keys.type("Your reply", "Three times the number of classes, at least.")
    keys.press("Reply", "BUTTON")
    visitor.says("Three times the number of classes, at least.")
    assert visitor.page.locator("article").count() >= 2
    visitor.context.close()


def _drop(route: Route) -> None:
    route.abort()
