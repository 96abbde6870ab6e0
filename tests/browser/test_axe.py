"""axe-core finds nothing on the routes of people, as a phone shows them, in light and dark: WCAG 2.2 A and AA, what axe calls
good practice, and the size of what is pressed. And a first-year student joins, finds the group, reads a thread and answers by
keyboard alone: with the style sheet, where the focus is seen and nothing covers it, and with style sheets off; without script.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route

from fedi.actions import (
    credentials,
    deciding,
    follows,
    invitations,
    library,
    mail_links,
    posts,
    questions,
    reactions,
    reports,
    unsent,
)
from fedi.actions import groups as group_actions
from fedi.actions.mail_links import Link
from fedi.actions.shelving import Addition
from fedi.citing.works import Name, Work
from fedi.context import Site
from fedi.html import STYLE_COOKIE, STYLE_NAME
from storage import actors, cases, moderations
from storage import library as library_rows
from storage.metadata import Tx
from tests.browser.keyboard import WHAT_HAS_FOCUS, Keyboard
from tests.browser.visitor import DESK, PHONE, Visitor
from tests.servers import Server

FOR_NOBODY = (
    "/",
    "/login",
    "/login/reset",
    "/join",
    "/about",
    "/groups",
    "/groups/mlops",
    "/groups/mlops/about",
    "/groups/mlops/library",
    "/people/ada",
    "/nowhere",
    "/interact?uri={ada}",
)
FOR_ADA = (
    "/home",
    "/groups",
    "/groups?q=nothing",
    "/groups/new",
    "/groups/mlops?view=unread",
    "/groups/mlops/twins",
    "/sign-ups",
    "/offline",
    "/search?q=nothing",
    "/settings/security/codes",
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
CONSOLE = (
    "/admin",
    *(
        f"/admin/{each}"
        for each in (
            "health people people/ben groups groups/mlops announcements peers invite policy policy/history decisions held "
            "directories deliveries received jobs pending audit explain"
        ).split()
    ),
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
    links: list[str]
    """What mails and invitations lead to: for nobody in particular."""
    shown: list[str]
    """More for Ada."""
    appeal: str
    """For Cleo."""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Ada (student, owns the group) and Ben, with something on every page."""
    folder = tmp_path_factory.mktemp("axe")
    server = Server(folder, f"sqlite:///{folder / 'fedi.db'}", "North University")
    server.init()
    server.config.write_text(
        'registrations = "open"\ninvitations = "members"\nrules = ["Be kind."]\n' + server.config.read_text()
    )
    server.person("ada", role="moderator", affiliation="student")
    server.person("ben", affiliation="faculty")
    server.person("cleo")
    server.person("eve", role="admin")

    def fill(tx: Tx, site: Site) -> Filled:
        ada, ben, cleo = (actors.by_name(tx, name, site.config.handle_domain) for name in ("ada", "ben", "cleo"))
        assert ada is not None
        assert ben is not None
        assert cleo is not None
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
        case = cases.open_about(tx, ben.id)[0].id
        follows.follow(tx, site, cleo, group)
        rude = posts.publish(tx, site, cleo, posts.Draft("@mlops Nonsense, all of it."))
        reports.report(tx, site, ben, cleo, [rude], "Rude")
        deciding.decide(tx, site, ada, cases.open_about(tx, cleo.id)[0], deciding.Verdict(("warn",), "No ads.", "No."))
        work = Work("Hidden debt", "article-journal", (Name("Sculley", "D."),), 2015, url="https://example.org/debt")
        added = library.add(tx, site, ben, group, Addition(work), note="Read it.")
        entry = library_rows.entry(tx, added.id)
        assert entry is not None
        unsent.keep(tx, site, ada, unsent.Words(text="Half a thought"))
        invitations.create(tx, site, ada, "an-invitation-code", group_ids=[group.id])
        credentials.begin_second(tx, site, ada, credentials.new_secret())
        reset = credentials.reset_link(tx, site, ben, "a-secret-of-a-mail", 3_600_000)
        stop, read = (mail_links.sign(tx, site, Link(what, ben.id)) for what in ("stop digest", "read"))
        return Filled(
            server,
            f"/people/ben/posts/{thread.id}",
            f"/people/ada/posts/{question.id}",
            f"/report?post={thread.id}",
            f"/cases/{case}",
            [
                "/join/an-invitation-code",
                reset.removeprefix(site.config.origin),
                f"/mail/stop/{stop}",
                f"/mail/read/{read}",
            ],
            [f"/groups/mlops/library/{entry.item_id}", f"/compose?reply_to={thread.id}"],
            f"/appeals/{moderations.about(tx, cleo.id, [group.id])[0].id}",
        )

    filled = server.write(fill)
    server.start()
    yield filled
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


def looked_at(visitor: Visitor, paths: Sequence[str]) -> dict[str, list[str]]:
    """What is wrong on these pages in light, and with the colours of dark: the rest is the same in both."""
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


def test_nothing_is_found_on_what_everybody_sees(chromium: Browser, filled: Filled) -> None:
    nobody = visitor(chromium, filled, "nobody")
    ada = f"{filled.server.url}/people/ada"
    paths = [*(path.format(ada=ada) for path in FOR_NOBODY), *filled.links, filled.question]
    assert looked_at(nobody, paths) == {}
    nobody.context.close()


def test_nothing_is_found_on_what_a_member_sees(chromium: Browser, filled: Filled) -> None:
    ada = visitor(chromium, filled, "ada")
    ada.log_in()
    paths = [*FOR_ADA, *filled.shown, filled.thread, filled.question, filled.report, filled.case]
    assert looked_at(ada, paths) == {}
    ada.context.close()
    cleo = visitor(chromium, filled, "cleo")
    cleo.log_in()
    assert looked_at(cleo, [filled.appeal]) == {}
    cleo.context.close()


def test_nothing_is_found_in_the_console(chromium: Browser, filled: Filled) -> None:
    eve = visitor(chromium, filled, "eve")
    eve.log_in("/admin")
    assert looked_at(eve, CONSOLE) == {}
    eve.context.close()


def test_nothing_is_found_on_a_desk(chromium: Browser, filled: Filled) -> None:
    """Where places stand at the side; and what is wrong on purpose is found."""
    ada = visitor(chromium, filled, "ada", DESK)
    ada.log_in()
    assert looked_at(ada, ["/home", filled.question]) == {}
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
    # Without motion: what gets the focus is in sight at once, not after a scroll.
    still = {"reduced_motion": "reduce"}
    visitor = Visitor(chromium, filled.server, name, tmp_path, script=False, phone=True, options=still)
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
