"""The console, walked through in Chromium by admins of two universities: a request arrives, terms are compared and signed; the
policy is edited, mended, tried, applied and explained; the peering is suspended, resumed, and its end takes a second admin.

Each page is looked at as a phone and as a desk show it: nothing sticks out, nothing is refused by the pages' own policy. The
pictures are in the folder that the fixture `pictures` names.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from fedi.context import Site
from storage import samples
from storage.metadata import Tx, insert_new
from tests.browser.visitor import PHONE, Visitor
from tests.servers import Server

RULE = """[[rule]]
id = "r-essays"
when = { direction = "in", keyword = "buy essay" }
then = "reject"
reason = { code = "spam", text = "Offers to write theses for money" }

[[test]]
name = "offers of theses are refused"
given = { peer = "b.example", text = "buy essay now" }
expect = "reject:spam"
"""


@pytest.fixture(scope="module")
def universities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """North with the admins ada and kim and the member ben; South with the admin eva."""
    made = []
    for name, people in (("North", ("ada", "kim", "ben")), ("South", ("eva",))):
        folder = tmp_path_factory.mktemp(name.lower())
        server = Server(folder, f"sqlite:///{folder / 'fedi.db'}", f"{name} University")
        server.init()
        for person in people:
            server.person(person, role="member" if person == "ben" else "admin")
        server.start()
        made.append(server)
    yield made[0], made[1]
    for server in made:
        server.stop()


def admin(chromium: Browser, server: Server, name: str, pictures: Path) -> Visitor:
    """An admin at a university, in the console."""
    made = Visitor(chromium, server, name, pictures)
    made.log_in("/admin")
    return made


def test_the_walk(chromium: Browser, universities: tuple[Server, Server], pictures: Path) -> None:
    north, south = universities
    ada, eva = (admin(chromium, server, name, pictures) for server, name in ((north, "ada"), (south, "eva")))
    host = south.url.removeprefix("http://")
    ada.says("Nothing waits for you.")
    ada.look("01-overview")

    # South invites North, and reads its fingerprint to ada by telephone.
    eva.go("/admin/peers")
    eva.press("Invite an institution")
    eva.page.fill("#institution", north.url)
    eva.press("Look it up")
    eva.says("It speaks of agreements.")
    fingerprint = eva.page.inner_text("section[aria-labelledby=ours] .key")
    eva.page.fill("#media", "90")
    eva.page.select_option("#personal_data", "named")
    eva.look("02-invite")
    eva.press("Send the offer")
    eva.says("The offer was sent.")

    # It arrives; the terms stand beside ours.
    ada.waits_for("/admin", "asks for a peering")
    ada.look("03-request", dark=True)
    ada.press("Compare the terms")
    wider = ada.page.locator("tr.wider")
    expect(wider).to_contain_text(["How people are shown", "Files may be kept for"])
    ada.look("04-compare", dark=True)
    ada.press("Sign")
    ada.says("Nobody confirmed yet that the key")
    ada.page.fill("#fingerprint", fingerprint.lower().replace(" ", ":"))
    ada.press("Sign")
    ada.says("in force")
    ada.look("05-signed")
    ours = ada.page.inner_text("section[aria-labelledby=keys] .key")
    ada.go(f"/admin/peers/{host}")
    ada.look("06-peer", dark=True)

    # South did not know North's key when it offered: what North signed waits there until eva has compared it.
    eva.waits_for("/admin", "has signed; their key waits")
    eva.press("Confirm their key")
    eva.page.fill("#fingerprint", ours)
    eva.look("06-confirm")
    eva.press("Confirm")
    eva.says("in force")

    _policy(ada, host)
    _suspend_and_resume(ada, host)
    _end(ada, admin(chromium, north, "kim", pictures), host)
    assert ada.complaints == eva.complaints == []


def _policy(ada: Visitor, host: str) -> None:
    """A typo is shown while one writes; mended, the policy is tried, applied, and explains what it does."""
    ada.go("/admin/policy")
    ada.page.fill("#text", RULE.replace("keyword", "keywrd"))
    problem = ada.page.locator("#check li")
    expect(problem).to_contain_text(["keywrd"])
    expect(problem).to_contain_text(["keyword"])
    assert ada.page.locator("#lines .problem").inner_text() == "3"
    ada.look("07-typo")
    ada.page.fill("#comment", "No essays for sale")
    ada.press("Apply")
    ada.says("Nothing was saved")
    assert "keywrd" in ada.page.input_value("#text")
    ada.page.fill("#text", RULE)
    expect(ada.page.locator("#check")).to_contain_text("1 rule, and 1 test passes.")
    ada.look("08-mended")
    ada.press("Simulate")
    ada.says("What it would do")
    ada.look("09-simulation", dark=True)
    ada.page.fill("#comment", "No essays for sale")
    ada.press("Apply this policy")
    ada.says("Applied. It counts from now on.")
    ada.look("10-applied")
    ada.go("/admin/policy/history")
    ada.says("No essays for sale")
    ada.look("11-history")
    ada.go("/admin/explain")
    ada.page.fill("#of", host)
    ada.press("Explain")
    expect(ada.page.locator(".steps").first).to_contain_text("r-essays")
    ada.look("12-explain")


def _suspend_and_resume(ada: Visitor, host: str) -> None:
    ada.go(f"/admin/peers/{host}")
    ada.press("Suspend…")
    ada.says("What would be paused")
    ada.page.fill("#reason", "incident 4411")
    ada.look("13-suspend")
    ada.press("Suspend now")
    ada.says("The peering is suspended")
    ada.look("14-suspended")
    ada.press("Resume")
    ada.says("The peering goes on.")


def _end(ada: Visitor, kim: Visitor, host: str) -> None:
    """Who proposes the end can't approve it; somebody else does, and it waits for its time."""
    ada.go(f"/admin/peers/{host}")
    ada.press("End…")
    ada.page.fill("#reason", "they join another university")
    ada.look("15-end")
    ada.press("Propose to end it")
    ada.says("It was proposed.")
    ada.go("/admin/pending")
    ada.says("another admin has to approve it")
    expect(ada.page.get_by_role("button", name=re.compile("Approve"))).to_have_count(0)
    kim.go("/admin")
    kim.says("ada wants to end the peering")
    kim.press("Look at it")
    kim.press("Approve")
    kim.says("approved, waits for its time")
    kim.look("16-approved", dark=True)
    kim.go("/admin/audit")
    kim.says("pending.approve")
    kim.look("17-audit")
    assert kim.complaints == []


