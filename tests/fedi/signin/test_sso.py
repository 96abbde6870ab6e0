"""The institution's own log-in, against a provider that speaks real HTTP: the way there and back, the first time, what somebody is
there, and each way in which an answer may not be for us.
"""

import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from joserfc.jwk import ECKey

from federation.client import Client
from federation.hosts import Networks
from federation.transport import SocketTransport
from fedi.actions import erasing
from fedi.actions import identities as actions
from fedi.actions import people as person_actions
from fedi.config import Config, Sso
from storage import actors, identities, people
from storage.actors import Actor
from tests.conftest import Clock
from tests.fedi.signin.authenticator import Device
from tests.fedi.web.conftest import PASSWORD, Browser, Campus, Page
from tests.provider import CLIENT, SECRET, Provider, open_provider

EVE = {
    "sub": "u-4711",
    "email": "eve@alpha.example",
    "email_verified": True,
    "name": "Eve Nowak",
    "given_name": "Eve",
    "family_name": "Nowak",
    "preferred_username": "s1234567",
    "eduperson_scoped_affiliation": ["member@alpha.example", "student@alpha.example", "faculty@beta.example"],
}


@pytest.fixture
async def provider(campus: Campus, clock: Clock) -> AsyncIterator[Provider]:
    """The provider that the instance is set to."""
    networks = Networks(("127.0.0.0/8",))
    with open_provider(clock) as made:
        transport = SocketTransport(networks, None)
        client = Client(transport, networks, "fedi-tests", clock)
        config: Config = campus.site.config
        kept: dict[str, Any] = {name: getattr(config, name) for name in config.__struct_fields__}
        sso = Sso(issuer=made.issuer, client_id=CLIENT, client_secret=SECRET)
        settings = Config(**(kept | {"registrations": "sso", "contact": "ask@alpha.example", "sso": sso}))
        campus.app.state.site = campus.site = replace(campus.site, config=settings, client=client)
        yield made
        await client.close()


async def there(browser: Browser, wanted: str = "/home", **fields: str) -> str:
    """Press the button; where the browser is sent to."""
    answer = await browser.post("/login/sso", {"next": wanted, **fields}, follow=False)
    assert answer.status == 303, answer.words
    return answer.headers["location"]


async def come(browser: Browser, provider: Provider, wanted: str = "/home", **fields: str) -> Page:
    """There and back."""
    back = urlsplit(provider.authorize(await there(browser, wanted, **fields)))
    return await browser.get(f"{back.path}?{back.query}")


async def join(campus: Campus, provider: Provider, **fields: str) -> Page:
    """Come for the first time, and choose."""
    browser = campus.browser()
    page = await come(browser, provider)
    [ticket] = re.findall(r'name="ticket" value="([^"]+)"', page.text)
    return await browser.post("/login/sso/new", {"ticket": ticket, "username": "eve", "name": "Eve", **fields})


async def test_somebody_new_sees_what_was_received(campus: Campus, provider: Provider) -> None:
    provider.claims = EVE
    page = await come(campus.browser(), provider)
    assert page.status == 200
    assert "eve@alpha.example" in page.words
    assert "Student" in page.words
    assert "1234567" not in page.text  # whoever knows the number must not know who writes
    assert 'value="eve"' in page.text
    page = await join(campus, provider, show="1")
    assert page.path == "/welcome"
    eve = campus.actor("eve")
    row = campus.read(lambda tx: people.by_id(tx, eve.id))
    assert row is not None
    assert (row.affiliation, row.password_hash, row.email) == ("student", None, "eve@alpha.example")
    assert eve.fields[0]["affiliation"] == "student"
    browser = campus.browser()
    page = await come(browser, provider, "/groups?q=x")
    assert page.path == "/groups?q=x"
    assert "Log out" in page.words
    assert (await campus.browser().log_in("eve", "")).status == 422


async def test_what_somebody_is_may_stay_unseen(campus: Campus, provider: Provider) -> None:
    provider.claims = EVE
    await join(campus, provider)
    assert campus.actor("eve").fields == []


async def test_what_somebody_is_there_comes_with_them(campus: Campus, provider: Provider) -> None:
    """At each log-in; a provider that says nothing of it changes nothing. Userinfo counts as well."""
    provider.claims = EVE
    await join(campus, provider, show="1")
    eve = campus.actor("eve")

    async def now_(claim: object) -> str | None:
        provider.claims = {"sub": EVE["sub"]}
        provider.userinfo = {} if claim is None else {"eduperson_scoped_affiliation": claim}
        await come(campus.browser(), provider)
        row = campus.read(lambda tx: people.by_id(tx, eve.id))
        assert row is not None
        known: str | None = row.affiliation
        return known

    assert await now_(None) == "student"
    assert await now_("alum@alpha.example") == "alum"
    assert await now_(["student@alpha.example", "employee@alpha.example"]) == "staff"
    assert await now_(["faculty@beta.example"]) is None
    assert await now_({"hostile": [1]}) is None


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"preferred_username": "Ève.Nowak"}, "eve_nowak"),
        ({"preferred_username": "ada"}, "ada2"),
        ({"preferred_username": "admin"}, "admin2"),
        ({"preferred_username": "20231234", "given_name": "Eve", "family_name": "Nowak"}, "eve_nowak"),
        ({"preferred_username": "x" * 99}, "x" * 30),
        ({"name": "艾"}, "student"),
        ({}, "student"),
    ],
)
async def test_a_name_is_proposed(campus: Campus, claims: dict[str, str], name: str) -> None:
    assert campus.read(lambda tx: actions.proposed(tx, campus.site, claims)) == name


