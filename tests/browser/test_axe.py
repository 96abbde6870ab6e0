"""axe-core finds nothing on the routes of people, as a phone shows them, in light and dark: WCAG 2.2 A and AA, what axe calls
good practice, and the size of what is pressed. And a first-year student joins, finds the group, reads a thread and answers by
keyboard alone: with the style sheet, where the focus is seen and nothing covers it, and with style sheets off; without script.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route

from fedi.actions import follows, posts, questions, reactions, reports
from fedi.actions import groups as group_actions
from fedi.context import Site
from fedi.html import STYLE_COOKIE, STYLE_NAME
from storage import actors, cases
from storage.metadata import Tx
from tests.browser.keyboard import WHAT_HAS_FOCUS, Keyboard
from tests.browser.visitor import DESK, PHONE, Visitor
from tests.servers import Server

FOR_NOBODY = ("/", "/login", "/join", "/about", "/groups/mlops", "/people/ada", "/nowhere", "/interact?uri={ada}")
FOR_ADA = (
    "/home",
    "/groups/mlops/about",
    "/groups/mlops/members",
    "/groups/mlops/settings",
    "/groups/mlops/moderation",
    "/groups/mlops/log",
    "/groups/mlops/rules",
    "/groups/mlops",
    "/groups/mlops/library",
    "/groups/mlops/library/add",
    "/groups/mlops/health",
    "/catch-up",
    "/compose?group=mlops",
    "/drafts",
    "/notifications",
    "/search?q=drift",
    "/settings",
    "/settings/mail",
    "/settings/groups",
    "/settings/feeds",
    "/settings/apps",
    "/settings/profile",
    "/settings/security",
    "/settings/invitations",
    "/settings/peerings",
    "/welcome",
    "/welcome/groups",
    "/welcome/phone",
    "/reports",
    "/people/ben",
    "/people/ada/affiliation",
    "/tags/drift",
)
CONTRAST = {"runOnly": ["color-contrast", "link-in-text-block"]}
ALL: dict[str, Any] = {"rules": {"target-size": {"enabled": True}}}


@dataclass
class Filled:
    """A university with a group, and where its thread, its question and the case are."""

    server: Server
    thread: str
    question: str
    report: str
    case: str


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Ada (student, owns the group) and Ben, with something on every page."""
    folder = tmp_path_factory.mktemp("axe")
    server = Server(folder, f"sqlite:///{folder / 'fedi.db'}", "North University")
    server.init()
    server.config.write_text('registrations = "open"\nrules = ["Be kind."]\n' + server.config.read_text())
    server.person("ada", role="moderator", affiliation="student")
    server.person("ben", affiliation="faculty")

    def fill(tx: Tx, site: Site) -> tuple[int, int, int]:
        ada, ben = (actors.by_name(tx, name, site.config.handle_domain) for name in ("ada", "ben"))
        assert ada is not None
        assert ben is not None
        group = group_actions.create(
            tx, site, name="mlops", title="ML Operations", owner=ada, description="Models.", rules=["No ads."]
        )
        follows.follow(tx, site, ben, group)
        follows.follow(tx, site, ada, ben)
        follows.follow(tx, site, ben, ada)
        said = posts.Draft("@mlops What we saw\n\nA #drift with `code`,\n\n```\nof = 1\n```\n\nand $x^2$.")
        thread = posts.publish(tx, site, ben, said)
        question = posts.publish(tx, site, ada, posts.Draft("@mlops Why?\n\nAnd how?", question=True))
        answer = posts.publish(tx, site, ben, posts.Draft("@ada Because.", reply_to_id=question.id))
        posts.publish(tx, site, ada, posts.Draft("@ben I see.", reply_to_id=answer.id))
        questions.accept(tx, site, ada, answer)
        reactions.like(tx, site, ben, question)
        posts.publish(tx, site, ben, posts.Draft("@ada look", summary="A film"))
        reports.report(tx, site, ada, ben, [thread], "An ad")
        return thread.id, question.id, cases.open_about(tx, ben.id)[0].id

    thread, question, case = server.write(fill)
    server.start()
    yield Filled(
        server,
        f"/people/ben/posts/{thread}",
        f"/people/ada/posts/{question}",
        f"/report?post={thread}",
        f"/cases/{case}",
    )
    server.stop()


