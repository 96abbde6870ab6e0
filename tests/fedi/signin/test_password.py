"""Log-in, log-out, sign-up: the session's life, the limits on attempts, and where `next` may lead."""

from collections.abc import Callable

import pytest

from fedi.actions import people as person_actions
from fedi.signin.password import WRONG
from storage import people, sessions, sign_ups
from storage.actors import Actor
from storage.apps import hashed as hash_of
from tests.conftest import Clock
from tests.fedi.web.conftest import PASSWORD, Browser, Campus


@pytest.mark.parametrize("name", ["ada", "ADA", "ada@alpha.example", " Ada@Alpha.Example "])
async def test_log_in_by_name_or_address(browser: Browser, ada: Actor, name: str) -> None:
    page = await browser.log_in(name)
    assert page.status == 200
    assert 'action="/logout"' in page.text


async def test_cookie_is_out_of_reach(campus: Campus, browser: Browser, ada: Actor) -> None:
    answer = await browser.post("/login", {"name": "ada", "password": PASSWORD}, follow=False)
    assert answer.status == 303
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-fedi=")
    for attribute in ("HttpOnly", "SameSite=lax", "Secure", "Path=/"):
        assert attribute in cookie
    assert "Domain" not in cookie
    value = browser.cookies["__Host-fedi"]
    rows = campus.read(lambda tx: sessions.of_person(tx, ada.id))
    assert [row.cookie_hash for row in rows] == [hash_of(value)]
    assert value not in str(rows)


async def test_instances_on_one_host_do_not_clash(
    browser: Browser, ada: Actor, with_settings: Callable[..., None]
) -> None:
    """Cookies know no ports (RFC 6265 section 8.5), so the name tells the instances apart."""
    names: set[str] = set()
    for port in (8001, 8002):
        with_settings(url=f"http://127.0.0.1:{port}")
        browser.cookies.clear()
        await browser.post("/login", {"name": "ada", "password": PASSWORD}, follow=False)
        names |= browser.cookies.keys()
    assert names == {"fedi-8001", "fedi-8002"}


@pytest.mark.parametrize(
    ("name", "password"),
    [("ada", "wrong"), ("ada", ""), ("nobody", PASSWORD), ("", ""), ("ada", "x" * 5000), ("mlops", "")],
)
async def test_wrong_pair_tells_nothing(campus: Campus, browser: Browser, ada: Actor, name: str, password: str) -> None:
    campus.group("mlops", ada)
    page = await browser.log_in(name, password)
    assert page.status == 422
    assert WRONG in page.words
    assert not browser.cookies


async def test_form_keeps_name_and_next(browser: Browser, ada: Actor) -> None:
    page = await browser.post("/login", {"name": "ada", "password": "wrong", "next": "/groups/mlops?before=7"})
    assert 'value="ada"' in page.text
    assert 'value="/groups/mlops?before=7"' in page.text
    assert "wrong" not in page.text.replace(WRONG, "")


async def test_a_new_session_at_each_log_in(campus: Campus, browser: Browser, ada: Actor) -> None:
    """A cookie that somebody else planted is never the one that is logged in."""
    browser.cookies["__Host-fedi"] = "planted"
    await browser.log_in("ada")
    first = browser.cookies["__Host-fedi"]
    assert first != "planted"
    await browser.log_in("ada")
    assert browser.cookies["__Host-fedi"] != first
    assert len(campus.read(lambda tx: sessions.of_person(tx, ada.id))) == 1


async def test_log_out_ends_the_session_itself(as_ada: Browser) -> None:
    kept = dict(as_ada.cookies)
    page = await as_ada.post("/logout", {})
    assert "Log in" in page.words
    assert not as_ada.cookies
    as_ada.cookies = kept
    assert "Log in" in (await as_ada.get("/about")).words


async def test_log_out_takes_a_form(as_ada: Browser) -> None:
    """A link or a picture that points there must not log anyone out."""
    assert (await as_ada.get("/logout")).status == 405
    assert 'action="/logout"' in (await as_ada.get("/about")).text


async def test_session_ends_when_idle(as_ada: Browser, clock: Clock) -> None:
    for _ in range(4):
        clock.pass_(days=20)
        assert 'action="/logout"' in (await as_ada.get("/about")).text
    clock.pass_(days=31)
    assert 'action="/logout"' not in (await as_ada.get("/about")).text


async def test_session_ends_after_a_year(as_ada: Browser, clock: Clock) -> None:
    for _ in range(18):
        clock.pass_(days=20)
        await as_ada.get("/about")
    assert 'action="/logout"' in (await as_ada.get("/about")).text
    clock.pass_(days=6)
    assert 'action="/logout"' not in (await as_ada.get("/about")).text