async def test_what_cannot_be_taken_comes_back(campus: Campus, provider: Provider, ada: Actor) -> None:
    provider.claims = {"sub": "u-1"}
    browser = campus.browser()
    page = await come(browser, provider)
    assert "nothing was sent; if you study or work here, ask ask@alpha.example" in page.words
    [ticket] = re.findall(r'name="ticket" value="([^"]+)"', page.text)
    typed = {"ticket": ticket, "username": "ada", "name": "Max", "email": "max@alpha.example"}
    page = await browser.post("/login/sso/new", typed)
    assert page.status == 422
    assert 'value="Max"' in page.text
    assert 'value="max@alpha.example"' in page.text
    page = await browser.post("/login/sso/new", typed | {"username": "max", "email": "ada@alpha.example"})
    assert "has an account already" in page.words
    assert (await browser.post("/login/sso/new", typed | {"username": "max"})).path == "/welcome"
    assert (await browser.post("/login/sso/new", typed | {"username": "max2"})).status == 422
    assert not campus.read(lambda tx: actors.by_name(tx, "max2", "alpha.example"))


async def test_who_has_an_account_connects_it(campus: Campus, provider: Provider, as_ada: Browser, ada: Actor) -> None:
    """An address alone is no proof: the provider's word for it may be anything that somebody typed there."""
    provider.claims = EVE | {"email": "ada@alpha.example"}
    page = await join(campus, provider, username="other")
    assert page.status == 422
    page = await come(as_ada, provider, current=PASSWORD)
    assert "you can log in by your institution" in page.words
    browser = campus.browser()
    assert (await come(browser, provider)).path == "/home"
    assert campus.read(lambda tx: identities.of_person(tx, ada.id))[0].subject == EVE["sub"]
    bruno = campus.browser()
    await bruno.log_in("bruno")
    page = await come(bruno, provider, current=PASSWORD)
    assert page.status == 409
    campus.write(lambda tx: erasing.erase(tx, campus.site, ada))
    assert campus.read(lambda tx: identities.of_person(tx, ada.id)) == []


async def test_a_browser_that_was_left_open_connects_nobody(
    campus: Campus, provider: Provider, as_ada: Browser, ada: Actor
) -> None:
    """Whoever finds it could else come by their own log-in from then on, and stay."""
    provider.claims = EVE
    for fields in ({}, {"current": "wrong"}):
        page = await as_ada.post("/login/sso", {"next": "/home", **fields})
        assert page.status == 422
        assert "This is not your password" in page.words
    assert campus.read(lambda tx: identities.of_person(tx, ada.id)) == []
    # Nor where somebody is connected: the button that only asks who they are.
    browser = campus.browser()
    await join(campus, provider)
    assert (await come(browser, provider)).path == "/home"
    provider.claims = EVE | {"sub": "u-another"}
    page = await come(browser, provider, "/settings/security")
    assert "log in again first" in page.words
    eve = campus.actor("eve")
    assert [one.subject for one in campus.read(lambda tx: identities.of_person(tx, eve.id))] == [EVE["sub"]]


async def test_an_address_that_nobody_vouches_for_is_asked_for(campus: Campus, provider: Provider) -> None:
    """Or whoever types another's address there would have it here."""
    provider.claims = EVE | {"email_verified": False, "email": "dean@alpha.example"}
    page = await come(campus.browser(), provider)
    assert "dean@alpha.example" not in page.text
    assert 'name="email"' in page.text
    await join(campus, provider, email="eve@home.example")
    assert campus.read(lambda tx: people.by_login(tx, "dean@alpha.example")) is None
    assert campus.read(lambda tx: people.by_login(tx, "eve@home.example")) is not None


async def test_who_leaves_keeps_a_passkey(campus: Campus, provider: Provider, clock: Clock) -> None:
    """Without a password one has just logged in, to change how one does."""
    provider.claims = EVE
    await join(campus, provider)
    browser, device = campus.browser(), Device()
    await come(browser, provider)
    clock.pass_(seconds=901)
    refused = await browser.post("/settings/security/passkeys/new", {})
    assert refused.status == 422
    assert (await browser.post("/settings/security/password", {"password": "a few good words"})).status == 422
    await come(browser, provider)
    told = json.loads((await browser.post("/settings/security/passkeys/new", {})).text)
    fields = {"ticket": told["ticket"], "credential": device.create(told["options"]), "name": "Phone"}
    assert "Your passkey is kept" in (await browser.post("/settings/security/passkeys", fields)).words
    provider.broken = True
    browser = campus.browser()
    told = json.loads((await browser.post("/login/passkey", {})).text)
    fields = {"ticket": told["ticket"], "credential": device.get(told["options"]), "next": "/home"}
    assert (await browser.post("/login", fields)).path == "/home"


