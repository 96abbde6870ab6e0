"""The page of search: operators as links, what was meant, what to do when nothing is found; nobody learns of what is not theirs."""

from urllib.parse import parse_qs, urlsplit

import pytest

from storage.actors import Actor
from tests.fedi.web.conftest import Browser, Campus, Outline

pytestmark = pytest.mark.anyio


@pytest.fixture
def group(campus: Campus, ada: Actor, bruno: Actor) -> Actor:
    """A group that both are in."""
    made = campus.group("stats", bruno, title="Statistics")
    campus.follow(ada, made)
    return made


def queries(links: list[str]) -> list[str]:
    """What the links to searches ask for."""
    return [parse_qs(urlsplit(one).query)["q"][0] for one in links if one.startswith("/search?q=")]


async def test_filters_are_links(campus: Campus, as_ada: Browser, group: Actor, bruno: Actor) -> None:
    campus.post(bruno, "@stats How big a sample?", question=True)
    campus.post(bruno, "@stats A sample of mine")
    page = await as_ada.get("/search?q=sample")
    Outline(page.text)
    assert "How big a sample?" in page.words
    assert "A sample of mine" in page.words
    offered = queries(page.links)
    assert {"sample is:question", "sample is:solved", "sample has:pdf", "sample in:!stats@alpha.example"} <= set(
        offered
    )
    only = await as_ada.get("/search?q=sample+is:question")
    assert "How big a sample?" in only.words
    assert "A sample of mine" not in only.words
    assert "sample" in queries(only.links), "the same link takes it away"
    assert "sample is:question has:pdf" in queries(only.links)
    inside = await as_ada.get("/search?q=sample+in:stats+is:open")
    assert "How big a sample?" in inside.words
    assert "A sample of mine" in (await as_ada.get("/search?q=sample+by:lindqvist")).words
    assert "A sample of mine" in (await as_ada.get("/search?q=sample+by:bruno")).words
    assert "A sample of mine" not in (await as_ada.get("/search?q=sample+by:ada")).words


async def test_what_was_meant_and_whom_to_ask(campus: Campus, as_ada: Browser, group: Actor, bruno: Actor) -> None:
    campus.post(bruno, "@stats The variance of a bootstrap estimator")
    page = await as_ada.get("/search?q=the+bootsrap+varaince")
    Outline(page.text)
    assert page.status == 200
    assert "Did you mean the bootstrap variance ?" in page.words
    assert "the bootstrap variance" in queries(page.links)
    assert "estimator" in (await as_ada.get("/search?q=the+bootstrap+variance")).words
    assert "Did you mean" not in (await as_ada.get("/search?q=bootstrap+unrelated")).words
    nothing = await as_ada.get("/search?q=heteroscedasticity+is:question")
    assert "Nothing was found" in nothing.words
    [ask] = [one for one in nothing.links if one.startswith("/compose?")]
    assert parse_qs(urlsplit(ask).query) == {"question": ["1"], "title": ["heteroscedasticity"]}
    form = Outline((await as_ada.get(ask)).text)
    assert [one["value"] for one in form.of("input") if one.get("name") == "title"] == ["heteroscedasticity"]
    assert ["checked" in one for one in form.of("input") if one.get("name") == "question"] == [True]
    # The button said: in a group.
    assert [one.get("value") for one in form.of("option") if "selected" in one][:1] == [f"g{group.id}"]


async def test_nobody_learns_of_what_is_not_theirs(campus: Campus, as_ada: Browser, group: Actor, bruno: Actor) -> None:
    campus.group("closed", bruno, see="members", title="Board")

    async def asked() -> list[str]:
        paths = (
            "zeppelin",
            "zepelin",
            "zeppelin+is:solved",
            "zeppelin+in:closed",
            "in:closed",
            "is:question",
            "%23zeppelin",
        )
        return [(await as_ada.get(f"/search?q={one}")).words for one in paths]

    campus.post(bruno, "@stats A zeplin is no airship")
    before = await asked()
    assert "Did you mean zeplin ?" in before[1], "which is but one letter away from it, and so is what is hidden"
    campus.post(bruno, "@closed The zeppelin and its zeppelins #zeppelin", question=True)
    campus.post(bruno, "zeppelin for me", visibility="direct")
    assert await asked() == before
    mine = campus.browser()
    await mine.log_in("bruno")
    assert "The zeppelin and its zeppelins" in (await mine.get("/search?q=zeppelin")).words
    assert "Did you mean zeppelin ?" in (await mine.get("/search?q=zepelin")).words
