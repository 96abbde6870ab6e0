"""One's own profile in the browser, and the institution's word about somebody: never what they typed themselves."""

from typing import Any

import pytest

from fedi.actions import affiliations
from storage import actors, people
from storage.actors import Actor
from tests.fedi.web.conftest import Browser, Campus, Outline, Page
from tests.fedi.web.test_pictures import picture

FORM = {"name": "Ada O.", "about": "Wind.\nAnd trains.", "alt": "", "show": "1", "found": "1"}


async def send(browser: Browser, fields: dict[str, str], file: bytes) -> Page:
    """Send the form with a file, as browsers do."""
    body = b"".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    )
    head = (
        b'--b\r\nContent-Disposition: form-data; name="picture"; filename="x.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    )
    sent = {"content-type": "multipart/form-data; boundary=b", "sec-fetch-site": "same-origin"}
    return await browser._ask("POST", "/settings/profile", body + head + file + b"\r\n--b--\r\n", sent, follow=True)


BADGE = '<span class="badge">Student · Alpha University</span>'


async def test_a_profile_is_edited(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    page = await as_ada.get("/settings/profile")
    assert 'value="Ada Okafor"' in page.text
    saved = await as_ada.post(
        "/settings/profile", {**FORM, "field0": "Programme", "value0": "MSc", "field1": "", "value1": "", "locked": "1"}
    )
    assert "Saved" in saved.words
    shown = await campus.browser().get("/people/ada")
    for word in ("Ada O.", "Wind.", "And trains.", "Programme MSc"):
        assert word in shown.words
    now = campus.actor("ada")
    assert (now.approves_followers, now.discoverable, now.indexable) == (True, True, True)
    again = await as_ada.get("/settings/profile")
    assert 'value="Programme"' in again.text
    await as_ada.post("/settings/profile", {"name": "Ada", "about": ""})
    now = campus.actor("ada")
    assert (now.approves_followers, now.discoverable, now.summary) == (False, False, "")
    assert not affiliations.typed(now.fields), "lines that are emptied are gone"


async def test_what_can_not_be_taken_comes_back_whole(campus: Campus, as_ada: Browser) -> None:
    sent = {**FORM, "about": "x" * 2001, "field0": "Programme", "value0": "MSc <b>"}
    page = await as_ada.post("/settings/profile", sent)
    assert page.status == 422
    assert "at most 2,000 characters" in page.words
    assert "x" * 2001 in page.text
    assert 'value="MSc &lt;b&gt;"' in page.text
    assert campus.actor("ada").name == "Ada Okafor"


async def test_a_picture_with_what_it_shows(campus: Campus, as_ada: Browser) -> None:
    saved = await send(as_ada, {**FORM, "alt": "A kite"}, picture())
    assert "Saved" in saved.words
    assert 'alt="A kite"' in (await campus.browser().get("/people/ada")).text
    await as_ada.post("/settings/profile", {**FORM, "alt": "A kite", "without": "1"})
    now = campus.actor("ada")
    assert (now.icon, now.icon_description) == (None, None)


async def test_a_file_that_is_no_picture_is_refused_and_nothing_lost(campus: Campus, as_ada: Browser) -> None:
    page = await send(as_ada, {**FORM, "alt": "A kite"}, b"%PDF-1.7 no picture")
    assert page.status == 422
    assert "Choose a JPEG, PNG, GIF or WebP" in page.words
    assert 'value="Ada O."' in page.text
    assert 'value="A kite"' in page.text


async def test_the_form_is_for_oneself(campus: Campus, as_ada: Browser, browser: Browser) -> None:
    assert (await browser.get("/settings/profile", follow=False)).headers["location"].startswith("/login")
    refused = await as_ada.post("/settings/profile", FORM, {"sec-fetch-site": "cross-site"})
    assert refused.status == 403
    assert campus.actor("ada").name == "Ada Okafor"


async def test_the_affiliation_stands_beside_the_name_while_it_is_shown(
    campus: Campus, as_ada: Browser, with_settings: Any
) -> None:
    with_settings(name="Alpha University")
    campus.write(lambda tx: affiliations.settle_all(tx, campus.site))
    campus.post(campus.actor("ada"), "the train is late")
    nobody = campus.browser()
    assert BADGE in (await nobody.get("/")).text
    profile = await nobody.get("/people/ada")
    assert BADGE in profile.text
    assert "Student, as alpha.example confirms" in profile.words
    assert "/people/ada/affiliation" in [link.removeprefix("https://alpha.example") for link in profile.links]
    await as_ada.post("/settings/profile", {name: value for name, value in FORM.items() if name != "show"})
    assert BADGE not in (await nobody.get("/")).text
    assert "Student" not in (await nobody.get("/people/ada")).words
    assert (await nobody.get("/people/ada/affiliation")).status == 404


@pytest.mark.parametrize(
    ("value", "verified", "believed"),
    [
        ('<a href="{iri}/affiliation">{iri}/affiliation</a>', 1_789_000_000_000, True),
        ('<a href="{iri}/affiliation">{iri}/affiliation</a>', None, False),  # nobody looked, or it was not so
        ('<a href="{iri}/affiliation">North University</a>', 1_789_000_000_000, False),
        ('<a href="https://north.example/me/affiliation">https://north.example/me/affiliation</a>', 1, False),
        ("North University", 1_789_000_000_000, False),
        ("✓ North University", None, False),
    ],
)
async def test_of_somebody_elsewhere_their_own_host_says_it(
    campus: Campus, as_ada: Browser, ada: Actor, value: str, verified: int | None, believed: bool
) -> None:
    iri = "https://south.example/people/zoe"
    fields = [{"name": "Student", "value": value.format(iri=iri), "verified_at": verified}]
    zoe = campus.stranger(fields=fields)
    campus.from_afar(zoe, "<p>hello</p>", campus.post(ada, "the train is late"))
    page = await as_ada.get("/@zoe@south.example")
    assert ('<span class="badge">Student · south.example</span>' in page.text) is believed
    assert ("Student, as south.example confirms" in page.words) is believed


async def test_nobody_types_an_affiliation(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    campus.write(lambda tx: people.change(tx, ada.id, affiliation=None))
    campus.write(lambda tx: affiliations.settle(tx, campus.site, ada))
    await as_ada.post("/settings/profile", {**FORM, "field0": "Faculty", "value0": "Alpha University"})
    page = await campus.browser().get("/people/ada")
    assert "Faculty" in page.words
    assert 'class="badge"' not in page.text
    assert "confirms" not in page.words
    refused = await as_ada.post(
        "/settings/profile", {**FORM, "field0": "Faculty", "value0": "https://alpha.example/people/ada/affiliation"}
    )
    assert refused.status == 422
    Outline((await campus.browser().get("/people/ada")).text)
    assert campus.read(lambda tx: actors.by_id(tx, ada.id)) is not None
