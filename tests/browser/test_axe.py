"""axe-core finds nothing on any route of people, as a phone shows them, in light and dark: WCAG 2.2 A and AA, what axe calls
good practice, and the size of what is pressed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from fedi.actions import follows, posts, questions, reactions, reports
from fedi.actions import groups as group_actions
from fedi.context import Site
from storage import actors
from storage.metadata import Tx
from tests.browser.visitor import DESK, PHONE, Visitor
from tests.servers import Server

FOR_ALL = ("/", "/login", "/login/reset", "/join", "/about", "/groups", "/groups/mlops", "/people/ada", "/tags/drift")
FOR_NOBODY_YET = ("/nowhere", "/interact?uri={ada}")
FOR_ADA = (
    "/home",
    "/groups/mlops/about",
    "/groups/mlops/members",
    "/groups/mlops/settings",
    "/groups/mlops/moderation",
    "/groups/mlops/log",
    "/groups/mlops/library",
    "/groups?new=1",
    "/catch-up",
    "/compose?group=mlops",
    "/drafts",
    "/notifications",
    "/search?q=drift",
    "/settings",
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
)
CONTRAST = {"runOnly": ["color-contrast", "link-in-text-block"]}
ALL: dict[str, Any] = {"rules": {"target-size": {"enabled": True}}}


@dataclass
class Filled:
    """A university with a group, and where its thread, its question and the case are."""

    server: Server
    thread: str
    question: str
    reported: int


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
        made = reports.report(tx, site, ada, ben, [thread], "An ad")
        return thread.id, question.id, made.id

    thread, question, reported = server.write(fill)
    server.start()
    yield Filled(server, f"/people/ben/posts/{thread}", f"/people/ada/posts/{question}", reported)
    server.stop()


def wrong(page: Page, options: dict[str, Any]) -> list[str]:
    """What axe finds on a page, in words."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    found = page.evaluate("given => axe.run(document, given)", {"resultTypes": ["violations"], **options})
    return [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for each in found["violations"]
        for node in each["nodes"][:3]
    ]


def looked_at(visitor: Visitor, paths: list[str]) -> dict[str, list[str]]:
    """What is wrong on these pages, in light and dark."""
    found: dict[str, list[str]] = {}
    page = visitor.page
    for path in paths:
        answer = page.goto(visitor.server.url + path)
        assert answer is not None
        assert answer.status == (404 if path == "/nowhere" else 200), (path, answer.status)
        for scheme, options in (("light", ALL), ("dark", CONTRAST)):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]  # one of its words
            if problems := wrong(page, options):
                found[f"{path} {scheme}"] = problems
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if over > 0:
            found[f"{path} width"] = [f"{over} px stick out"]
    return found


def test_nothing_is_found_on_what_everybody_sees(chromium: Browser, filled: Filled, tmp_path: object) -> None:
    nobody = visitor(chromium, filled, "nobody")
    ada = f"{filled.server.url}/people/ada"
    paths = [*FOR_ALL, *(path.format(ada=ada) for path in FOR_NOBODY_YET), filled.thread, filled.question]
    assert looked_at(nobody, paths) == {}
    nobody.context.close()


def test_nothing_is_found_on_what_a_member_sees(chromium: Browser, filled: Filled) -> None:
    ada = visitor(chromium, filled, "ada")
    ada.log_in()
    assert looked_at(ada, [*FOR_ADA, "/groups/mlops", filled.thread, filled.question]) == {}
    ada.context.close()


def test_nothing_is_found_on_a_desk(chromium: Browser, filled: Filled) -> None:
    """Where places stand at the side; and what is wrong on purpose is found."""
    ada = visitor(chromium, filled, "ada", DESK)
    ada.log_in()
    assert looked_at(ada, ["/home", "/groups/mlops", filled.question]) == {}
    ada.page.evaluate("document.querySelector('main').innerHTML += '<img src=x><input><p style=color:#aaa>grey</p>'")
    named = {one.partition(":")[0] for one in wrong(ada.page, ALL)}
    assert {"image-alt", "label"} <= named
    ada.context.close()


def visitor(chromium: Browser, filled: Filled, name: str, size: tuple[int, int] = PHONE) -> Visitor:
    """Somebody there."""
    return Visitor(chromium, filled.server, name, filled.server.folder, phone=size == PHONE)
