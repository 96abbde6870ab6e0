"""What people read: front, groups, people, threads; in order, within a round trip, and only what they may see."""

import base64
import hashlib
import re

import pytest

from fedi.actions import blocks, moderation, mutes, posts
from fedi.html import STYLE_PATH, WIRE
from fedi.text import sanitise, to_text
from fedi.web.posts import part_of
from storage import actors, memberships, peers
from storage.actors import Actor
from storage.memberships import Membership
from tests.fedi.web.conftest import Browser, Campus, Outline

LANDMARKS = ("header", "main", "footer", "nav")


async def test_every_page_is_well_formed_with_landmarks_and_one_heading(
    campus: Campus, as_ada: Browser, ada: Actor
) -> None:
    group = campus.group("mlops", ada)
    post = campus.post(ada, "@mlops How do you log runs?\n\nOn a closed cluster.")
    campus.post(ada, "hello", summary="a warning")
    nobody = campus.browser()
    for browser in (nobody, as_ada):
        for path in (
            "/",
            "/groups",
            "/groups/mlops",
            "/people/ada",
            f"/people/ada/posts/{post.id}",
            "/about",
            "/join",
            "/login",
            "/home",
            "/notifications",
            "/tags/x",
            "/nowhere",
            "/search?q=mlops",
            "/search",
            "/settings",
        ):
            page = await browser.get(path)
            assert page.status == (404 if path == "/nowhere" else 200), path
            outline = Outline(page.text)
            assert len(outline.of("h1")) == 1, path
            assert outline.of("html") == [{"lang": "en"}]
            for landmark in LANDMARKS:
                assert outline.of(landmark), (path, landmark)
            for script in outline.of("script"):
                assert str(script["src"]).startswith("/static/"), (path, script)
            assert "<title>" in page.text
            labelled = {one["for"] for one in outline.of("label")}
            for control in outline.of("input", "textarea", "select"):
                assert control.get("type") == "hidden" or control["id"] in labelled, (path, control)
    assert group.name in (await nobody.get("/groups")).words


