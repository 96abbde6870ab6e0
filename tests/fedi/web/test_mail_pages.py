"""Pages about mail: when a digest comes and what that amounts to, volumes of all groups, and links in mails that need no log-in."""

import re
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from fedi.actions import digests, mail_links, reading, volumes
from fedi.actions.mail_links import Link
from fedi.config import Mail
from fedi.context import Site
from storage import people
from storage.actors import Actor
from storage.metadata import Tx
from tests.fedi.web.conftest import Browser, Campus, Outline, Page

WEEK = 7 * 86_400_000


def settings_of(campus: Campus, name: str) -> dict[str, Any]:
    """Somebody's settings."""
    found = campus.read(lambda tx: people.by_id(tx, campus.actor(name).id))
    return dict(found.settings)


def chosen(page: Page, name: str) -> list[str]:
    """The values of the circles that are filled."""
    return [str(one["value"]) for one in Outline(page.text).of("input") if one.get("name") == name and "checked" in one]


@pytest.fixture
def sends(campus: Campus) -> None:
    """The instance has a mail server."""
    config = msgspec.structs.replace(
        campus.site.config, mail=Mail(url="smtps://mail.alpha.example", sender="fedi@alpha.example")
    )
    site: Site = replace(campus.site, config=config)
    campus.app.state.site = site


async def test_language_and_time_zone_are_chosen_and_used(campus: Campus, browser: Browser) -> None:
    await browser.log_in("ada")
    page = await browser.get("/settings")
    assert page.wire <= 14_336
    assert "Europe/Berlin" in page.text  # offered to who types
    page = await browser.post("/settings", {"locale": "de", "time_zone": "Asia/Kolkata", "groups_in_home": "1"})
    assert (page.status, 'lang="de"' in page.text) == (200, True)
    assert settings_of(campus, "ada") | {"locale": "de", "time_zone": "Asia/Kolkata"} == settings_of(campus, "ada")
    await browser.post("/settings", {"locale": "", "time_zone": "Asia/Kolkata", "groups_in_home": "1"})
    wrong = await browser.post("/settings", {"locale": "", "time_zone": "Asia/Kolkatta", "group_lists": "1"})
    assert wrong.status == 422
    assert "There is no time zone “Asia/Kolkatta”" in wrong.words
    assert 'value="Asia/Kolkatta"' in wrong.text  # nothing typed is lost
    assert settings_of(campus, "ada")["time_zone"] == "Asia/Kolkata"


async def test_the_digest_is_set_tried_and_paused(campus: Campus, browser: Browser, sends: None) -> None:
    bruno = campus.actor("bruno")
    group = campus.group("chess", bruno)
    campus.follow(campus.actor("ada"), group)
    for number in range(3):
        campus.post(bruno, f"@chess Opening {number}", title=f"Opening {number}")
    campus.site.clock.pass_(days=20)  # type: ignore[attr-defined]  # the tests' clock
    await browser.log_in("ada")
    page = await browser.get("/settings/mail")
    Outline(page.text)
    assert "You get no digest." in page.words
    sent = {"every": "week", "hour": "7", "weekday": "3", "quiet": "", "mentions": "1"}
    page = await browser.post("/settings/mail", sent | {"try": "1"})
    assert "about 1 mail a week" in page.words
    assert "Not saved yet." in page.words
    assert chosen(page, "every") == ["week"]
    assert "digest" not in settings_of(campus, "ada")
    page = await browser.post("/settings/mail", sent)
    assert "Saved." in page.words
    assert settings_of(campus, "ada")["digest"] == {"every": "week", "hour": 7, "weekday": 3}
    assert settings_of(campus, "ada")["mail_mentions"] is True
    page = await browser.post("/settings/mail", sent | {"quiet": "2031-01-31"})
    assert 'value="2031-01-31"' in page.text
    assert settings_of(campus, "ada")["quiet"] > 1_900_000_000_000


@pytest.mark.parametrize(
    "wrong",
    [{"every": "hour"}, {"hour": "24"}, {"weekday": "7"}, {"hour": ""}, {"quiet": "soon"}, {"quiet": "9999-99-99"}],
)
async def test_what_can_t_be_is_refused(campus: Campus, browser: Browser, wrong: dict[str, str]) -> None:
    await browser.log_in("ada")
    sent = {"every": "day", "hour": "7", "weekday": "3", "quiet": ""}
    page = await browser.post("/settings/mail", sent | wrong)
    assert page.status == 422
    assert 'role="alert"' in page.text
    assert "digest" not in settings_of(campus, "ada")


async def test_a_pause_without_end_can_be_ended(campus: Campus, browser: Browser, sends: None) -> None:
    """The last days of the year 9999 are of the year 10000 elsewhere, which no calendar has."""
    await browser.log_in("ada")
    ada = campus.actor("ada")
    far = {"quiet": 253_402_300_799_000, "time_zone": "Pacific/Kiritimati"}
    campus.write(lambda tx: digests.choose(tx, campus.site, ada.id, **far))
    page = await browser.get("/settings/mail")
    assert page.status == 200
    assert 'value="2100-01-01"' in page.text