def test_without_script(chromium: Browser, universities: tuple[Server, Server]) -> None:
    context = chromium.new_context(java_script_enabled=False, viewport={"width": PHONE[0], "height": PHONE[1]})
    page = context.new_page()
    page.goto(f"{universities[0].url}/login?next=/admin/policy")
    page.fill("input[name=name]", "ada")
    page.fill("input[name=password]", "ada-password")
    page.click("main form button")
    page.fill("#text", RULE.replace("then", "than"))
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#check")).to_contain_text("than")
    page.fill("#text", RULE)
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#check")).to_contain_text("1 rule, and 1 test passes.")


def test_a_member_finds_nothing(chromium: Browser, universities: tuple[Server, Server], pictures: Path) -> None:
    ben = admin(chromium, universities[0], "ben", pictures)
    ben.says("Not found")


def test_the_pages_that_run_it(chromium: Browser, universities: tuple[Server, Server], pictures: Path) -> None:
    north = universities[0]

    def put(tx: Tx, site: Site) -> None:
        now = site.clock()
        for ago in range(24):
            at = now - now % samples.EVERY - ago * 3_600_000
            figures = {
                "received": 300 - 9 * ago,
                "refused": 4 * (ago % 5),
                "head": 9_000 - 70 * ago,
                "jobs.age": 40 * (ago % 3),
            }
            for name, value in figures.items():
                insert_new(tx, samples.samples, {"name": name, "at": at, "value": value})
            insert_new(tx, samples.samples, {"name": "bytes", "at": at - ago * 82_800_000, "value": 9e6 - 2e5 * ago})

    north.write(put)
    ada = admin(chromium, north, "ada", pictures)
    for path, name, says in (
        ("/admin", "40-overview-with-traffic", "Traffic"),
        ("/admin/health", "41-health", "How far behind each server is"),
        ("/admin/people", "42-people", "Person"),
        ("/admin/people/ben", "43-person", "Suspend the account"),
        ("/admin/received", "44-received", "Received"),
        ("/admin/jobs", "45-jobs", "Jobs"),
    ):
        ada.go(path)
        ada.says(says)
        ada.look(name, dark=name.endswith("health"))
    ada.go("/admin/health")
    assert ada.page.locator("svg.chart.wide rect").count() > 40
    ada.go("/admin/announcements")
    ada.page.fill("#text", "The library closes at six on Friday.")
    ada.press("Show it")
    ada.says("Everybody sees it now.")
    ada.look("46-announcements")
    ada.close()
