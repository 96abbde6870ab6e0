"""Somebody who presses keys only: what they can reach, and whether they see where they are."""

import re

from tests.browser.visitor import Visitor

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
