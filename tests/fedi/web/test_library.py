"""The library of a group by the forms of its pages: what is looked up, pasted or sent becomes an item, a thread and references."""

import hashlib
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest
from sqlalchemy import update

from federation.client import Client, File
from federation.errors import Unreachable
from fedi.actions import library as actions
from fedi.actions import posts as post_actions
from fedi.actions import questions
from fedi.citing import bibtex
from fedi.context import Site
from fedi.visibility import NOBODY
from fedi.worker import loop, schedule
from storage import library
from storage import posts as post_rows
from storage.actors import Actor
from storage.jobs import jobs as job_table
from storage.metadata import Tx
from tests.fedi.web.conftest import Browser, Campus, Outline, Page

DOI = "10.1016/j.compedu.2014.08.019"
CSL = {
    "type": "journal-article",
    "title": "Assessing <i>gamification</i>",
    "author": [{"family": "Hanus", "given": "Michael D."}, {"family": "Fox", "given": "Jesse"}],
    "issued": {"date-parts": [[2015, 1]]},
    "container-title": "Computers & Education",
    "DOI": DOI.upper(),
}
BIB = "@article{a, title={Pasted <script>alert(1)</script>}, author={Doe, Jane}, year={2001}, doi={10.1000/182}}"
PDF = b"%PDF-1.7\n" + b"x" * 2000


