"""Codes from an app (RFC 6238) and recovery codes: turned on by a first code, asked for behind the password, each good once,
guessed by nobody.
"""

import re
from collections.abc import Callable

import pyotp
import pytest

from fedi.actions import credentials
from storage import apps, second_factors, sessions
from storage.actors import Actor
from storage.apps import App
from tests.conftest import Clock
from tests.fedi.web.conftest import PASSWORD, Browser, Campus, Page

SECURITY = "/settings/security"


def code_of(secret: str, clock: Clock, later: int = 0) -> str:
    """What the app shows now, or some steps later."""
    return pyotp.TOTP(secret).at(clock() // 1000 + 30 * later)


async def turn_on(browser: Browser, clock: Clock) -> tuple[str, list[str]]:
    """Set up an app as somebody does it; the secret and the recovery codes."""
    page = await browser.post(f"{SECURITY}/codes/new", {"current": PASSWORD})
    assert "<svg" in page.text
    [secret] = re.findall(r"<code>([A-Z2-7 ]{39})</code>", page.text)
    page = await browser.post(f"{SECURITY}/codes", {"code": code_of(secret.replace(" ", ""), clock, -1)})
    assert page.headers["cache-control"] == "no-store"
    codes = re.findall(r"<code>([a-z0-9]{5}-[a-z0-9]{5})</code>", page.text)
    assert len(set(codes)) == credentials.CODES
    return secret.replace(" ", ""), codes


async def half_in(browser: Browser) -> tuple[Page, str]:
    """Log in by the password; the page that asks for the code, and its ticket."""
    page = await browser.post("/login", {"name": "ada", "password": PASSWORD, "next": "/groups"})
    return page, (re.findall(r'name="ticket" value="([^"]+)"', page.text) or [""])[0]


async def test_a_code_is_asked_for_behind_the_password(campus: Campus, as_ada: Browser, clock: Clock) -> None:
    secret, _ = await turn_on(as_ada, clock)
    other = campus.browser()
    page, ticket = await half_in(other)
    assert "One more step" in page.words
    assert not other.cookies
    page = await other.post("/login/second", {"ticket": ticket, "code": "000000"})
    assert page.status == 422
    assert not other.cookies
    page = await other.post(
        "/login/second", {"ticket": ticket, "code": f" {code_of(secret, clock)[:3]} {code_of(secret, clock)[3:]} "}
    )
    assert page.path == "/groups"
    assert "Log out" in page.words


async def test_a_code_counts_once(campus: Campus, as_ada: Browser, clock: Clock) -> None:
    """RFC 6238 section 5.2; also an older one that was not used yet, behind a newer one that was."""
    secret, _ = await turn_on(as_ada, clock)
    code, older = code_of(secret, clock, 1), code_of(secret, clock)
    _, ticket = await half_in(campus.browser())
    assert (await campus.browser().post("/login/second", {"ticket": ticket, "code": code})).path == "/groups"
    _, ticket = await half_in(campus.browser())
    assert (await campus.browser().post("/login/second", {"ticket": ticket, "code": code})).status == 422
    assert (await campus.browser().post("/login/second", {"ticket": ticket, "code": older})).status == 422
    clock.pass_(seconds=60)
    code = code_of(secret, clock)
    assert (await campus.browser().post("/login/second", {"ticket": ticket, "code": code})).path == "/groups"


async def test_a_recovery_code_counts_once(campus: Campus, as_ada: Browser, ada: Actor, clock: Clock) -> None:
    _, codes = await turn_on(as_ada, clock)
    rows = campus.read(lambda tx: tx.execute(second_factors.recovery_codes.select()).all())
    assert not any(code.replace("-", "") in str(rows) for code in codes)
    for tried, status in ((codes[0].upper().replace("-", " "), 303), (codes[0], 422), (codes[1], 303)):
        _, ticket = await half_in(campus.browser())
        answer = await campus.browser().post("/login/second", {"ticket": ticket, "code": tried}, follow=False)
        assert answer.status == status
    assert "left: 8" in (await as_ada.get(SECURITY)).words
    page = await as_ada.post(f"{SECURITY}/recovery", {"current": PASSWORD})
    new = re.findall(r"<code>([a-z0-9]{5}-[a-z0-9]{5})</code>", page.text)
    assert len(new) == 10
    assert not campus.write(lambda tx: credentials.use_second(tx, campus.site, ada.id, codes[2]))
    assert campus.write(lambda tx: credentials.use_second(tx, campus.site, ada.id, new[2]))


async def test_guessing_ends(campus: Campus, as_ada: Browser, ada: Actor, clock: Clock) -> None:
    """Five wrong codes end the step; ten, however the steps, shut the account's codes for a while. Three codes of a million
    fit at any time, and one try in five minutes is less than one in a thousand a day."""
    secret, _ = await turn_on(as_ada, clock)
    answers = []
    for _ in range(3):
        clock.pass_(seconds=12)  # past the bounds of the password alone
        browser = campus.browser()
        _, ticket = await half_in(browser)
        answers += [(await browser.post("/login/second", {"ticket": ticket, "code": "000000"})) for _ in range(6)]
    said = ["too often" in answer.words for answer in answers[:6]]
    assert said == [False] * 5 + [True]
    assert answers[-1].status in (422, 429)
    assert 429 in [answer.status for answer in answers]
    clock.pass_(seconds=60)
    _, ticket = await half_in(campus.browser())
    right = await campus.browser().post("/login/second", {"ticket": ticket, "code": code_of(secret, clock)})
    assert right.status == 429
    clock.pass_(seconds=600)
    _, ticket = await half_in(campus.browser())
    right = await campus.browser().post("/login/second", {"ticket": ticket, "code": code_of(secret, clock)})
    assert right.path == "/groups"


async def test_the_step_is_over_after_ten_minutes(campus: Campus, as_ada: Browser, clock: Clock) -> None:
    secret, _ = await turn_on(as_ada, clock)
    _, ticket = await half_in(campus.browser())
    clock.pass_(seconds=601)
    page = await campus.browser().post("/login/second", {"ticket": ticket, "code": code_of(secret, clock)})
    assert page.status == 422
    assert "Log in again" in page.words
    assert (await campus.browser().get("/login/second")).path == "/login"


async def test_codes_are_off_again(campus: Campus, as_ada: Browser, clock: Clock) -> None:
    await turn_on(as_ada, clock)
    assert (await as_ada.post(f"{SECURITY}/codes/off", {"current": "wrong"})).status == 422
    assert "On" in (await as_ada.get(SECURITY)).words or "on" in (await as_ada.get(SECURITY)).words
    assert (await as_ada.post(f"{SECURITY}/codes/new", {"current": PASSWORD})).status == 422
    assert "Codes are off" in (await as_ada.post(f"{SECURITY}/codes/off", {"current": PASSWORD})).words
    assert (await campus.browser().log_in("ada")).path == "/home"


async def test_codes_that_were_never_shown_are_not_asked_for(campus: Campus, as_ada: Browser) -> None:
    await as_ada.post(f"{SECURITY}/codes/new", {"current": PASSWORD})
    assert (await as_ada.post(f"{SECURITY}/codes", {"code": "12"})).status == 422
    assert (await campus.browser().log_in("ada")).path == "/home"


async def test_an_app_is_let_in_behind_the_code_alone(campus: Campus, as_ada: Browser, clock: Clock) -> None:
    """OAuth's log-in is the same: bounded, and with the step."""
    secret, _ = await turn_on(as_ada, clock)
    app = App(campus.site.new_id(), "client", "x", "Tusky", None, ["https://app.example/back"], "read", clock())
    campus.write(lambda tx: apps.insert_app(tx, app))
    asked = (
        "/oauth/authorize?client_id=client&response_type=code&scope=read&redirect_uri=https%3A%2F%2Fapp.example%2Fback"
    )
    browser = campus.browser()
    page = await browser.get(asked)
    assert page.path.startswith("/login?next=")
    page = await browser.post("/login", {"name": "ada", "password": PASSWORD, "next": asked})
    assert "form-action" not in page.headers["content-security-policy"]
    [ticket] = re.findall(r'name="ticket" value="([^"]+)"', page.text)
    assert (await browser.get(asked)).path.startswith("/login?next=")
    page = await browser.post("/login/second", {"ticket": ticket, "code": code_of(secret, clock)})
    assert page.path == asked
    assert "Tusky" in page.words
    wrong = [
        (await campus.browser().post("/login", {"name": "ada", "password": "x", "next": asked})).status
        for _ in range(12)
    ]
    assert wrong[-1] == 429


async def test_a_new_password_ends_sessions_and_what_was_under_way(
    campus: Campus, as_ada: Browser, ada: Actor, clock: Clock
) -> None:
    secret, _ = await turn_on(as_ada, clock)
    _, ticket = await half_in(campus.browser())
    phone = campus.browser()
    _, other = await half_in(phone)
    await phone.post("/login/second", {"ticket": other, "code": code_of(secret, clock)})
    assert "Log out" in (await phone.get("/about")).words
    for fields, said in (
        ({"current": "wrong", "password": "another good one"}, "not your password"),
        ({"current": PASSWORD, "password": "short"}, "at least 8"),
    ):
        page = await as_ada.post(f"{SECURITY}/password", fields)
        assert (page.status, said in page.words) == (422, True)
    page = await as_ada.post(f"{SECURITY}/password", {"current": PASSWORD, "password": "another good one"})
    assert "Your password is changed" in page.words
    assert "Log out" not in (await phone.get("/about")).words
    assert len(campus.read(lambda tx: sessions.of_person(tx, ada.id))) == 1
    clock.pass_(seconds=60)
    page = await campus.browser().post("/login/second", {"ticket": ticket, "code": code_of(secret, clock)})
    assert page.status == 422
    assert (await campus.browser().log_in("ada")).status == 422
    assert "One more step" in (await campus.browser().log_in("ada", "another good one")).words


async def test_browsers_are_logged_out_one_by_one(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    phone, library = campus.browser(), campus.browser()
    phone.headers = phone.headers | {"user-agent": "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Firefox/140.0"}
    await phone.log_in("ada")
    await library.log_in("ada")
    page = await as_ada.get(SECURITY)
    assert "Firefox on Android" in page.words
    ends = re.findall(r'name="session" value="([0-9a-f]{64})"[^>]*aria-label="Log out Firefox on Android"', page.text)
    await as_ada.post(f"{SECURITY}/sessions", {"session": ends[0]})
    assert "Log out" not in (await phone.get("/about")).words
    assert "Log out" in (await library.get("/about")).words
    bruno = campus.browser()
    await bruno.log_in("bruno")
    [his] = campus.read(lambda tx: sessions.of_person(tx, campus.actor("bruno").id))
    await as_ada.post(f"{SECURITY}/sessions", {"session": his.cookie_hash})
    assert "Log out" in (await bruno.get("/about")).words
    await as_ada.post(f"{SECURITY}/sessions", {"session": "all"})
    assert "Log out" not in (await library.get("/about")).words
    assert "Log out" in (await as_ada.get("/about")).words


@pytest.mark.parametrize("path", ["password", "email", "codes/new", "codes/off", "recovery", "passkeys/new"])
async def test_the_password_is_not_guessed_there_either(as_ada: Browser, path: str) -> None:
    statuses = [(await as_ada.post(f"{SECURITY}/{path}", {"current": "wrong"})).status for _ in range(12)]
    assert (statuses[0], statuses[-1]) == (422, 429)


async def test_who_is_not_logged_in_logs_in_first(browser: Browser, with_settings: Callable[..., None]) -> None:
    for path in (SECURITY, "/settings/invitations", "/welcome", "/welcome/phone", "/sign-ups"):
        assert (await browser.get(path)).path.startswith("/login?next=")
