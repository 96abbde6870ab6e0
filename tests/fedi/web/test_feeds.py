"""Feeds: Atom that readers understand, small and cheap to poll; what is private by an address of its own, which ends with its right."""

import re
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest

from fedi.actions import blocks, erasing, feed_tokens, people, posts
from fedi.errors import Invalid
from storage import feed_tokens as rows
from storage import memberships, mutes
from storage.actors import Actor
from storage.memberships import Membership
from storage.metadata import Tx
from storage.mutes import Mute
from tests.fedi.web.conftest import Browser, Campus, Outline, Page

ATOM, THR = "{http://www.w3.org/2005/Atom}", "{http://purl.org/syndication/thread/1.0}"


def read(page: Page) -> Element:
    """A feed, as a strict reader reads it (RFC 4287 section 4)."""
    assert page.status == 200
    assert page.headers["content-type"].startswith("application/atom+xml")
    assert page.wire <= 14_336
    feed = fromstring(page.text)
    assert feed.tag == f"{ATOM}feed"
    for element in (feed, *feed.iter(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):
            assert len(element.findall(f"{ATOM}{name}")) == 1, name
        updated = element.findtext(f"{ATOM}updated") or ""
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", updated)
    ids = [one.findtext(f"{ATOM}id") for one in feed.iter(f"{ATOM}entry")]
    assert len(set(ids)) == len(ids)
    assert feed.findtext(f"{ATOM}id") not in ids or feed.findtext(f"{ATOM}id", "").count("#") == 0
    return feed


def titles(page: Page) -> list[str]:
    """The titles of a feed's entries."""
    return [one.findtext(f"{ATOM}title") or "" for one in read(page).iter(f"{ATOM}entry")]


async def poll(campus: Campus, path: str, **headers: str) -> Page:
    """What a feed reader gets: it has no cookies and says what it takes."""
    browser = campus.browser()
    browser.headers = {"accept": "application/atom+xml, */*", "accept-encoding": "gzip", "user-agent": "Reader/1"}
    return await browser.get(path, follow=False, **headers)


async def made(browser: Browser, **fields: str) -> str:
    """The path of a new feed, made on the page."""
    page = await browser.post("/settings/feeds", fields)
    Outline(page.text)
    found = re.search(r'value="https://alpha\.example(/feeds/[\w-]+\.atom)"', page.text)
    assert found is not None, page.words
    return found[1]


async def test_a_public_group_and_its_threads_have_feeds(campus: Campus) -> None:
    ada, bruno = campus.actor("ada"), campus.actor("bruno")
    group = campus.group("chess", bruno, title="Chess & more")
    campus.follow(ada, group)
    opener = campus.post(
        bruno, "@chess Which <opening>?\n\n“Sicilian” & *others*", title="Which <opening>?", language="en"
    )
    answer = campus.post(ada, "The Sicilian", reply_to_id=opener.id)
    page = await poll(campus, "/groups/chess/feed.atom")
    feed = read(page)
    assert feed.findtext(f"{ATOM}id") == group.iri
    assert feed.findtext(f"{ATOM}title") == "Chess & more – Alpha University"
    second, first = feed.iter(f"{ATOM}entry")
    assert (first.findtext(f"{ATOM}id"), second.findtext(f"{ATOM}id")) == (
        opener.iri,
        answer.iri,
    )  # readers know them again
    assert first.findtext(f"{ATOM}title") == "Which <opening>?"
    assert first.findtext(f"{ATOM}author/{ATOM}name") == "Bruno Lindqvist"
    assert first.find(f"{THR}in-reply-to") is None
    above = second.find(f"{THR}in-reply-to")
    assert above is not None
    assert above.attrib["ref"] == opener.iri
    assert above.attrib["href"] == f"https://alpha.example/people/bruno/posts/{opener.id}"
    content = second.find(f"{ATOM}content")
    assert content is not None
    assert content.attrib["type"] == "html"
    assert "<p>The Sicilian</p>" in (content.text or "")
    # The thread, by whichever of its posts, and each page names its feed.
    for one in (opener, answer):
        thread = read(await poll(campus, f"/threads/{one.id}/feed.atom"))
        assert [entry.findtext(f"{ATOM}id") for entry in thread.iter(f"{ATOM}entry")] == [answer.iri, opener.iri]
    html = (await campus.browser().get("/groups/chess")).text
    assert '<link rel="alternate" type="application/atom+xml" href="/groups/chess/feed.atom">' in html
    html = (await campus.browser().get(f"/people/ada/posts/{answer.id}")).text
    assert f'<link rel="alternate" type="application/atom+xml" href="/threads/{opener.id}/feed.atom">' in html


async def test_polling_what_is_known_costs_little(campus: Campus) -> None:
    bruno = campus.actor("bruno")
    campus.group("chess", bruno)
    campus.post(bruno, "@chess One", title="One")
    first = await poll(campus, "/groups/chess/feed.atom")
    again = await poll(campus, "/groups/chess/feed.atom", if_none_match=first.headers["etag"])
    assert (again.status, again.text) == (304, "")
    assert len("HTTP/1.1 304 Not Modified\r\n\r\n") + again.wire < 300
    plain = await poll(
        campus, "/groups/chess/feed.atom", accept_encoding="identity", if_none_match=first.headers["etag"]
    )
    assert plain.status == 304  # the same feed, however it is packed
    campus.post(bruno, "@chess Two", title="Two")
    changed = await poll(campus, "/groups/chess/feed.atom", if_none_match=first.headers["etag"])
    assert titles(changed) == ["Two", "One"]


async def test_a_feed_stays_within_a_page_s_bytes(campus: Campus) -> None:
    bruno = campus.actor("bruno")
    campus.group("chess", bruno)
    for number in range(12):
        words = " ".join(f"{number}x{at:x}{at * 7919 % 65521:x}" for at in range(600))
        campus.post(bruno, f"@chess {words}"[:4900], title=f"Thread {number}")
    page = await poll(campus, "/groups/chess/feed.atom")
    assert titles(page)[0] == "Thread 11"
    assert len(titles(page)) >= 5


async def test_hostile_text_stays_text(campus: Campus) -> None:
    bruno = campus.actor("bruno")
    campus.group("chess", bruno)
    opener = campus.post(bruno, "@chess Hello", title="]]></title><script>")
    zoe = campus.stranger(name="Z\x0b\"'<b>&\ud800".encode("utf-8", "ignore").decode())
    campus.from_afar(
        zoe, "<p>x\x08\uffff<script>alert(1)</script><img src=x onerror=alert(1)>]]&gt;</p>", opener, title="\x1f&<"
    )
    campus.from_afar(zoe, "<p>The secret ending</p>", opener, summary="Spoilers")
    page = await poll(campus, "/groups/chess/feed.atom")
    assert titles(page)[-1] == "]]></title><script>"
    texts = [one.text or "" for one in read(page).iter(f"{ATOM}content")]
    assert not any("script" in one or "onerror" in one for one in texts)
    assert "secret ending" not in page.text  # a warning is a warning
    assert "Spoilers" in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


async def test_what_is_private_has_no_public_feed(campus: Campus) -> None:
    bruno = campus.actor("bruno")
    campus.group("cabal", bruno, see="members")
    campus.group("peers", bruno, see="peers")
    post = campus.post(bruno, "@cabal Secret", title="Secret")
    followers = campus.post(bruno, "For mine", visibility="followers")
    for path in ("/groups/cabal/feed.atom", "/groups/peers/feed.atom", "/groups/nothing/feed.atom",
                 f"/threads/{post.id}/feed.atom", f"/threads/{followers.id}/feed.atom", "/threads/12/feed.atom",
                 f"/threads/{2**63}/feed.atom", "/feeds/x.atom", f"/feeds/{'x' * 200}.atom"):  # fmt: skip
        assert (await poll(campus, path)).status == 404, path


@pytest.fixture
def cabal(campus: Campus) -> Actor:
    """A group for members, of Bruno and Ada, with a post."""
    ada, bruno = campus.actor("ada"), campus.actor("bruno")
    group = campus.group("cabal", bruno, see="members")
    campus.follow(ada, group)
    campus.post(bruno, "@cabal Secret", title="Secret")
    return group


async def test_an_address_is_for_one_group(campus: Campus, browser: Browser, cabal: Actor) -> None:
    other = campus.group("other", campus.actor("ada"), see="members")
    campus.post(campus.actor("ada"), "@other Elsewhere", title="Elsewhere")
    await browser.log_in("ada")
    path = await made(browser, kind="group", group=str(cabal.id))
    assert titles(await poll(campus, path)) == ["Secret"]
    assert (await poll(campus, path)).headers["cache-control"].startswith("private")
    again = await made(browser, kind="group", group=str(other.id))
    assert titles(await poll(campus, again)) == ["Elsewhere"]
    token = path.removeprefix("/feeds/").removesuffix(".atom")
    stored = campus.read(lambda tx: tx.exec_driver_sql("SELECT * FROM feed_tokens").all())
    assert token not in str(stored)  # only its hash is kept
    # It opens nothing else.
    for elsewhere in ("/home", "/groups/cabal/feed.atom", "/api/v1/timelines/home"):
        assert (await poll(campus, elsewhere, authorization=f"Bearer {token}")).status in (303, 401, 404)


async def test_it_is_listed_with_its_last_use_and_taken_back(campus: Campus, browser: Browser, cabal: Actor) -> None:
    await browser.log_in("ada")
    path = await made(browser, kind="group", group=str(cabal.id))
    page = await browser.get("/settings/feeds")
    assert "Group: Cabal never used" in page.words
    assert path not in page.text  # shown once
    await poll(campus, path)
    campus.site.clock.pass_(days=3)  # type: ignore[attr-defined]  # the tests' clock
    assert "used 3 d ago" in (await browser.get("/settings/feeds")).words
    (row,) = campus.read(lambda tx: rows.of_person(tx, campus.actor("ada").id, 9))
    bruno = campus.browser()
    await bruno.log_in("bruno")
    await bruno.post("/settings/feeds", {"revoke": str(row.id)})
    assert (await poll(campus, path)).status == 200  # not by somebody else
    page = await browser.post("/settings/feeds", {"revoke": str(row.id)})
    assert "works no more" in page.words
    assert "never used" not in page.words
    assert (await poll(campus, path)).status == 410


@pytest.mark.parametrize("how", ["removed", "banned", "suspended", "erased"])
async def test_who_is_put_out_gets_410_at_the_next_poll(
    campus: Campus, browser: Browser, cabal: Actor, how: str
) -> None:
    await browser.log_in("ada")
    ada = campus.actor("ada")
    thread = campus.read(lambda tx: tx.exec_driver_sql("SELECT id FROM posts WHERE title = 'Secret'").scalar())
    paths = [
        await made(browser, kind="group", group=str(cabal.id)),
        await made(browser, kind="thread", thread=str(thread)),
    ]
    first = [await poll(campus, path) for path in paths]
    assert [titles(page) for page in first] == [["Secret"], ["Secret"]]

    def put_out(tx: Tx) -> None:
        if how == "removed":
            memberships.remove(tx, cabal.id, ada.id)
        elif how == "banned":
            memberships.save(tx, Membership(cabal.id, ada.id, "member", "banned", campus.site.clock()))
        elif how == "suspended":
            people.suspend(tx, campus.site, ada)
        else:
            erasing.erase(tx, campus.site, ada)

    campus.write(put_out)
    for path, page in zip(paths, first, strict=True):
        gone = await poll(campus, path, if_none_match=page.headers["etag"])
        assert gone.status == 410
        assert "Secret" not in gone.text


async def test_a_banned_member_has_no_address_for_a_public_group_either(campus: Campus, browser: Browser) -> None:
    ada, group = campus.actor("ada"), campus.group("chess", campus.actor("bruno"))
    campus.follow(ada, group)
    await browser.log_in("ada")
    path = await made(browser, kind="group", group=str(group.id))
    assert (await poll(campus, path)).status == 200
    campus.write(lambda tx: memberships.save(tx, Membership(group.id, ada.id, "member", "banned", 1)))
    assert (await poll(campus, path)).status == 410


async def test_a_search_is_that_person_s(campus: Campus, browser: Browser, cabal: Actor) -> None:
    other = campus.group("closed", campus.actor("bruno"), see="members")
    campus.post(campus.actor("bruno"), "@closed Secret of others", title="Secret of others")
    await browser.log_in("ada")
    path = await made(browser, kind="search", words="  secret ")
    assert titles(await poll(campus, path)) == ["Secret"]
    assert other.id != cabal.id
    assert "Search: secret" in (await browser.get("/settings/feeds")).words


async def test_what_its_owner_does_not_want_to_read_or_may_not_is_left_out(campus: Campus, browser: Browser) -> None:
    ada, bruno = campus.actor("ada"), campus.actor("bruno")
    carl, dora = campus.person("carl"), campus.person("dora")
    group = campus.group("chess", bruno)
    for one in (ada, carl, dora):
        campus.follow(one, group)
    gone = campus.post(bruno, "@chess Gone", title="Gone")
    for one in (bruno, carl, dora):
        campus.post(one, f"@chess By {one.username}", title=f"By {one.username}")
    await browser.log_in("ada")
    path = await made(browser, kind="group", group=str(group.id))
    now = campus.site.clock()
    campus.write(lambda tx: mutes.save(tx, Mute(campus.site.new_id(), ada.id, carl.id, True, None, now)))
    campus.write(lambda tx: blocks.block(tx, campus.site, dora, ada))
    campus.write(lambda tx: posts.delete(tx, campus.site, gone, bruno))
    assert titles(await poll(campus, path)) == ["By bruno"]


async def test_what_can_t_be_made(
    campus: Campus, browser: Browser, cabal: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    await browser.log_in("ada")
    hidden = campus.group("closed", campus.actor("bruno"), see="members")
    wrong: list[dict[str, str]] = [
        {"kind": "group", "group": str(hidden.id)},
        {"kind": "group", "group": str(campus.actor("bruno").id)},
        {"kind": "group", "group": "9" * 30},
        {"kind": "thread", "thread": "1"},
        {"kind": "search", "words": " "},
        {"kind": "everything", "group": "1"},
        {},
    ]
    for fields in wrong:
        page = await browser.post("/settings/feeds", fields)
        assert page.status in (404, 422), fields
        assert 'role="alert"' in page.text
        assert "/feeds/" not in page.text.replace("/settings/feeds", "")
    monkeypatch.setattr(feed_tokens, "MOST", 1)
    await made(browser, kind="group", group=str(cabal.id))
    assert (await browser.post("/settings/feeds", {"kind": "search", "words": "x"})).status == 422
    ada = campus.actor("ada")
    with pytest.raises(Invalid):
        campus.write(lambda tx: feed_tokens.make(tx, campus.site, ada, "search", "x"))
    await browser.post("/settings/feeds", {"revoke": "all"})
    kept: list[Any] = campus.read(lambda tx: rows.of_person(tx, ada.id, 9))
    assert kept == []