class Resolver:
    """What stands for the resolvers, and what they were asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Any = CSL

    async def get_file(self, client: Client, url: str, accept: str, **more: Any) -> File:
        """As `Client.get_file`."""
        self.asked.append(url)
        if self.answer is None:
            raise Unreachable("down")
        return File(msgspec.json.encode(self.answer), "application/json", None, False)


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    made = Resolver()

    async def get_file(client: Client, url: str, accept: str, **more: Any) -> File:
        return await made.get_file(client, url, accept, **more)

    monkeypatch.setattr(Client, "get_file", get_file)
    return made


@pytest.fixture
def group(campus: Campus, ada: Actor) -> Actor:
    return campus.group("papers", ada, see="members")


async def send(
    browser: Browser, path: str, fields: dict[str, str], file: bytes | None = None, name: str = "x.pdf"
) -> Page:
    """Send a form with a file, as browsers do."""
    body = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n' for key, value in fields.items()
    ).encode()
    if file is not None:
        head = (
            f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/html\r\n\r\n'
        )
        body += head.encode() + file + b"\r\n"
    sent = {"content-type": "multipart/form-data; boundary=b", "sec-fetch-site": "same-origin"}
    return await browser._ask("POST", path, body + b"--b--\r\n", sent, follow=True)


def fields_of(page: Page) -> dict[str, str]:
    """What the form of the second page would send."""
    outline = Outline(page.text)
    fields = {
        str(one["name"]): str(one.get("value") or "")
        for one in outline.of("input")
        if one.get("name") and one.get("type") not in ("file", "checkbox", "search")
    }
    fields |= dict(re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>\n(.*?)</textarea>', page.text, re.DOTALL))
    for name, options in re.findall(r'<select id="\w+" name="(\w+)">(.*?)</select>', page.text, re.DOTALL):
        chosen = re.search(r'<option(?: value="([^"]*)")? selected>([^<]*)', options)
        fields[name] = (chosen[1] or chosen[2]) if chosen is not None else ""
    return fields


async def add(browser: Browser, what: str, group: str = "papers", **values: str) -> Page:
    """Say what it is, take what is known of it, add it."""
    checked = await browser.post(f"/groups/{group}/library/add", {"what": what, "action": "look"})
    assert checked.status == 200, checked.words
    return await browser.post(f"/groups/{group}/library/add", fields_of(checked) | values | {"action": "add"})


async def test_a_doi_becomes_an_item_a_thread_and_references(
    as_ada: Browser, group: Actor, resolver: Resolver, campus: Campus
) -> None:
    page = await add(as_ada, f"https://doi.org/{DOI}", note="Chapter 3 is what we need.")
    assert "Assessing gamification" in page.words
    assert "Hanus & Fox · 2015 · Computers & Education · Article" in page.words
    assert resolver.asked == [f"https://doi.org/{DOI}"]
    bib = await as_ada.get("/groups/papers/library.bib")
    [work] = bibtex.read(bib.text)
    assert (work.doi, work.year, work.title) == (DOI, 2015, "Assessing gamification")
    [entry] = msgspec.json.decode((await as_ada.get("/groups/papers/library.json")).text)
    assert entry["DOI"] == DOI
    thread = next(link for link in page.links if "/posts/" in link)
    shown = await as_ada.get(thread)
    assert "Chapter 3 is what we need." in shown.words
    assert bibtex.read((await as_ada.get(f"{thread}/thread.bib")).text)[0].doi == DOI
    # Again is nothing new, and nobody is asked again.
    again = await add(as_ada, DOI)
    assert again.path == page.path
    assert len(resolver.asked) == 1
    assert campus.read(lambda tx: len(actions.listed(tx, NOBODY, group, 10))) == 0


async def test_whoever_may_not_see_the_group_learns_nothing(
    as_ada: Browser, group: Actor, resolver: Resolver, campus: Campus, bruno: Actor
) -> None:
    page = await add(as_ada, DOI)
    item = page.path.rpartition("/")[2] if page.path[-1].isdigit() else ""
    path = re.search(r"/groups/papers/library/(\d+)", page.text)
    assert path is not None
    thread = next(link for link in page.links if "/posts/" in link)
    sent = await send(as_ada, "/groups/papers/library/add", {"action": "look", "what": BIB}, PDF)
    with_file = await as_ada.post("/groups/papers/library/add", fields_of(sent) | {"action": "add"})
    file = next(link for link in with_file.links if link.startswith("/library/files/"))
    assert (await as_ada.get(file)).status == 200
    other = campus.browser()
    await other.log_in("bruno")
    for browser in (campus.browser(), other):
        for end in ("", ".bib", ".json", f"/{path[1]}", f"/{path[1]}.bib", "?q=gamification", "?view=answered"):
            answer = await browser.get(f"/groups/papers/library{end}")
            assert answer.status in (403, 404), end
            assert "gamification" not in answer.words.lower()
        assert (await browser.get(file)).status == 404
        assert (await browser.get(f"{thread}/thread.bib")).status == 404
        assert (await browser.get(f"{thread}/file")).status in (401, 404)
    assert item is not None


async def test_pasted_bibtex_makes_the_item_with_lookups_off(
    as_ada: Browser, group: Actor, resolver: Resolver, with_settings: Callable[..., None], campus: Campus
) -> None:
    with_settings(library=type(campus.site.config.library)(lookups=False))
    page = await add(as_ada, BIB)
    assert "Pasted alert(1)" in page.words
    assert "<script>" not in page.text.replace("<script src", "")
    campus.write(lambda tx: tx.execute(update(job_table).values(due_at=0)))
    await loop.step(campus.site)
    assert resolver.asked == []
    refused = await as_ada.post("/groups/papers/library/add", {"what": DOI, "action": "look"})
    assert "Type its title" in refused.words
    assert resolver.asked == []


async def test_what_nobody_knows_can_be_typed(as_ada: Browser, group: Actor, resolver: Resolver) -> None:
    resolver.answer = None
    page = await as_ada.post("/groups/papers/library/add", {"what": DOI, "action": "look"})
    assert "Nobody could say what this is" in page.words
    fields = fields_of(page) | {"action": "add", "note": "Keep me"}
    refused = await as_ada.post("/groups/papers/library/add", fields | {"title": " "})
    assert refused.status == 422
    assert "Keep me" in refused.text
    done = await as_ada.post("/groups/papers/library/add", fields | {"title": "By hand", "authors": "Doe, Jane"})
    assert "By hand" in done.words
    assert DOI in done.words


async def test_copies_are_passed_on_only_by_a_licence(as_ada: Browser, group: Actor, resolver: Resolver) -> None:
    checked = await as_ada.post("/groups/papers/library/add", {"what": BIB, "action": "look"})
    fields = fields_of(checked) | {"action": "add", "shareable": "1", "note": "Kept"}
    refused = await as_ada.post("/groups/papers/library/add", fields)
    assert refused.status == 422
    assert "name the one that it has" in refused.words
    assert "Kept" in refused.text
    unknown = await as_ada.post("/groups/papers/library/add", fields | {"licence": "All rights reserved"})
    assert unknown.status == 422
    page = await as_ada.post("/groups/papers/library/add", fields | {"licence": "CC-BY-4.0"})
    assert "Copies may be passed on" in page.words
    assert "creativecommons.org/licenses/by/4.0/" in page.text


async def test_a_file_is_a_download_in_a_box(as_ada: Browser, group: Actor, resolver: Resolver, campus: Campus) -> None:
    checked = await send(as_ada, "/groups/papers/library/add", {"action": "look", "what": ""}, PDF, 'Ex<am> "1".pdf')
    fields = fields_of(checked)
    assert fields["title"] == 'Ex "1"'  # what looks like markup is no part of a name
    page = await as_ada.post("/groups/papers/library/add", fields | {"title": "Sheet 1", "action": "add"})
    link = next(one for one in page.links if one.startswith("/library/files/"))
    answer = await as_ada.get(link)
    assert answer.text.encode() == PDF
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    digest = hashlib.sha256(PDF).hexdigest()
    assert campus.read(lambda tx: library.file(tx, digest)) is not None
    await _days_later(campus)
    assert (await as_ada.get(link)).status == 200
    thread = await as_ada.get(next(one for one in page.links if "/posts/" in one))
    assert link in thread.links
    assert "Sheet 1" in (await as_ada.get("/search?q=has:pdf+sheet")).words
    # Who only heard of the digest gets no bytes by it.
    forged = fields | {"kept": f"{digest}.{'0' * 40}", "title": "Forged", "action": "add"}
    assert (await as_ada.post("/groups/papers/library/add", forged)).status == 422


async def test_a_digest_that_somebody_heard_of_is_no_file(
    as_ada: Browser, browser: Browser, group: Actor, resolver: Resolver, campus: Campus
) -> None:
    """Or another server could say in public that it added what only members of a group here may read."""
    checked = await send(as_ada, "/groups/papers/library/add", {"action": "look", "what": ""}, PDF, "secret.pdf")
    await as_ada.post("/groups/papers/library/add", fields_of(checked) | {"title": "Secret", "action": "add"})
    eve = campus.stranger("eve")
    claimed = campus.post(eve, "Look")
    digest = hashlib.sha256(PDF).hexdigest()
    home = "https://beta.example/file"
    said = library.Entry(claimed.id, None, {"type": "book"}, "", False, digest, "application/pdf", "x", len(PDF), home)
    campus.write(lambda tx: library.put(tx, said))
    for one in (browser, as_ada):
        answer = await one._ask("GET", f"/library/files/{claimed.id}", b"", {}, follow=False)
        # To its home; or asked for there, where something else is.
        assert (answer.status, answer.headers.get("location")) in ((302, home), (422, None))
    campus.write(lambda tx: library.fetched(tx, claimed.id, 1))  # it was had from there
    assert (await browser.get(f"/library/files/{claimed.id}")).text.encode() == PDF


async def test_files_that_wait_are_bounded(
    as_ada: Browser, group: Actor, resolver: Resolver, campus: Campus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They take room for a day also where nothing is added: a disk is full soon."""
    monkeypatch.setattr(
        actions, "PER_DAY", 1 / 40
    )  # half a MB and a bit: two small files, as each counts at least so much
    for at in range(2):
        page = await send(as_ada, "/groups/papers/library/add", {"action": "look", "what": ""}, PDF + b"%d" % at)
        assert page.status == 200, page.words
    page = await send(as_ada, "/groups/papers/library/add", {"action": "look", "what": ""}, PDF + b"3")
    assert page.status == 422
    assert "more than you may add within a day" in page.words
    assert campus.read(lambda tx: library.file(tx, hashlib.sha256(PDF + b"3").hexdigest())) is None