async def test_all_groups_stand_on_one_page_with_what_they_amount_to(
    campus: Campus, browser: Browser, sends: None
) -> None:
    ada, bruno = campus.actor("ada"), campus.actor("bruno")
    groups = [campus.group(name, bruno) for name in ("chess", "go")]
    for group in groups:
        campus.follow(ada, group)
    campus.write(lambda tx: digests.choose(tx, campus.site, ada.id, digest={"every": "day", "hour": 18, "weekday": 0}))
    for number in range(12):
        campus.post(bruno, f"@chess Opening {number}", title=f"Opening {number}")
        campus.site.clock.pass_(days=2)  # type: ignore[attr-defined]
    await browser.log_in("ada")
    page = await browser.get("/settings/groups")
    Outline(page.text)
    assert page.wire <= 14_336
    chess = f"v{groups[0].id}"
    assert chosen(page, chess) == ["joined"]
    quiet = _mails(page)
    page = await browser.post("/settings/groups", {chess: "all", f"v{groups[1].id}": "weekly", "try": "1"})
    assert "Not saved yet." in page.words
    assert _mails(page) > quiet
    assert re.search(r"Everything about [23] a week My threads none", page.words)
    assert campus.read(lambda tx: volumes.of(tx, ada.id))[groups[0].id] == "joined"
    await browser.post("/settings/groups", {chess: "all", f"v{groups[1].id}": "weekly"})
    levels = campus.read(lambda tx: volumes.of(tx, ada.id))
    assert (levels[groups[0].id], levels[groups[1].id]) == ("all", "weekly")
    # Nobody's group, no level, no number: passed by.
    other = campus.group("secret", bruno)
    page = await browser.post(
        "/settings/groups", {f"v{other.id}": "all", "vx": "all", chess: "loud", "v" + "9" * 30: "all"}
    )
    assert page.status == 200
    assert campus.read(lambda tx: volumes.of(tx, ada.id)) == levels


def _mails(page: Page) -> int:
    found = re.search(r"about (\d+) mails? a week\.", page.words)
    return int(found[1]) if found else 0


def link(campus: Campus, made: Link) -> str:
    """The token of a link."""
    token: str = campus.read(lambda tx: mail_links.sign(tx, campus.site, made))
    return token


async def test_one_click_ends_the_digest_without_a_log_in(campus: Campus, browser: Browser) -> None:
    ada = campus.actor("ada")
    campus.write(lambda tx: digests.choose(tx, campus.site, ada.id, digest={"every": "day", "hour": 9, "weekday": 1}))
    token = link(campus, Link("stop digest", ada.id))
    page = await browser.get(f"/mail/stop/{token}")
    assert (page.status, "Stop these mails" in page.words) == (200, True)
    assert settings_of(campus, "ada")["digest"]["every"] == "day"  # a virus scanner follows links
    # As RFC 8058 has it: from a mail provider's server, without cookies, and with the one field.
    headers = {"sec-fetch-site": "", "user-agent": "Mail provider"}
    page = await browser.post(f"/mail/stop/{token}", {"List-Unsubscribe": "One-Click"}, headers, follow=False)
    assert page.status == 200
    assert settings_of(campus, "ada")["digest"] == {"every": "never", "hour": 9, "weekday": 1}
    assert (await browser.post(f"/mail/stop/{token}", {"List-Unsubscribe": "One-Click"})).status == 200  # and again


async def test_mark_all_read_reads_what_the_digest_could_have_told(campus: Campus, browser: Browser) -> None:
    ada, bruno = campus.actor("ada"), campus.actor("bruno")
    group = campus.group("chess", bruno)
    campus.follow(ada, group)
    before = campus.post(bruno, "@chess Before", title="Before")
    token = link(campus, Link("read", ada.id, before.id, campus.site.clock() + WEEK))
    campus.post(bruno, "@chess After", title="After")
    await browser.get(f"/mail/read/{token}")
    assert unread(campus, ada, group) == 2
    page = await browser.post(f"/mail/read/{token}", {})
    assert "All of it counts as read now." in page.words
    assert unread(campus, ada, group) == 1
    campus.site.clock.pass_(days=8)  # type: ignore[attr-defined]
    assert (await browser.post(f"/mail/read/{token}", {})).status == 404


def unread(campus: Campus, person: Actor, group: Actor) -> int:
    """How many threads of a group are new to somebody."""

    def read(tx: Tx) -> int:
        return reading.unread(tx, person, [group.id]).get(group.id, 0)

    found: int = campus.read(read)
    return found


async def test_nobody_makes_or_bends_a_link(campus: Campus, browser: Browser) -> None:
    ada, bruno = campus.actor("ada"), campus.actor("bruno")
    campus.write(lambda tx: digests.choose(tx, campus.site, ada.id, digest={"every": "day", "hour": 9, "weekday": 1}))
    token = link(campus, Link("stop digest", bruno.id))
    theirs = link(campus, Link("stop digest", ada.id)).partition(".")[0]
    bent = f"{theirs}.{token.partition('.')[2]}"
    for wrong in (bent, theirs, f"{theirs}.", "x.y", "a" * 600, f"{token}x", link(campus, Link("read", ada.id, 1))):
        assert (await browser.post(f"/mail/stop/{wrong}", {})).status == 404, wrong
    assert settings_of(campus, "ada")["digest"]["every"] == "day"
    # What stops mails marks nothing as read.
    assert (await browser.post(f"/mail/read/{link(campus, Link('stop digest', ada.id))}", {})).status == 404
