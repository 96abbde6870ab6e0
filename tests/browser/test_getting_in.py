"""Getting in, in Chromium, where the institution has a log-in of its own: by that, for the first time; by passkeys, with a device that
Chromium plays (WebDriver's virtual authenticator), added and used under the pages' own policy; and without script by password and code.
"""

import time
from collections.abc import Iterator

import pyotp
import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.provider import Provider, open_provider
from tests.servers import Server, free_port

SETTINGS = """
[sso]
issuer = "{issuer}"
client_id = "fedi"
client_secret = "a+secret/with:signs"
affiliation_scope = "north.example"
"""
PHONE: ViewportSize = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """The log-in of North University."""
    with open_provider(lambda: time.time_ns() // 1_000_000) as made:
        yield made


@pytest.fixture(scope="module")
def north(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Server]:
    """An instance that is called localhost: passkeys are for names, not for addresses."""
    folder = tmp_path_factory.mktemp("north")
    server = Server(folder, f"sqlite:///{folder / 'fedi.db'}", "North University", free_port())
    server.init(url=f"http://localhost:{server.port}", more=SETTINGS.format(issuer=provider.issuer))
    settings = server.config.read_text()
    server.config.write_text('registrations = "sso"\n' + settings)
    server.person("ada")
    server.person("ben")
    server.start()
    yield server
    server.stop()


def by_password(page: Page, origin: str, name: str, wanted: str) -> None:
    page.goto(f"{origin}/login?next={wanted}")
    page.get_by_text("By password or passkey").click()
    page.fill("#name", name)
    page.fill("#password", f"{name}-password")
    page.locator("form[action='/login'] button").first.click()


def test_a_passkey_is_made_and_used(chromium: Browser, north: Server) -> None:
    origin = f"http://localhost:{north.port}"
    context = chromium.new_context(viewport=PHONE)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    device = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": device})["authenticatorId"]
    by_password(page, origin, "ada", "/settings/security")
    form = page.locator("form[data-passkey=create]")
    page.get_by_text("Add a passkey").first.click()
    form.locator("[name=name]").fill("My phone")
    form.locator("[name=current]").fill("wrong")
    form.get_by_role("button").click()
    expect(form.get_by_role("alert")).to_contain_text("not your password")
    form.locator("[name=current]").fill("ada-password")
    form.get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("Your passkey is kept")
    expect(page.locator("main")).to_contain_text("My phone")
    page.click("footer form button")

    page.goto(f"{origin}/login?next=/welcome/phone")
    page.get_by_text("By password or passkey").click()
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.locator("h1")).to_have_text("Your phone")
    page.click("footer form button")

    # The device forgot it, or the person changed their mind: it is said, and the password is still there.
    devtools.send("WebAuthn.clearCredentials", {"authenticatorId": made})
    page.goto(f"{origin}/login")
    devtools.send("WebAuthn.setUserVerified", {"authenticatorId": made, "isUserVerified": False})
    page.get_by_text("By password or passkey").click()
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("log in by your password")
    assert [said for said in complaints if "422" not in said] == []
    context.close()


def test_a_code_without_script(chromium: Browser, north: Server) -> None:
    origin = f"http://localhost:{north.port}"
    context = chromium.new_context(viewport=PHONE, java_script_enabled=False)
    page = context.new_page()
    by_password(page, origin, "ben", "/settings/security")
    expect(page.get_by_role("button", name="Add a passkey")).to_have_count(0)
    page.get_by_text("Set up an app for codes").click()
    page.fill("#current-codes", "ben-password")
    page.click("form[action$='codes/new'] button")
    secret = page.inner_text("main .note code").replace(" ", "")
    page.fill("#code", pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Turn codes on").click()
    recovery = page.locator("main li code").first.inner_text()
    page.click("footer form button")
    for code in (pyotp.TOTP(secret).at(int(time.time()) + 30), recovery):  # each counts once; the next one already
        by_password(page, origin, "ben", "/welcome")
        page.fill("#code", "000000")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_contain_text("does not fit")
        page.fill("#code", code)
        page.get_by_role("button", name="Log in").click()
        expect(page.locator("h1")).to_have_text("You")
        page.click("footer form button")
    context.close()


def test_somebody_new_comes_by_the_institution(chromium: Browser, north: Server, provider: Provider) -> None:
    provider.claims = {
        "sub": "u-1",
        "email": "eve@north.example",
        "given_name": "Eve",
        "family_name": "Nowak",
        "name": "Eve Nowak",
        "preferred_username": "s7654321",
        "eduperson_scoped_affiliation": ["student@north.example"],
    }
    origin = f"http://localhost:{north.port}"
    context = chromium.new_context(
        viewport=PHONE, java_script_enabled=False, locale="en-GB", timezone_id="Asia/Kolkata"
    )
    page = context.new_page()
    page.goto(f"{origin}/login")
    page.get_by_role("button", name="Log in with North University").click()
    expect(page.locator("main")).to_contain_text("Student")
    expect(page.get_by_label("Username")).to_have_value("eve")
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("main")).to_contain_text("Step 1 of 3")
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("link", name="Go on").click()
    page.get_by_role("link", name="To your home").click()
    page.goto(f"{origin}/people/eve")
    expect(page.locator("main")).to_contain_text("Student")
    page.click("footer form button")
    page.goto(f"{origin}/login?next=/groups")
    page.get_by_role("button", name="Log in with North University").click()
    expect(page).to_have_url(f"{origin}/groups")
    context.close()