def wrong(page: Page, options: dict[str, Any]) -> list[str]:
    """What axe finds on a page, in words."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    found = page.evaluate(
        "given => axe.run(document, given)",
        {"resultTypes": ["violations"], "preload": False, "iframes": False, **options},
    )
    return [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for each in found["violations"]
        for node in each["nodes"][:3]
    ]


def looked_at(visitor: Visitor, paths: list[str], dark: Collection[str]) -> dict[str, list[str]]:
    """What is wrong on these pages, in light, and in `dark` on those: both have the same rules with other colours."""
    found: dict[str, list[str]] = {}
    page = visitor.page
    for path in paths:
        answer = page.goto(visitor.server.url + path)
        assert answer is not None
        assert answer.status == (404 if path == "/nowhere" else 200), (path, answer.status)
        schemes = (("light", ALL), ("dark", CONTRAST)) if path in dark else (("light", ALL),)
        for scheme, options in schemes:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]  # one of its words
            if problems := wrong(page, options):
                found[f"{path} {scheme}"] = problems
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if over > 0:
            found[f"{path} width"] = [f"{over} px stick out"]
    return found


def test_nothing_is_found_on_what_everybody_sees(chromium: Browser, filled: Filled) -> None:
    nobody = visitor(chromium, filled, "nobody")
    ada = f"{filled.server.url}/people/ada"
    paths = [*(path.format(ada=ada) for path in FOR_NOBODY), filled.question]
    assert looked_at(nobody, paths, ["/", "/login"]) == {}
    nobody.context.close()


def test_nothing_is_found_on_what_a_member_sees(chromium: Browser, filled: Filled) -> None:
    ada = visitor(chromium, filled, "ada")
    ada.log_in()
    dark = [*FOR_ADA[::3], "/notifications", "/groups/mlops", filled.question]
    assert looked_at(ada, [*FOR_ADA, filled.thread, filled.question, filled.report, filled.case], dark) == {}
    ada.context.close()


def test_nothing_is_found_on_a_desk(chromium: Browser, filled: Filled) -> None:
    """Where places stand at the side; and what is wrong on purpose is found."""
    ada = visitor(chromium, filled, "ada", DESK)
    ada.log_in()
    assert looked_at(ada, ["/home", filled.question], ["/home"]) == {}
    ada.page.evaluate("document.querySelector('main').innerHTML += '<img src=x><input><p style=color:#aaa>grey</p>'")
    named = {one.partition(":")[0] for one in wrong(ada.page, ALL)}
    assert {"image-alt", "label"} <= named
    ada.context.close()


def visitor(chromium: Browser, filled: Filled, name: str, size: tuple[int, int] = PHONE) -> Visitor:
    """Somebody there."""
    return Visitor(chromium, filled.server, name, filled.server.folder, phone=size == PHONE)


@pytest.mark.parametrize("styled", [True, False], ids=["keyboard", "without style sheets"])
def test_a_first_year_student_by_keyboard(chromium: Browser, filled: Filled, tmp_path: Path, styled: bool) -> None:
    name = "mia" if styled else "noa"
    visitor = Visitor(chromium, filled.server, name, tmp_path, script=False, phone=True)
    if not styled:
        # Pages then only name the style sheet, which never comes.
        visitor.context.add_cookies([{"name": STYLE_COOKIE, "value": STYLE_NAME, "url": filled.server.url}])
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
    visitor.says("No ads.")
    keys.to(".", "INPUT")
    keys.page.keyboard.press("Space")
    keys.press(".*", "BUTTON")
    keys.press("Groups", "A")
    keys.press("ML Operations")
    keys.press("What we saw")
    visitor.says("A #drift")
    keys.type("Your reply", "Three times the number of classes, at least.")
    keys.press("Reply", "BUTTON")
    visitor.says("Three times the number of classes, at least.")
    assert visitor.page.locator("article").count() >= 2
    visitor.context.close()


def _drop(route: Route) -> None:
    route.abort()
