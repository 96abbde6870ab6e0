"""Twins by forms: moderators offer, agree, refuse and part; others see who is one and can do nothing."""

import pytest

from fedi.actions import twins as actions
from storage import follows, groups, twins
from storage.actors import Actor
from storage.groups import Group
from storage.twins import Twin
from tests.fedi.web.conftest import Browser, Campus, Outline

PAGE = "/groups/mlops/twins"


@pytest.fixture
def group(campus: Campus, ada: Actor) -> Actor:
    """A group that Ada moderates."""
    return campus.group("mlops", ada, title="Machine learning")


@pytest.fixture
def there(campus: Campus) -> Actor:
    """A group at another university that is known here."""
    made = campus.stranger("learning", kind="Group", followers="https://south.example/people/learning/followers")
    campus.write(lambda tx: groups.save(tx, Group(made.id, "open", "public", "members", [], None, 0)))
    return made


def state(campus: Campus, group: Actor, there: Actor) -> str | None:
    found: Twin | None = campus.read(lambda tx: twins.find(tx, group.id, there.id))
    return found.state if found is not None else None


async def test_a_moderator_asks_and_takes_it_back(campus: Campus, as_ada: Browser, group: Actor, there: Actor) -> None:
    empty = await as_ada.get(PAGE)
    assert "No twin yet" in empty.words
    Outline(empty.text)
    asked = await as_ada.post(PAGE, {"do": "offer", "other": "@learning@south.example"})
    assert "was asked; a moderator there has to agree" in asked.words
    Outline(asked.text)
    assert state(campus, group, there) == "offered"
    assert campus.read(lambda tx: follows.find(tx, group.id, there.id)) is not None
    back = await as_ada.post(PAGE, {"do": "part", "other": str(there.id)})
    assert "No twin yet" in back.words
    assert campus.read(lambda tx: follows.find(tx, group.id, there.id)) is None


async def test_a_moderator_agrees_or_refuses(campus: Campus, as_ada: Browser, group: Actor, there: Actor) -> None:
    for verb, left in (("refuse", None), ("accept", "offered")):
        iri = f"https://south.example/follows/{verb}"
        campus.write(lambda tx: actions.asked(tx, campus.site, there, group, iri))
        assert "asks to be a twin" in (await as_ada.get(PAGE)).words
        assert (await as_ada.post(PAGE, {"do": verb, "other": str(there.id)})).status == 200
        assert state(campus, group, there) == left
    campus.write(lambda tx: actions.answered(tx, campus.site, group, there))
    assert "what is posted in one is in both" in (await as_ada.get(PAGE)).words
    shown = await campus.browser().get("/groups/mlops")
    assert "One with Learning (south.example)" in shown.words
    Outline(shown.text)


async def test_what_cannot_be_is_said(campus: Campus, as_ada: Browser, group: Actor, there: Actor) -> None:
    for other, said in (
        ("nobody@south.example", "no group to be had"),
        ("bruno@alpha.example", "is no group"),
        ("mlops@alpha.example", "different instances"),
        ("", "no group to be had as nothing"),
    ):
        answer = await as_ada.post(PAGE, {"do": "offer", "other": other})
        assert (answer.status, said in answer.words) == (422, True), (other, answer.words)
    for fields in ({"do": "part", "other": "x"}, {"do": "part", "other": "1" * 30}):
        assert (await as_ada.post(PAGE, fields)).status == 400
    assert (await as_ada.post(PAGE, {"do": "shout", "other": "x"})).status == 422
    assert (await as_ada.post(PAGE, {"do": "accept", "other": str(there.id)})).status == 422
    assert campus.read(lambda tx: twins.of_group(tx, group.id)) == []


async def test_others_decide_nothing(campus: Campus, group: Actor, bruno: Actor, there: Actor) -> None:
    campus.follow(bruno, group)
    browser = campus.browser()
    assert "log" in (await browser.post(PAGE, {"do": "offer", "other": "learning@south.example"})).path
    await browser.log_in("bruno")
    assert (await browser.get(PAGE)).status == 403
    assert (await browser.post(PAGE, {"do": "offer", "other": "learning@south.example"})).status == 403
    assert state(campus, group, there) is None
