"""What a page with a script asks: what is new, through the gate; and the files that make it an app."""

import gzip
import json
from typing import Any
from urllib.parse import quote

from fedi.actions import blocks
from fedi.html import SCRIPT, SCRIPT_PATH
from fedi.web.live import ICONS, WORDS, WORKER
from storage.actors import Actor
from tests.fedi.web.conftest import Browser, Campus


async def live(browser: Browser, path: str, query: str = "") -> dict[str, Any]:
    page = await browser.get(f"/live?of={quote(path, safe='')}{query}")
    assert page.status == 200
    said: dict[str, Any] = json.loads(page.text)
    return said


async def test_it_names_what_one_may_see_newest_first(
    campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor, browser: Browser
) -> None:
    group = campus.group("mlops", bruno, see="members")
    first = campus.post(bruno, "@mlops hello")
    answer = campus.post(bruno, "and more", reply_to_id=first.id)
    thread = f"/people/bruno/posts/{first.id}"
    assert (await live(as_ada, thread))["ids"] == []
    assert (await live(as_ada, "/groups/mlops"))["ids"] == []
    assert (await live(as_ada, "/home"))["ids"] == []
    campus.follow(ada, group)
    assert (await live(as_ada, thread))["ids"] == [str(answer.id), str(first.id)]
    assert (await live(as_ada, "/groups/mlops"))["ids"] == [str(first.id)]
    assert (await live(as_ada, "/home"))["ids"] == [str(first.id)]
    campus.write(lambda tx: blocks.block(tx, campus.site, ada, bruno))
    assert (await live(as_ada, thread))["ids"] == []
    assert (await browser.get("/live?of=/home")).status == 401


async def test_nonsense_has_nothing_new(as_ada: Browser) -> None:
    for path in (
        "/settings",
        "/groups/nosuch",
        "/people/x/posts/" + "9" * 18,
        "/@a@b/1",
        "x" * 5000,
        "/groups/\x00",
        "",
    ):
        assert (await live(as_ada, path))["ids"] == []


async def test_the_answer_is_small_and_the_words_come_once(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    for number in range(25):
        campus.post(ada, f"number {number}")
    said = await live(as_ada, "/home")
    assert len(said["ids"]) == 20
    assert len(json.dumps(said)) < 600
    assert (await live(as_ada, "", "&words=1"))["words"] == WORDS  # English is the key


async def test_the_script_is_small_and_knows_all_of_its_words() -> None:
    assert len(gzip.compress(SCRIPT, 9)) <= 6000
    assert len(gzip.compress(WORKER, 9)) <= 2000
    source = SCRIPT.decode()
    for name, text in WORDS.items():
        assert f'{name}: "{text}"' in source, name


async def test_the_files_of_the_app(campus: Campus, as_ada: Browser, browser: Browser) -> None:
    page = await as_ada.get("/home")
    assert f'<script src="{SCRIPT_PATH}" defer data-me="ada">' in page.text
    assert page.headers["x-person"] == "ada"
    assert "worker-src 'self'" in page.headers["content-security-policy"]
    assert "immutable" in (await as_ada.get(SCRIPT_PATH)).headers["cache-control"]
    worker = await as_ada.get("/sw.js")
    assert worker.headers["content-type"].startswith("text/javascript")
    assert worker.headers["cache-control"] == "no-cache"
    assert (await as_ada.get("/offline")).headers["x-person"] == "ada"
    manifest = json.loads((await as_ada.get("/manifest.webmanifest")).text)
    assert manifest["name"] == "Alpha University"
    assert {icon["src"] for icon in manifest["icons"]} < set(ICONS)
    front = await browser.get("/")
    assert "<script" not in front.text
    assert "x-person" not in front.headers


async def test_a_post_of_somebody_with_an_unusual_name_is_found(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    """Its address is not the same as it is written and as it is read."""
    mine = campus.post(ada, "hello")
    made = campus.from_afar(campus.stranger("zoë"), "<p>Grüße</p>", mine)
    page = await as_ada.get(f"/@zo%C3%AB@south.example/{made.id}", follow=False)
    assert page.status == 200
    assert "Grüße" in page.words


async def test_a_post_of_nothing_but_what_is_not_shown(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    group = campus.group("mlops", ada)
    mine = campus.post(ada, "@mlops hello")
    campus.from_afar(
        campus.stranger(),
        "<img src=x>",
        mine,
        reply_to_id=None,
        reply_to_iri=None,
        root_id=None,
        title="\u200b",
        summary=None,
    )
    assert group.name in (await as_ada.get("/groups/mlops")).words