async def test_what_is_no_pdf_or_picture_is_refused_in_words(as_ada: Browser, group: Actor) -> None:
    for body in (b"<svg onload=alert(1)>", b"<html>", b"PK\x03\x04", b"GIF89a" + b"\x00" * 50):
        refused = await send(as_ada, "/groups/papers/library/add", {"action": "look", "what": "mine"}, body)
        assert refused.status == 422, body
        assert "mine" in refused.text


def _delete(tx: Tx, site: Site, post_id: int, by: Actor) -> None:
    post = post_rows.by_id(tx, post_id)
    assert post is not None
    post_actions.delete(tx, site, post, by)


async def test_a_file_goes_with_the_last_post_that_has_it(
    as_ada: Browser, group: Actor, resolver: Resolver, campus: Campus, ada: Actor
) -> None:
    other = campus.group("others", ada)
    posts = []
    for name in ("papers", "others"):
        checked = await send(as_ada, f"/groups/{name}/library/add", {"action": "look", "what": BIB}, PDF)
        page = await as_ada.post(f"/groups/{name}/library/add", fields_of(checked) | {"action": "add"})
        posts.append(int(next(one for one in page.links if one.startswith("/library/files/")).rpartition("/")[2]))
    digest = hashlib.sha256(PDF).hexdigest()
    kept = campus.site.config.data / "library" / digest[:2] / digest
    for at, post_id in enumerate(posts):
        assert kept.exists()
        campus.write(partial(_delete, site=campus.site, post_id=post_id, by=ada))
        campus.write(lambda tx: tx.execute(update(job_table).values(due_at=0)))
        while await loop.step(campus.site):
            pass
        assert kept.exists() == (at == 0)
    assert campus.read(lambda tx: library.listed(tx, other.id, post_rows.posts.c.id > 0, 10)) == []


