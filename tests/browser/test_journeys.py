"""The journeys of a student, a coordinator and a moderator over two universities, in a browser with script and without.

What each does is what a page offers; what must come of it is looked at from the other side. Pictures of each page as a phone
and a desk show it are in the folder that the fixture `pictures` names.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from fedi.actions import follows, moderation
from fedi.actions import groups as group_actions
from fedi.context import Site, now
from storage import actors
from storage.metadata import Tx
from tests.browser.visitor import PATIENCE, Visitor
from tests.live.client import Person, wait_until
from tests.live.universities import join
from tests.provider import CLIENT, SECRET, open_provider
from tests.servers import Server

ANSWER = "Three times the number of classes is a start; then look at the confidence interval."


@dataclass
class Campus:
    """Two universities: at North ada (student) and noor (moderates nothing), at South eva and finn, who moderate `mlops`."""

    north: Server
    south: Server
    people: dict[str, Person]


@pytest.fixture(scope="module")
def campus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campus]:
    """Both, with a group at South that ada and noor are in from North, and agreed with each other."""
    servers, found = [], {}
    for name, persons in (("North", ("ada", "noor", "kim")), ("South", ("eva", "finn", "lee"))):
        folder = tmp_path_factory.mktemp(name.lower())
        server = Server(folder, f"sqlite:///{folder / 'fedi.db'}", f"{name} University")
        server.init()
        server.config.write_text('registrations = "open"\n' + server.config.read_text())
        for person in persons:
            admin = person in ("kim", "lee")
            found[person] = Person(server, person, server.person(person, role="admin" if admin else "member"))
        servers.append(server)
    north, south = servers

    def group(tx: Tx, site: Site) -> None:
        eva = actors.by_name(tx, "eva", site.config.handle_domain)
        assert eva is not None
        group_actions.create(
            tx,
            site,
            name="mlops",
            title="ML Operations",
            owner=eva,
            description="Getting models out of notebooks and keeping them honest.",
            rules=["Be kind.", "Cite what you use."],
        )

    south.write(group)
    for server in servers:
        server.start()
    for server, other in ((north, south), (south, north)):
        server.fedi("peer", "agree-alone", other.url)
    handle = f"mlops@127.0.0.1:{south.port}"
    for name in ("ada", "noor"):
        join(found[name], handle)
    yield Campus(north, south, found)
    for server in servers:
        server.stop()


def newcomer(campus: Campus, chromium: Browser, pictures: Path, name: str, *, script: bool) -> Visitor:
    """Somebody who signs up at North on a phone, through the three steps of the welcome, and joins the group at South."""
    made = Visitor(chromium, campus.north, name, pictures, script=script, phone=True, options={"locale": "en-GB"})
    look = f"a-{'script' if script else 'plain'}"
    made.go("/")
    made.look(f"{look}-1-front", dark=True)
    made.page.get_by_role("link", name="Join").first.click()
    made.page.fill("#username", name)
    made.page.fill("#email", f"{name}@example.edu")
    made.page.fill("#password", f"{name}-password")
    made.look(f"{look}-2-join")
    made.press("Join")
    made.says("Step 1 of 3")
    made.page.fill("#name", f"{name.title()} Lindqvist")
    made.look(f"{look}-3-you", dark=True)
    made.press("Go on")
    made.says("ML Operations")
    made.look(f"{look}-4-groups")
    made.page.get_by_role("button", name="Join ML Operations").click()
    if made.path.startswith("/groups/") or made.path.startswith("/@"):  # its rules are accepted once
        made.look(f"{look}-5-rules")
        made.page.locator("main input[type=checkbox]").first.check()
        made.main.get_by_role("button").first.click()
    made.go("/welcome/phone")
    made.says("127.0.0.1")
    made.look(f"{look}-6-phone")
    made.press("To your home")
    return made


def test_a_first_year_student_without_script(campus: Campus, chromium: Browser, pictures: Path) -> None:
    mia = newcomer(campus, chromium, pictures, "mia", script=False)
    handle = f"mlops@127.0.0.1:{campus.south.port}"
    mia.waits_for(f"/@{handle}", "Begin a thread")
    mia.look("a-plain-7-group", dark=True)
    mia.go("/groups")
    mia.look("a-plain-8-groups")

    mia.go(f"/compose?group=@{handle}")
    mia.page.get_by_label("Title").fill("How do I size a test set?")
    mia.page.get_by_label("Your text").fill("I have 12 classes and $n = 4000$ pictures. Is $\\sqrt{n}$ enough?")
    mia.look("a-plain-9-compose", dark=True)
    mia.press("Preview")
    expect(mia.page.locator("main math").first).to_be_visible()
    mia.look("a-plain-10-preview")
    mia.main.get_by_role("button", name=re.compile("^(Post|Publish|Send)")).first.click()
    mia.says("How do I size a test set?")
    mia.look("a-plain-11-thread", dark=True)
    assert mia.page.locator("main math").count() >= 2

    # At South the group has it, once, and eva answers there.
    eva = Visitor(chromium, campus.south, "eva", pictures)
    eva.log_in()
    eva.waits_for("/groups/mlops", "How do I size a test set?")
    eva.look("a-plain-12-group-at-its-home")
    assert eva.main.get_by_role("link", name="How do I size a test set?").count() == 1
    eva.main.get_by_role("link", name="How do I size a test set?").click()
    eva.page.get_by_role("textbox", name="Your reply").fill(ANSWER)
    eva.main.get_by_role("button", name="Reply").last.click()
    eva.says(ANSWER)
    eva.look("a-plain-13-answered")

    mia.waits_for("/notifications", "Three times the number")
    mia.look("a-plain-14-notifications", dark=True)
    mia.go("/catch-up")
    mia.look("a-plain-15-catch-up", dark=True)
    mia.go("/home")
    mia.says("How do I size a test set?")
    mia.look("a-plain-16-home", dark=True)
    mia.go("/people/mia")
    mia.look("a-plain-17-you")
    mia.go("/settings")
    mia.look("a-plain-18-settings", dark=True)
    mia.go("/search?q=test+set")
    mia.says("How do I size a test set?")
    mia.look("a-plain-19-search")
    eva.close()
    mia.close()


def test_a_report_from_another_university(campus: Campus, chromium: Browser, pictures: Path) -> None:
    """Noor at North reports what ada wrote in the group at South: a case there, decided by eva, appealed, looked at by finn."""
    south = campus.south

    def appoint(tx: Tx, site: Site) -> None:
        eva, group, finn = (actors.by_name(tx, name, site.config.handle_domain) for name in ("eva", "mlops", "finn"))
        assert eva is not None
        assert group is not None
        assert finn is not None
        follows.follow(tx, site, finn, group)
        moderation.appoint(tx, site, eva, group, finn)

    south.write(appoint)
    wrong = "Whoever still uses accuracy should not be allowed to study."
    campus.people["ada"].post(f"@mlops@127.0.0.1:{south.port} {wrong}")
    eva, finn, noor, ada = (
        Visitor(chromium, server, name, pictures, phone=name in ("ada", "noor"))
        for server, name in ((south, "eva"), (south, "finn"), (campus.north, "noor"), (campus.north, "ada"))
    )
    for one in (eva, finn, noor, ada):
        one.log_in()

    noor.waits_for(f"/@mlops@127.0.0.1:{south.port}", "accuracy")
    noor.main.get_by_role("link", name=re.compile("accuracy")).first.click()
    noor.press("Report")
    noor.look("d-1-report", dark=True)
    noor.page.get_by_label("Be kind.").check()
    noor.page.get_by_label("In your words, if you like").fill("This shuts people up.")
    noor.press("Report")
    noor.says("you will hear what became of it")
    noor.look("d-2-reported")

    eva.waits_for("/groups/mlops/moderation", "Be kind.")
    eva.look("d-3-queue", dark=True)
    eva.main.get_by_role("link", name=re.compile("accuracy|ada")).first.click()
    eva.says("What members saw")
    eva.says("This shuts people up.")
    assert "noor" not in eva.page.content()
    eva.look("d-4-case", dark=True)
    eva.page.get_by_label(re.compile("^(Take|Remove)")).first.check()
    eva.page.get_by_label("Be kind.").last.check()
    eva.page.get_by_label("What its author reads").fill("Say what is better than accuracy, and why.")
    eva.press("See what will be sent")
    eva.says("This will be sent")
    eva.look("d-5-preview")
    eva.press("Do it")
    eva.says("Taken out of the group")
    eva.look("d-6-decided")

    # Its author reads why, without the name of who decided or reported, and appeals; another moderator looks at it.
    ada.waits_for("/notifications", "Say what is better than accuracy, and why.")
    ada.look("d-7-told", dark=True)
    told = ada.page.inner_text("main")
    assert "noor" not in told
    ada.main.get_by_role("link", name=re.compile("how to object")).first.click()
    ada.says("Was this wrong?")
    ada.look("d-8-appeal")
    ada.page.get_by_label("Say why").fill("I meant the metric, not people; I will write it so.")
    ada.main.get_by_role("button", name=re.compile("^(Appeal|Send)")).click()
    ada.says("Another moderator looks at it")
    finn.waits_for("/groups/mlops/moderation", "ppeal")
    finn.look("d-9-appeals")
    noor.waits_for("/notifications", "report")
    noor.look("d-10-outcome")
    eva.go("/groups/mlops/log")
    eva.says("Be kind.")
    assert "ada" not in eva.page.inner_text("main")
    eva.look("d-11-log")
    for one in (eva, finn, noor, ada):
        one.close()


def test_a_coordinator_opens_a_group_with_a_partner(campus: Campus, chromium: Browser, pictures: Path) -> None:
    """Ada opens a group for agreed universities, invites eva of South, and both write in it: 12 pages and forms each at most."""
    ada = Visitor(chromium, campus.north, "ada", pictures)
    eva = Visitor(chromium, campus.south, "eva", pictures)
    for one in (ada, eva):
        one.log_in()
        one.asked = 0
    ada.go("/groups/new")
    ada.page.fill("#title", "Joint thesis circle")
    ada.look("b-1-new", dark=True)
    ada.main.get_by_text("More choices").click()
    ada.page.select_option("#see", "peers")
    ada.page.fill("#description", "Who writes a thesis with both universities.")
    ada.page.fill("#rules", "Share drafts early.\nWhat is said here stays here.")
    ada.look("b-2-choices")
    ada.main.get_by_role("button", name="Open the group").last.click()
    ada.says("Your group is open.")
    ada.look("b-3-opened")
    ada.page.fill("#who", f"eva@127.0.0.1:{campus.south.port}")
    ada.press("Invite")
    ada.says("Invited")
    ada.look("b-4-invited", dark=True)

    eva.waits_for("/notifications", "Joint thesis circle")
    waited = eva.asked
    eva.look("b-5-invitation")
    eva.main.get_by_role("link", name="Joint thesis circle").first.click()
    eva.says("Join the group")
    eva.look("b-6-group")
    eva.main.get_by_role("button", name="Join the group").click()
    if eva.page.locator("main input[type=checkbox]").count():
        eva.look("b-7-rules")
        eva.page.locator("main input[type=checkbox]").first.check()
        eva.main.get_by_role("button").first.click()
    group = f"/@joint_thesis_circle@127.0.0.1:{campus.north.port}"
    path = eva.path.partition("?")[0]
    assert path.startswith("/@"), path
    eva.waits_for(path, "Begin a thread")
    eva.press("Begin a thread")
    eva.page.get_by_label("Title").fill("First meeting")
    eva.page.get_by_label("Your text").fill("Thursday at four, by video?")
    eva.look("b-8-compose")
    eva.main.get_by_role("button", name="Post").click()
    eva.says("First meeting")
    home = f"/groups/{path[2:].partition('@')[0]}"
    ada.waits_for(home, "First meeting")
    ada.look("b-9-thread-arrived")
    ada.main.get_by_role("link", name="First meeting").click()
    ada.page.get_by_role("textbox", name="Your reply").fill("Thursday at four it is.")
    ada.main.get_by_role("button", name="Reply").last.click()
    ada.says("Thursday at four it is.")
    eva.waits_for(eva.path, "Thursday at four it is.")
    eva.look("b-10-answered")
    for path_, name in (
        (f"{home}/about", "b-11-charter"),
        (f"{home}/members", "b-12-members"),
        (f"{home}/health", "b-13-health"),
    ):
        ada.go(path_)
        ada.look(name, dark=True)
    assert waited <= 80, group
    eva.close()
    ada.close()


def test_a_first_year_student_whose_line_drops(campus: Campus, chromium: Browser, pictures: Path) -> None:
    ida = newcomer(campus, chromium, pictures, "ida", script=True)
    handle = f"mlops@127.0.0.1:{campus.south.port}"
    ida.waits_for(f"/@{handle}", "Begin a thread")
    ida.go(f"/compose?group=@{handle}")
    ida.page.get_by_label("Title").fill("Is a week of logs enough?")
    ida.page.get_by_label("Your text").fill("Drift shows after two weeks with us.")
    ida.context.set_offline(True)
    ida.press("Post")
    expect(ida.page.locator("body")).to_contain_text("1 waiting", timeout=PATIENCE)
    ida.look("a-script-7-waiting", dark=True)
    ida.context.set_offline(False)
    wait_until(lambda: ida.page.get_by_text("1 waiting").count() == 0, 60)

    eva = Visitor(chromium, campus.south, "eva", pictures)
    eva.log_in()
    eva.waits_for("/groups/mlops", "Is a week of logs enough?")
    assert eva.main.get_by_role("link", name="Is a week of logs enough?").count() == 1
    eva.close()
    ida.complaints = [one for one in ida.complaints if "ERR_INTERNET_DISCONNECTED" not in one]
    ida.close()


def test_a_student_comes_by_the_log_in_of_the_university(
    chromium: Browser, pictures: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """From the front page by the university's own log-in to the first step of the welcome, as who the university says."""
    folder = tmp_path_factory.mktemp("west")
    with open_provider(now) as provider:
        provider.claims = {
            "sub": "u-1",
            "name": "Lea Moreau",
            "preferred_username": "lmoreau",
            "email": "lea@west.example",
            "email_verified": True,
            "eduperson_scoped_affiliation": ["student@127.0.0.1"],
        }
        server = Server(folder, f"sqlite:///{folder / 'fedi.db'}", "West University")
        issuer = f'issuer = "{provider.issuer}"\nclient_id = "{CLIENT}"\nclient_secret = "{SECRET}"'
        server.init(more=f'\n[sso]\n{issuer}\naffiliation_scope = "127.0.0.1"\n')
        server.config.write_text('registrations = "sso"\n' + server.config.read_text())
        server.start()
        try:
            lea = Visitor(chromium, server, "lea", pictures, phone=True, script=False)
            lea.go("/")
            lea.look("a-sso-1-front", dark=True)
            lea.press("Log in with West University")
            lea.page.wait_for_load_state()
            lea.look("a-sso-2-account")
            if "welcome" not in lea.path:
                lea.main.get_by_role("button").first.click()
            lea.says("Step 1 of 3")
            assert lea.page.input_value("#name") == "Lea Moreau"
            lea.look("a-sso-3-you")
            lea.go("/people/lmoreau")
            lea.says("Student")
            lea.close()
        finally:
            server.stop()