async def test_headers_shut_the_page_in(browser: Browser) -> None:
    page = await browser.get("/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "script-src" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["content-type"] == "text/html; charset=utf-8"


async def test_scripts_are_ours_alone_and_ask_nobody_else(campus: Campus, as_ada: Browser) -> None:
    """Pages of who is logged in, and of who logs in with a passkey, have a script; no page runs what stands in it."""
    for page in (await as_ada.get("/home"), await campus.browser().get("/login")):
        policy = dict(one.strip().partition(" ")[::2] for one in page.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        for name in ("script-src", "connect-src", "worker-src", "manifest-src"):
            assert policy[name] == "'self'", page.path
        assert "unsafe" not in page.headers["content-security-policy"]


async def test_log_in_may_lead_on_to_an_app(browser: Browser) -> None:
    """A form-action would stop the redirect to the app after /login and /oauth/authorize without a word."""
    page = await browser.get("/login?next=/oauth/authorize%3Fclient_id%3Dx")
    assert "form-action" not in page.headers["content-security-policy"]


async def test_style_sheet_is_ours_and_kept(browser: Browser) -> None:
    """The first page has it within, so that it is there after one round trip; pages of who has it only name it."""
    first = await browser.get("/about")
    [text] = re.findall(r"<style>(.*?)</style>", first.text, re.DOTALL)
    hashed = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    assert f"style-src 'self' 'sha256-{hashed}'" in first.headers["content-security-policy"]
    # At the end, for paper: browsers fetch such a sheet when everything else is there.
    assert f'<link rel="stylesheet" href="{STYLE_PATH}" media="print">' in first.text
    style = await browser.get(STYLE_PATH)
    assert style.headers["content-type"].startswith("text/css")
    assert "immutable" in style.headers["cache-control"]
    assert style.text == text
    later = await browser.get("/about")
    assert "<style>" not in later.text
    assert f'<link rel="stylesheet" href="{STYLE_PATH}">' in later.text
    browser.cookies["style"] = "another"  # as it was before an update
    assert "<style>" in (await browser.get("/about")).text


async def test_unchanged_page_is_not_sent_again(browser: Browser) -> None:
    page = await browser.get("/about")
    again = await browser.get("/about", if_none_match=page.headers["etag"])
    assert again.status == 304
    assert again.text == ""


async def test_front_shows_groups_and_public_posts(campus: Campus, browser: Browser, ada: Actor) -> None:
    campus.group("mlops", ada, title="Machine learning in practice")
    campus.group("secret", ada, title="Not for all", see="members")
    campus.post(ada, "for everyone")
    campus.post(ada, "for my followers", visibility="followers")
    page = await browser.get("/")
    assert "Alpha University" in page.words
    assert "Machine learning in practice" in page.words
    assert "Not for all" not in page.words
    assert "for everyone" in page.words
    assert "for my followers" not in page.words


async def test_who_is_logged_in_goes_home(as_ada: Browser) -> None:
    assert (await as_ada.get("/", follow=False)).headers["location"] == "/home"


async def test_group_threads_last_active_first(campus: Campus, browser: Browser, ada: Actor, bruno: Actor) -> None:
    group = campus.group("mlops", ada)
    campus.follow(bruno, group)
    old = campus.post(ada, "@mlops First thread\n\nwith a text")
    campus.post(bruno, "@mlops Second thread\n\nwith a text")
    page = await browser.get("/groups/mlops")
    assert page.words.index("Second thread") < page.words.index("First thread")
    campus.post(bruno, "@ada an answer", reply_to_id=old.id)
    page = await browser.get("/groups/mlops")
    assert page.words.index("First thread") < page.words.index("Second thread")
    assert "1 reply" in page.words
    assert "an answer" not in page.words


async def test_group_pages_hold_each_thread_once(campus: Campus, browser: Browser, ada: Actor) -> None:
    campus.group("mlops", ada)
    made = [campus.post(ada, f"@mlops Thread {number:02}") for number in range(45)]
    for number in (3, 30):
        campus.post(ada, "bump", reply_to_id=made[number].id)
    seen: list[str] = []
    path: str | None = "/groups/mlops"
    while path is not None:
        page = await browser.get(path)
        seen += [link for link in page.links if "/posts/" in link]
        path = next((link for link in page.links if "before=" in link), None)
    threads = list(dict.fromkeys(seen))
    assert len(threads) == 45
    assert threads[0].endswith(str(made[30].id))
    assert threads[1].endswith(str(made[3].id))
    assert threads[-1].endswith(str(made[0].id))


async def test_members_only_group_shows_how_to_join_and_nothing_else(
    campus: Campus, browser: Browser, as_ada: Browser, ada: Actor, bruno: Actor
) -> None:
    group = campus.group("review", bruno, title="Review board", see="members", join_mode="approval")
    post = campus.post(bruno, "@review Case 17 is hard")
    for looking in (browser, as_ada):
        page = await looking.get("/groups/review")
        assert page.status == 200
        assert "Review board" in page.words
        assert "moderators let members in" in page.words
        assert "Case 17" not in page.words
        assert "Bruno" not in page.words
        hidden = await looking.get(f"/people/bruno/posts/{post.id}")
        missing = await looking.get("/people/bruno/posts/123")
        assert hidden.status == missing.status == 404
        assert hidden.words == missing.words
        assert "Case 17" not in (await looking.get("/people/bruno")).words
        assert "Case 17" not in (await looking.get("/tags/x")).words
    campus.write(lambda tx: memberships.save(tx, Membership(group.id, ada.id, "member", "accepted", 1)))
    assert "Case 17" in (await as_ada.get("/groups/review")).words
    assert (await as_ada.get(f"/people/bruno/posts/{post.id}")).status == 200


async def test_person(campus: Campus, browser: Browser, ada: Actor) -> None:
    campus.post(ada, "older post")
    campus.post(ada, "newer post")
    page = await browser.get("/people/ada")
    assert "Ada Okafor" in page.words
    assert "@ada@alpha.example" in page.words
    assert "Student, as alpha.example confirms" in page.words
    assert page.words.index("newer post") < page.words.index("older post")


async def test_names_lead_to_one_address(campus: Campus, browser: Browser, ada: Actor) -> None:
    campus.group("mlops", ada)
    for path, to in (
        ("/@ada", "/people/ada"),
        ("/@mlops", "/groups/mlops"),
        ("/@ada@alpha.example", "/people/ada"),
        ("/people/Ada", "/people/ada"),
        ("/@MLOPS", "/groups/mlops"),
    ):
        assert (await browser.get(path, follow=False)).headers["location"] == to
    for path in (
        "/@nobody",
        "/people/mlops",
        "/groups/ada",
        "/people/actor",
        "/people/alpha.example",
        "/@zoe@south.example",
    ):
        assert (await browser.get(path)).status == 404


async def test_suspended_person_is_as_missing(campus: Campus, browser: Browser, ada: Actor) -> None:
    post = campus.post(ada, "hello")
    campus.write(lambda tx: actors.change(tx, ada.id, state="suspended"))
    missing = await browser.get("/people/nobody")
    page = await browser.get("/people/ada")
    assert (page.status, page.words) == (missing.status, missing.words)
    assert (await browser.get(f"/people/ada/posts/{post.id}")).status == 404


async def test_thread_in_reading_order(campus: Campus, browser: Browser, ada: Actor, bruno: Actor) -> None:
    first = campus.post(ada, "the question")
    one = campus.post(bruno, "answer one", reply_to_id=first.id)
    campus.post(bruno, "answer two", reply_to_id=first.id)
    below = campus.post(ada, "about one", reply_to_id=one.id)
    page = await browser.get(f"/people/ada/posts/{first.id}")
    places = [page.words.index(words) for words in ("the question", "answer one", "about one", "answer two")]
    assert places == sorted(places)
    page = await browser.get(f"/people/ada/posts/{below.id}")
    places = [page.words.index(words) for words in ("the question", "answer one")]
    assert places == sorted(places)
    assert "answer two" not in page.words


async def test_thread_goes_on(campus: Campus, browser: Browser, ada: Actor) -> None:
    first = campus.post(ada, "the question")
    for number in range(45):
        campus.post(ada, f"answer {number:02}.", reply_to_id=first.id)
    seen = ""
    path: str | None = f"/people/ada/posts/{first.id}"
    while path is not None:
        page = await browser.get(path)
        seen += page.words
        path = next((link for link in page.links if "before=" in link), None)
    assert all(seen.count(f"answer {number:02}.") == 1 for number in range(45))


async def test_post_has_one_address(campus: Campus, browser: Browser, ada: Actor, bruno: Actor) -> None:
    """Nobody's words appear under another's name."""
    post = campus.post(ada, "hello")
    wrong = await browser.get(f"/people/bruno/posts/{post.id}", follow=False)
    assert wrong.headers["location"] == f"/people/ada/posts/{post.id}"
    assert (await browser.get(f"/people/ada/posts/{2**63}")).status == 404
    assert (await browser.get(f"/people/ada/posts/{10**40}")).status == 404


async def test_title_of_a_thread_is_not_said_twice(campus: Campus, browser: Browser, ada: Actor) -> None:
    campus.group("mlops", ada)
    post = campus.post(ada, "@mlops How do you log runs?\n\nOn a closed cluster.")
    page = await browser.get(f"/people/ada/posts/{post.id}")
    assert page.words.count("How do you log runs?") == 1
    assert "On a closed cluster." in page.words
    other = campus.post(ada, "@mlops See https://x.example/#a first\n\nOn a closed cluster.")
    page = await browser.get(f"/people/ada/posts/{other.id}")
    assert "https://x.example/#a" in page.links


async def test_warning_hides_until_asked_without_script(campus: Campus, browser: Browser, ada: Actor) -> None:
    post = campus.post(ada, "the end of the film", summary="spoiler")
    page = await browser.get(f"/people/ada/posts/{post.id}")
    before, _, after = page.text.partition("<details>")
    assert "the end of the film" not in before.split("</title>")[1]
    assert "spoiler</summary>" in after


async def test_deleted_post_is_gone(campus: Campus, browser: Browser, ada: Actor) -> None:
    post = campus.post(ada, "hello")
    campus.write(lambda tx: posts.delete(tx, campus.site, post, ada))
    assert (await browser.get(f"/people/ada/posts/{post.id}")).status == 404


@pytest.mark.parametrize("encoding", ["gzip", ""])
async def test_no_page_over_fourteen_kilobytes(campus: Campus, as_ada: Browser, ada: Actor, encoding: str) -> None:
    """Text that hardly compresses, in the most bytes that a character takes, as much as the server accepts."""
    campus.group("mlops", ada, title="グ" * 100, description="説" * 1500)
    alphabet = [chr(0x4E00 + number) for number in range(20_000)]
    words = "".join(alphabet[(number * 7919 + number * number * 31) % 20_000] for number in range(4900))
    first = None
    for number in range(25):
        first = first or campus.post(ada, f"@mlops {number}{words[number:]}")
        campus.post(ada, f"@mlops {number}{words[number:]}")
        campus.post(ada, words[number:], reply_to_id=first.id)
    assert first is not None
    as_ada.headers["accept-encoding"] = encoding
    nobody = campus.browser()
    nobody.headers["accept-encoding"] = encoding
    for browser in (as_ada, nobody):
        for path in (
            "/",
            "/home",
            "/groups",
            "/groups/mlops",
            "/people/ada",
            f"/people/ada/posts/{first.id}",
            f"/people/ada/posts/{first.id}?from=2000",
            "/notifications",
            "/about",
            "/join",
            "/tags/x",
        ):
            page = await browser.get(path)
            assert page.status == 200
            assert page.wire <= WIRE, (path, page.wire)


async def test_long_text_can_be_read_to_its_end(campus: Campus, browser: Browser, ada: Actor) -> None:
    first = campus.post(ada, "short")
    paragraphs = "".join(f"<p>Paragraph {number}. {'word ' * 40}</p>" for number in range(300))
    zoe = campus.stranger()
    long = campus.from_afar(zoe, paragraphs, first)
    browser.headers["accept-encoding"] = ""
    seen = ""
    path: str | None = f"/@zoe@south.example/{long.id}"
    while path is not None:
        page = await browser.get(path)
        assert page.wire <= WIRE
        Outline(page.text)
        seen += page.words
        path = next((link for link in page.links if "from=" in link), None)
    assert all(f"Paragraph {number}." in seen for number in range(300))


def test_parts_of_a_text_are_whole_and_well_formed() -> None:
    content = sanitise(
        "".join(f'<p>{n} <b>bold &amp; <a href="https://x.example/{n}">link</a></b></p>' for n in range(99))
    )
    content += "<p>" + "&amp;" * 200 + f'<a href="https://x.example/{"y" * 500}">z</a>' + "long " * 100 + "</p>"
    for size in (60, 97, 250, 1000):
        start: int | None = 0
        text = ""
        while start is not None:
            part, start = part_of(content, start, size)
            Outline(part)
            assert len(part) < size + 700
            text += to_text(part) + " "
        assert text.replace(" ", "").replace("\n", "") == to_text(content).replace(" ", "").replace("\n", "")


async def test_remote_person_and_their_post(campus: Campus, browser: Browser, ada: Actor) -> None:
    first = campus.post(ada, "the question")
    zoe = campus.stranger()
    answer = campus.from_afar(zoe, "<p>an answer from afar</p>", first)
    page = await browser.get(f"/people/ada/posts/{first.id}")
    assert "an answer from afar" in page.words
    assert f"/@zoe@south.example/{answer.id}" in page.links
    page = await browser.get(f"/@zoe@south.example/{answer.id}")
    assert "an answer from afar" in page.words
    assert answer.url in page.links
    assert 'content="noindex"' in page.text
    assert zoe.url in (await browser.get("/@zoe@south.example")).links
    campus.write(lambda tx: peers.meet(tx, "south.example", 1))
    campus.write(lambda tx: peers.change(tx, "south.example", stance="blocked"))
    assert (await browser.get("/@zoe@south.example")).status == 404
    assert (await browser.get(f"/@zoe@south.example/{answer.id}")).status == 404


HOSTILE = (
    "</article></main></body></html><h1>x</h1>",
    "<b>never closed <i>",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</div>" * 20,
    '"><script>alert(1)</script>',
    "{{ 7 * 7 }}{% raw %}",
    "\u202eturned",
    "<!-- <p>",
    "<textarea><details>",
)


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_hostile_content_breaks_no_page(campus: Campus, as_ada: Browser, ada: Actor, hostile: str) -> None:
    """Whatever a peer gets into a name, a field or a text: the page stays well-formed and nothing in it runs."""
    first = campus.post(ada, hostile.replace("\u202e", "x"), title=hostile[:100])
    zoe = campus.stranger(
        name=hostile,
        summary=hostile,
        url="javascript:alert(1)",
        icon='https://x.example/"onerror="alert(1)',
        fields=[{"name": hostile, "value": hostile}, {"name": "cut", "value": '<a href="https://x'}],
    )
    answer = campus.from_afar(
        zoe,
        hostile,
        first,
        title=hostile,
        summary=hostile,
        language='en"><script>',
        link="javascript:alert(1)",
        url="javascript:alert(1)",
        attachments=[
            {"url": "javascript:alert(1)", "media_type": "image/png", "description": hostile},
            {"url": 'https://x.example/"onload="alert(1)', "media_type": "image/png", "description": hostile},
            {"url": "https://x.example/f.pdf", "media_type": hostile, "description": None},
        ],
    )
    for path in (
        f"/people/ada/posts/{first.id}",
        "/@zoe@south.example",
        f"/@zoe@south.example/{answer.id}",
        "/home",
        "/",
    ):
        page = await as_ada.get(path)
        assert page.status == 200
        outline = Outline(page.text)
        assert not outline.of("iframe", "object", "svg", "base")
        assert all(str(one.get("src")).startswith("/static/") for one in outline.of("script"))
        assert len(outline.of("style")) == page.text.partition("</head>")[0].count("<style>") <= 1  # ours alone
        for _, attributes in outline.elements:
            assert not any(name.startswith("on") for name in attributes)
            assert not any(str(value).lower().startswith("javascript:") for value in attributes.values())
        assert len(outline.of("main")) == 1
        assert len(outline.of("h1")) == 1
        assert "\u202e" not in page.text.partition('<div class="text"')[0]


async def test_problem_as_a_page_or_as_json(browser: Browser) -> None:
    page = await browser.get("/people/nobody")
    assert page.status == 404
    assert "misspelt" in page.words
    page = await browser.get("/people/nobody", accept="application/json")
    assert page.headers["content-type"].startswith("application/problem+json")
    assert '"status":404' in page.text


async def test_cursor_of_nonsense_is_the_first_page(campus: Campus, browser: Browser, ada: Actor) -> None:
    campus.post(ada, "hello")
    for cursor in ("x", "-1", "9" * 30, "١٢", "1;2", ""):
        page = await browser.get(f"/people/ada?before={cursor}")
        assert page.status == 200
        assert "hello" in page.words


@pytest.mark.parametrize(
    "path",
    ["/cases/{}", "/appeals/{}", "/groups/mlops/library/{}", "/groups/mlops/library/{}.bib", "/library/files/{}"],
)
async def test_an_id_that_no_database_has_is_not_found(campus: Campus, ada: Actor, as_ada: Browser, path: str) -> None:
    campus.group("mlops", ada)
    assert (await as_ada.get(path.format(2**63))).status == 404


async def test_a_name_turns_nothing_around_it(campus: Campus, as_ada: Browser, bruno: Actor) -> None:
    """Neither by itself nor within a sentence or a label."""
    group = campus.group("mlops", bruno)
    campus.write(lambda tx: actors.change(tx, group.id, name="ML\u202eOps\u2067"))
    for path in ("/groups", "/groups/mlops", "/groups/mlops/about", "/compose?group=mlops"):
        page = await as_ada.get(path)
        assert "MLOps" in page.text, path
        assert "\u202e" not in page.text, path
        assert "\u2067" not in page.text, path


async def test_a_long_text_in_a_list_ends_between_words(campus: Campus, ada: Actor, browser: Browser) -> None:
    campus.group("mlops", ada)
    campus.post(ada, "Forecasts\n\n" + "windmill " * 80 + "@mlops")
    shown = (await browser.get("/groups/mlops")).words
    assert "windmill…" in shown


async def test_who_moved_says_where_to(campus: Campus, ada: Actor, as_ada: Browser, browser: Browser) -> None:
    new, left = campus.stranger("zoe2"), campus.stranger("zoe", name="Zoe")
    campus.write(lambda tx: actors.change(tx, left.id, moved_to=new.iri))
    for one in (browser, as_ada):
        page = await one.get("/@zoe@south.example")
        assert "Moved to" in page.words
        assert "@zoe2@south.example" in page.words
        assert ">Follow<" not in page.text
    group = campus.group("mlops", ada)
    assert "Moved to" not in (await browser.get("/groups/mlops")).words
    campus.write(lambda tx: actors.change(tx, group.id, moved_to=new.iri))
    assert "Moved to" in (await browser.get("/groups/mlops")).words


async def test_of_a_group_elsewhere_only_its_members_here_are_counted(
    campus: Campus, ada: Actor, browser: Browser
) -> None:
    campus.group("mlops", ada)
    far = campus.stranger("learning", kind="Group", followers="https://south.example/people/learning/followers")
    campus.write(lambda tx: actors.count(tx, far.id, followers=1))
    assert "1 member from here" in (await browser.get("/@learning@south.example")).words
    assert "1 member ·" in (await browser.get("/groups/mlops")).words


async def test_a_pinned_thread_counts_all_that_was_answered(campus: Campus, ada: Actor, browser: Browser) -> None:
    group = campus.group("mlops", ada)
    root = campus.post(ada, "@mlops " + "windmill " * 200, title="Long winters")
    first = campus.post(ada, "one", reply_to_id=root.id)
    campus.post(ada, "two", reply_to_id=first.id)
    assert "Long winters windmill" in (await browser.get("/groups/mlops")).words  # not whom it is for
    campus.write(lambda tx: moderation.pin(tx, campus.site, ada, group, root))
    shown = (await browser.get("/groups/mlops")).words
    assert "Pinned" in shown
    assert "2 replies" in shown


async def test_whom_one_blocks_or_mutes_is_on_no_list(
    campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor
) -> None:
    carl = campus.person("carl")
    group = campus.group("mlops", bruno)
    for one in (ada, carl):
        campus.follow(one, group)
    for one in (ada, bruno, carl):
        campus.post(one, f"@mlops a thread of {one.username} #topic")
    began = campus.post(ada, "@mlops begun")
    campus.post(bruno, "an answer of bruno", reply_to_id=began.id)
    site = campus.site
    campus.write(lambda tx: blocks.block(tx, site, ada, bruno))
    campus.write(lambda tx: mutes.mute(tx, site, ada, carl))
    for path in ("/groups/mlops", "/tags/topic", "/search?q=thread"):
        words = (await as_ada.get(path)).words
        assert "a thread of ada" in words, path
        assert "a thread of bruno" not in words, path
        assert "a thread of carl" not in words, path
        assert path.startswith("/search") or "a thread of bruno" in (await campus.browser().get(path)).words
    page = await as_ada.get(f"/people/ada/posts/{began.id}")
    assert page.status == 200
    assert "an answer of bruno" not in page.words