async def test_suspension_works_at_once(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    campus.write(lambda tx: person_actions.suspend(tx, campus.site, ada))
    assert 'action="/logout"' not in (await as_ada.get("/about")).text
    page = await as_ada.log_in("ada")
    assert page.status == 403
    assert "suspended" in page.words


async def test_pending_person_is_told_to_wait(campus: Campus, browser: Browser) -> None:
    campus.person("eve", state="pending")
    page = await browser.log_in("eve")
    assert page.status == 403
    assert "waits for approval" in page.words
    assert not browser.cookies


@pytest.mark.parametrize(
    ("wanted", "goes"),
    [
        ("/groups/mlops", "/groups/mlops"),
        (
            "/oauth/authorize?client_id=a&redirect_uri=https%3A%2F%2Fapp%2Fhttp%253A%252F%252Fx",
            "/oauth/authorize?client_id=a&redirect_uri=https%3A%2F%2Fapp%2Fhttp%253A%252F%252Fx",
        ),
        ("https://evil.example", "/home"),
        ("//evil.example", "/home"),
        ("/\\evil.example", "/home"),
        ("/\t/evil.example", "/home"),
        ("/a\r\nset-cookie: x=y", "/home"),
        ("javascript:alert(1)", "/home"),
        ("home", "/home"),
        ("", "/home"),
    ],
)
async def test_next_leads_to_our_own_pages_only(browser: Browser, ada: Actor, wanted: str, goes: str) -> None:
    answer = await browser.post("/login", {"name": "ada", "password": PASSWORD, "next": wanted}, follow=False)
    assert answer.headers["location"] == goes


async def test_attempts_are_limited_for_an_account(browser: Browser, ada: Actor, clock: Clock) -> None:
    statuses = [(await browser.log_in("ada", "wrong")).status for _ in range(12)]
    assert statuses[0] == 422
    assert statuses[-1] == 429
    page = await browser.log_in("ada")
    assert page.status == 429
    assert "Wait a minute" in page.words
    clock.pass_(seconds=60)
    assert (await browser.log_in("ada")).status == 200


async def test_attempts_are_limited_for_an_address(browser: Browser, with_settings: Callable[..., None]) -> None:
    with_settings(registrations="open")
    statuses = [(await browser.post("/join", {"username": f"n{number}"})).status for number in range(70)]
    assert statuses[0] == 422
    assert statuses[-1] == 429
    assert (await browser.log_in("ada")).status == 429


async def test_form_of_another_site_logs_nobody_in(browser: Browser, ada: Actor) -> None:
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "", "origin": "https://evil.example"},
        {"sec-fetch-site": "", "origin": "null"},
    ):
        page = await browser.post("/login", {"name": "ada", "password": PASSWORD}, headers)
        assert page.status == 403
        assert not browser.cookies
    for headers in ({"sec-fetch-site": "", "origin": "https://alpha.example"}, {"sec-fetch-site": ""}):
        page = await browser.post("/login", {"name": "ada", "password": PASSWORD}, headers)
        assert page.status == 200


NEW = {"username": "eve", "email": "eve@alpha.example", "password": "a few good words"}


@pytest.mark.parametrize("mode", ["closed", "invite", "sso"])
async def test_no_sign_up_says_how(
    campus: Campus, browser: Browser, with_settings: Callable[..., None], mode: str
) -> None:
    with_settings(registrations=mode, contact="ask@alpha.example")
    page = await browser.get("/join")
    assert page.status == 200
    assert "ask@alpha.example" in page.words
    assert "<input" not in page.text
    assert (await browser.post("/join", NEW)).status == 403
    assert campus.read(lambda tx: people.by_login(tx, "eve")) is None


async def test_open_sign_up(campus: Campus, browser: Browser, with_settings: Callable[..., None]) -> None:
    with_settings(registrations="open")
    page = await browser.post("/join", NEW)
    assert page.path == "/welcome"
    assert page.status == 200
    assert (await campus.browser().log_in("eve", NEW["password"])).status == 200


async def test_sign_up_by_approval(campus: Campus, browser: Browser, with_settings: Callable[..., None]) -> None:
    with_settings(registrations="approval")
    page = await browser.post("/join", NEW)
    assert page.status == 422
    assert "who you are" in page.words
    assert f'value="{NEW["email"]}"' in page.text
    page = await browser.post("/join", NEW | {"reason": "I study data science"})
    assert page.status == 200
    assert "waits for approval" in page.words
    assert not browser.cookies
    person = campus.read(lambda tx: people.by_login(tx, "eve"))
    assert person.state == "pending"
    assert campus.read(lambda tx: sign_ups.of_person(tx, person.actor_id)).reason == "I study data science"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"username": "ada"}, "taken"),
        ({"username": "ADA"}, "taken"),
        ({"username": "admin"}, "reserved"),
        ({"username": "a b"}, "letters"),
        ({"username": ""}, "needed"),
        ({"email": "nonsense"}, "not an e-mail address"),
        ({"email": "ada@alpha.example"}, "has an account already"),
        ({"password": "short"}, "at least 8 characters"),
    ],
)
async def test_sign_up_says_what_is_wrong(
    browser: Browser, ada: Actor, with_settings: Callable[..., None], changed: dict[str, str], said: str
) -> None:
    with_settings(registrations="open")
    page = await browser.post("/join", NEW | changed)
    assert page.status == 422
    assert said in page.words
    assert NEW["password"] not in page.text
    if "email" not in changed:
        assert f'value="{NEW["email"]}"' in page.text
    assert not browser.cookies