async def test_who_is_suspended_stays_out(campus: Campus, provider: Provider) -> None:
    provider.claims = EVE
    await join(campus, provider)
    eve = campus.actor("eve")
    campus.write(lambda tx: person_actions.suspend(tx, campus.site, eve))
    browser = campus.browser()
    page = await come(browser, provider)
    assert (page.status, "suspended" in page.words) == (403, True)


Twist = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.mark.parametrize(
    "twist",
    [
        lambda one: one | {"iss": "https://evil.example"},
        lambda one: one | {"aud": "another"},
        lambda one: one | {"aud": ["fedi", "another"]},
        lambda one: one | {"aud": ["fedi", "another"], "azp": "another"},
        lambda one: one | {"azp": "another"},
        lambda one: one | {"nonce": "another"},
        lambda one: {name: value for name, value in one.items() if name != "nonce"},
        lambda one: one | {"exp": one["iat"] - 200},
        lambda one: one | {"exp": "tomorrow"},
        lambda one: one | {"iat": one["iat"] + 400},
        lambda one: one | {"sub": 7},
        lambda one: one | {"sub": ""},
    ],
)
async def test_a_token_that_is_not_for_us_or_not_for_now(campus: Campus, provider: Provider, twist: Twist) -> None:
    """OpenID Connect Core section 3.1.3.7."""
    provider.claims, provider.twist = EVE, twist
    browser = campus.browser()
    page = await come(browser, provider)
    assert page.status == 502
    assert "does not fit" in page.words
    assert "__Host-fedi" not in browser.cookies


async def test_a_token_by_another_key(campus: Campus, provider: Provider, clock: Clock) -> None:
    provider.claims = EVE
    provider.signs_with = ECKey.generate_key("P-256")
    assert (await come(campus.browser(), provider)).status == 502
    asked = provider.asked.count("/keys")
    assert (await come(campus.browser(), provider)).status == 502
    assert provider.asked.count("/keys") == asked  # not at each try: once a minute
    provider.signs_with = None
    assert (await come(campus.browser(), provider)).status == 200
    provider.change_key("second")
    clock.pass_(seconds=61)
    assert (await come(campus.browser(), provider)).status == 200


async def test_userinfo_of_somebody_else(campus: Campus, provider: Provider) -> None:
    provider.claims, provider.userinfo = EVE, {"sub": "u-1"}
    assert (await come(campus.browser(), provider)).status == 502


async def test_the_way_back_is_for_the_browser_that_left(campus: Campus, provider: Provider, clock: Clock) -> None:
    """Or somebody could be logged in as another by a link (RFC 6749 section 10.12); once, and within a quarter of an hour."""
    provider.claims = EVE
    browser = campus.browser()
    back = urlsplit(provider.authorize(await there(browser)))
    page = await campus.browser().get(f"{back.path}?{back.query}")
    assert page.status == 400
    assert "another browser" in page.words
    assert (await browser.get(f"{back.path}?{back.query}")).status == 400
    back = urlsplit(provider.authorize(await there(browser)))
    clock.pass_(seconds=901)
    assert (await browser.get(f"{back.path}?{back.query}")).status == 400
    back = urlsplit(provider.authorize(await there(browser)))
    query = re.sub(r"iss=[^&]*", "iss=https%3A%2F%2Fevil.example", back.query)
    assert (await browser.get(f"{back.path}?{query}")).status == 502  # RFC 9207: another provider's answer
    state = re.findall(r"state=([^&]+)", await there(browser))[0]
    page = await browser.get(f"/login/sso/back?error=access_denied&state={state}")
    assert "did not let you in" in page.words
    assert "ask@alpha.example" in page.words


async def test_a_provider_that_is_away_or_another(campus: Campus, provider: Provider) -> None:
    provider.broken = True
    page = await campus.browser().post("/login/sso", {})
    assert page.status == 502
    assert "gives no answer" in page.words
    provider.broken = False
    provider.configuration = lambda: {"issuer": "https://evil.example"}  # type: ignore[method-assign]  # a lie
    assert (await campus.browser().post("/login/sso", {})).status == 502


async def test_the_button_is_there_where_it_works(campus: Campus, browser: Browser, provider: Provider) -> None:
    page = await browser.get("/login")
    assert "Log in with Alpha University" in page.words
    assert "By password or passkey" in page.words
    assert 'action="/login/sso"' in (await browser.get("/join")).text
    assert (await browser.post("/login/sso", {}, {"sec-fetch-site": "cross-site"})).status == 403


async def test_without_a_provider(browser: Browser) -> None:
    assert "sso" not in (await browser.get("/login")).text
    assert (await browser.post("/login/sso", {})).status == 404
