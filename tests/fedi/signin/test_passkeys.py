"""Passkeys: added by who knows the password, good for a log-in without a name and past the codes; what does not fit is refused."""

import json

import pytest

from fedi.actions import credentials
from fedi.actions import people as person_actions
from fedi.html import PASSKEY_SCRIPT
from storage import passkeys, second_factors
from storage.actors import Actor
from storage.second_factors import SecondFactor
from tests.conftest import Clock
from tests.fedi.signin.authenticator import Device
from tests.fedi.web.conftest import PASSWORD, Browser, Campus, Page

SECURITY = "/settings/security"


async def add(browser: Browser, device: Device, current: str = PASSWORD) -> Page:
    """Add a passkey as the page's script does it."""
    begun = await browser.post(f"{SECURITY}/passkeys/new", {"current": current})
    told = json.loads(begun.text)
    if begun.status != 200:
        return begun
    made = device.create(told["options"])
    fields = {"ticket": told["ticket"], "credential": made, "name": "My phone"}
    return await browser.post(f"{SECURITY}/passkeys", fields)


async def enter(browser: Browser, device: Device, **changed: str) -> Page:
    """Log in by it."""
    told = json.loads((await browser.post("/login/passkey", {})).text)
    fields = {"ticket": told["ticket"], "credential": device.get(told["options"]), "next": "/home"}
    return await browser.post("/login", fields | changed)


async def test_a_passkey_is_added_and_opens_the_door(campus: Campus, as_ada: Browser, ada: Actor, clock: Clock) -> None:
    device = Device()
    page = await add(as_ada, device)
    assert "Your passkey is kept" in page.words
    assert "My phone" in page.words
    [kept] = campus.read(lambda tx: passkeys.of_person(tx, ada.id))
    other = campus.browser()
    assert (await enter(other, device)).path == "/home"
    assert "Log out" in (await other.get("/about")).words
    assert campus.read(lambda tx: passkeys.of_person(tx, ada.id))[0].used_at is not None
    page = await as_ada.post(f"{SECURITY}/passkeys/remove", {"id": str(kept.id)})
    assert "My phone" not in page.words
    page = await enter(campus.browser(), device)
    assert page.status == 422
    assert "not known here" in page.words


async def test_adding_one_takes_the_password(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    refused = await add(as_ada, Device(), "wrong")
    assert refused.status == 422
    assert "not your password" in json.loads(refused.text)["problem"]
    assert campus.read(lambda tx: passkeys.of_person(tx, ada.id)) == []


async def test_a_passkey_counts_as_both_factors(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    device = Device()
    await add(as_ada, device)
    secret = credentials.new_secret()
    campus.write(lambda tx: second_factors.save(tx, SecondFactor(ada.id, secret, 1, 1, 0)))
    assert (await enter(campus.browser(), device)).path == "/home"


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://alpha.example.evil.example"},
        {"rp_id": "evil.example"},
        {"verifies": False},
    ],
)
async def test_what_another_page_or_device_signed_is_refused(
    campus: Campus, as_ada: Browser, ada: Actor, wrong: dict[str, object]
) -> None:
    device = Device()
    await add(as_ada, device)
    for name, value in wrong.items():
        setattr(device, name, value)
    other = campus.browser()
    page = await enter(other, device)
    assert page.status == 422
    assert "was not taken" in page.words
    assert not other.cookies
    again = Device(**wrong)  # type: ignore[arg-type]  # of these fields
    assert (await add(as_ada, again)).status == 422


async def test_an_answer_counts_once_and_for_a_while(campus: Campus, as_ada: Browser, ada: Actor, clock: Clock) -> None:
    device, other = Device(), campus.browser()
    await add(as_ada, device)
    told = json.loads((await other.post("/login/passkey", {})).text)
    fields = {"ticket": told["ticket"], "credential": device.get(told["options"]), "next": "/home"}
    assert (await other.post("/login", fields, follow=False)).status == 303
    assert (await campus.browser().post("/login", fields)).status == 422
    told = json.loads((await other.post("/login/passkey", {})).text)
    clock.pass_(seconds=301)
    fields = {"ticket": told["ticket"], "credential": device.get(told["options"])}
    assert (await campus.browser().post("/login", fields)).status == 422


async def test_a_device_that_was_copied_is_noticed(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    """Its counter went back (level 2, section 6.1.1)."""
    device = Device()
    await add(as_ada, device)
    device.uses = 7
    assert (await enter(campus.browser(), device)).path == "/home"
    device.uses = 3
    assert (await enter(campus.browser(), device)).status == 422


async def test_another_persons_challenge_is_no_use(campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor) -> None:
    device = Device()
    told = json.loads((await as_ada.post(f"{SECURITY}/passkeys/new", {"current": PASSWORD})).text)
    his = campus.browser()
    await his.log_in("bruno")
    made = device.create(told["options"])
    page = await his.post(f"{SECURITY}/passkeys", {"ticket": told["ticket"], "credential": made, "name": "x"})
    assert page.status == 422
    assert campus.read(lambda tx: passkeys.of_person(tx, bruno.id)) == []


@pytest.mark.parametrize(
    "answer", ["{", "[]", '{"id": 7}', '{"id": "x"}', '{"id": "' + "x" * 30_000 + '"}', "[" * 9000]
)
async def test_what_no_device_sends(browser: Browser, answer: str) -> None:
    told = json.loads((await browser.post("/login/passkey", {})).text)
    page = await browser.post("/login", {"ticket": told["ticket"], "credential": answer})
    assert page.status == 422
    assert not browser.cookies


async def test_suspended_people_stay_out(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    device = Device()
    await add(as_ada, device)
    campus.write(lambda tx: person_actions.suspend(tx, campus.site, ada))
    assert (await enter(campus.browser(), device)).status == 403


async def test_a_form_of_another_site_gets_no_challenge(browser: Browser) -> None:
    answer = await browser.post("/login/passkey", {}, {"sec-fetch-site": "cross-site"})
    assert answer.status == 403


def test_the_script_is_small() -> None:
    assert len(PASSKEY_SCRIPT) <= 3_000