async def _days_later(campus: Campus) -> None:
    """What is done each day is done, and what follows of it."""
    campus.site.clock.pass_(days=2)  # type: ignore[attr-defined]  # the clock of tests
    await schedule.run_due(campus.site)
    for _turn in range(3):
        campus.write(lambda tx: tx.execute(update(job_table).values(due_at=0)))
        await loop.step(campus.site)


async def test_what_posts_had_that_went_without_a_word_goes(
    as_ada: Browser, group: Actor, resolver: Resolver, campus: Campus
) -> None:
    checked = await send(as_ada, "/groups/papers/library/add", {"action": "look", "what": BIB}, PDF)
    await as_ada.post("/groups/papers/library/add", fields_of(checked) | {"action": "add"})
    digest = hashlib.sha256(PDF).hexdigest()
    kept = campus.site.config.data / "library" / digest[:2] / digest
    assert kept.exists()
    campus.write(lambda tx: tx.execute(post_rows.posts.delete()))  # as a purge of a peer does
    await _days_later(campus)
    assert not kept.exists()
    assert campus.read(lambda tx: library.items_after(tx, 0, 10)) == []


async def test_items_stand_on_shelves(as_ada: Browser, group: Actor, resolver: Resolver) -> None:
    page = await add(as_ada, BIB)
    path = re.search(r"/groups/papers/library/\d+", page.text)
    assert path is not None
    page = await as_ada.post(f"{path[0]}/shelve", {"name": "Motivation"})
    shelf = re.search(r"\?shelf=(\d+)", page.text)
    assert shelf is not None
    assert "Pasted" in (await as_ada.get(f"/groups/papers/library?shelf={shelf[1]}")).words
    page = await as_ada.post(f"{path[0]}/shelve", {"take": shelf[1]})
    assert "Nothing stands here yet" in (await as_ada.get(f"/groups/papers/library?shelf={shelf[1]}")).words
    assert "Pasted" in (await as_ada.get("/groups/papers/library")).words
    page = await as_ada.post("/groups/papers/library/shelves/remove", {"shelf": shelf[1]})
    assert "Motivation" not in page.words


async def test_words_find_items_and_pages_are_wellformed(as_ada: Browser, group: Actor, resolver: Resolver) -> None:
    await add(as_ada, DOI)
    await add(as_ada, BIB)
    found = await as_ada.get("/groups/papers/library?q=gamif%20hanus")
    assert "1 found." in found.words
    assert "Assessing gamification" in found.words
    assert "Pasted" not in found.words
    both = BIB + BIB.replace("Pasted", "Second").replace("182", "183")
    several = await as_ada.post("/groups/papers/library/add", {"what": both, "action": "look"})
    assert "Which of these?" in several.words
    second = await as_ada.post("/groups/papers/library/add", {"what": both, "action": "look", "pick": "1"})
    assert "Second" in second.text
    for page in (
        found,
        several,
        second,
        await as_ada.get("/groups/papers/library/add"),
        await as_ada.get("/groups/papers/library"),
    ):
        outline = Outline(page.text)
        labelled = {one.get("for") for one in outline.of("label")}
        for one in outline.of("input", "select", "textarea"):
            assert one.get("type") == "hidden" or one.get("id") in labelled, one
        assert not [one for one in outline.of("p", "div", "span") if one.get("style")]


async def test_nonsense_is_refused_in_words(as_ada: Browser, group: Actor, resolver: Resolver) -> None:
    for what in ("hello", "[" * 5000, "@article{", "10.1000"):
        refused = await as_ada.post("/groups/papers/library/add", {"what": what, "action": "look"})
        assert refused.status == 422
        assert "typing mistake" in refused.words
    assert resolver.asked == []


async def test_a_solved_question_stands_among_answered_ones(
    as_ada: Browser, campus: Campus, ada: Actor, group: Actor
) -> None:
    asked = campus.post(ada, "@papers How large is a test set?", question=True)
    answer = campus.post(ada, "A third.", reply_to_id=asked.id)
    assert "How large" not in (await as_ada.get("/groups/papers/library?view=answered")).words
    campus.write(lambda tx: questions.accept(tx, campus.site, ada, answer))
    assert "How large" in (await as_ada.get("/groups/papers/library?view=answered")).words


async def test_a_retracted_work_is_said_to_be(
    as_ada: Browser, group: Actor, resolver: Resolver, campus: Campus
) -> None:
    page = await add(as_ada, DOI)
    path = re.search(r"/groups/papers/library/\d+", page.text)
    assert path is not None
    assert "retracted" not in page.words.lower()
    resolver.answer = CSL | {"updated-by": [{"type": "retraction"}]}
    campus.site.clock.pass_(days=31)  # type: ignore[attr-defined]  # the clock of tests
    await schedule.run_due(campus.site)
    for _turn in range(3):
        campus.write(lambda tx: tx.execute(update(job_table).values(due_at=0)))
        await loop.step(campus.site)
    assert len(resolver.asked) == 2
    await as_ada.log_in("ada")
    assert "This work was retracted" in (await as_ada.get(path[0])).words


async def test_a_thread_that_names_a_paper_shows_it(
    as_ada: Browser, campus: Campus, ada: Actor, resolver: Resolver
) -> None:
    campus.group("open", ada)
    post = campus.post(ada, f"@open Have you read doi:{DOI}?")
    campus.write(lambda tx: tx.execute(update(job_table).values(due_at=0)))
    await loop.step(campus.site)
    page = await as_ada.get(f"/people/ada/posts/{post.id}")
    assert "Assessing gamification" in page.words
    bib = await as_ada.get(next(link for link in page.links if link.endswith("thread.bib")))
    assert bibtex.read(bib.text)[0].doi == DOI
    plain = campus.post(ada, "@open Nothing to cite here")
    assert "thread.bib" not in (await as_ada.get(f"/people/ada/posts/{plain.id}")).text
