"""Moderation by forms: what moderators see and do, what members see of it, and that nobody else can."""

import re

import pytest

from fedi.actions import moderation
from storage import actors, groups, memberships, moderations, pins, posts, reports
from storage.actors import Actor
from storage.memberships import Membership
from storage.metadata import Tx
from storage.posts import Post
from tests.fedi.web.conftest import Browser, Campus, Outline, Page

GROUP = "/groups/mlops"
LOG = "/groups/mlops/moderation"


@pytest.fixture
def group(campus: Campus, ada: Actor, bruno: Actor) -> Actor:
    """A group that Ada moderates and Bruno is in."""
    made = campus.group("mlops", ada, title="Machine learning")
    campus.follow(bruno, made)
    return made


@pytest.fixture
def thread(campus: Campus, bruno: Actor, group: Actor) -> Post:
    """Bruno's thread there."""
    return campus.post(bruno, "@mlops Buy my course\n\nIt is cheap.")


@pytest.fixture
async def as_bruno(campus: Campus) -> Browser:
    """A browser with Bruno logged in."""
    made = campus.browser()
    await made.log_in("bruno")
    return made


def path_of(post: Post) -> str:
    """Its page."""
    return f"/people/bruno/posts/{post.id}"


def well_formed(page: Page) -> Outline:
    """The page's outline: every field has a label, no id twice."""
    outline = Outline(page.text)
    ids = [one["id"] for one in outline.of(*{name for name, _ in outline.elements}) if "id" in one]
    assert len(ids) == len(set(ids))
    labelled = {one["for"] for one in outline.of("label")}
    for field in outline.of("input", "textarea", "select"):
        assert field.get("type") == "hidden" or field.get("id") in labelled, field
    assert len(outline.of("h1")) == 1
    return outline


def fresh(campus: Campus, post: Post) -> Post:
    """The post as it is now."""
    found: Post | None = campus.read(lambda tx: posts.by_id(tx, post.id))
    assert found is not None
    return found


async def test_a_post_is_taken_out_and_brought_back(
    campus: Campus, as_ada: Browser, as_bruno: Browser, browser: Browser, thread: Post
) -> None:
    page = await as_ada.get(path_of(thread))
    well_formed(page)
    assert "Take it out of the group" in page.words
    sent = {"do": "remove", "post": str(thread.id), "reason": "Advertising", "next": path_of(thread)}
    page = await as_ada.post("/moderate", sent)
    well_formed(page)
    assert page.status == 200
    assert "Taken out of Machine learning" in page.words
    assert "Advertising" in page.words
    assert "It is cheap" in page.words
    assert (await browser.get(path_of(thread))).status == 404
    own = await as_bruno.get(path_of(thread))
    well_formed(own)
    assert "nobody but them and you sees it. The reason given: Advertising" in own.words
    assert "It is cheap" in own.words
    assert "Bring it back" not in own.words
    assert "Ban" not in own.words
    for other in (as_bruno, browser):
        assert "cheap" not in (await other.get(GROUP)).words
    news = (await as_bruno.get("/notifications")).words
    assert "Your post was taken out of Machine learning. Advertising" in news
    # Members see what was done and why, not what the post said.
    log = await as_bruno.get(LOG)
    assert "Ada Okafor took a post out by Bruno Lindqvist" in log.words
    assert "Advertising" in log.words
    assert "cheap" not in log.words
    assert 'value="restore"' not in log.text
    log = await as_ada.get(LOG)
    well_formed(log)
    assert 'name="do" value="restore"' in log.text
    page = await as_ada.post("/moderate", {"do": "restore", "post": str(thread.id), "next": path_of(thread)})
    assert "It is cheap" in page.words
    assert (await browser.get(path_of(thread))).status == 200
    assert "taken back" in (await as_bruno.get(LOG)).words


async def test_a_locked_thread_says_so_to_everyone(
    campus: Campus, as_ada: Browser, as_bruno: Browser, browser: Browser, thread: Post
) -> None:
    reply = campus.post(campus.actor("ada"), "no", reply_to_id=thread.id)
    await as_ada.post("/moderate", {"do": "lock", "post": str(thread.id), "reason": "Heated", "next": path_of(thread)})
    for path in (path_of(thread), f"/people/ada/posts/{reply.id}"):
        for other in (as_bruno, browser):
            page = await other.get(path)
            assert "This thread is locked: only moderators can answer in it." in page.words
            assert '<textarea id="text"' not in page.text
    assert "Locked" in (await browser.get(GROUP)).words
    assert '<textarea id="text"' in (await as_ada.get(path_of(thread))).text
    refused = await as_bruno.post("/compose", {"text": "but", "reply_to": str(thread.id)})
    assert refused.status == 403
    assert "This thread is locked" in refused.words
    assert "but" in refused.text
    await as_ada.post("/moderate", {"do": "unlock", "post": str(thread.id)})
    assert "This thread is locked" not in (await as_bruno.get(path_of(thread))).words


async def test_pinned_threads_stand_first(campus: Campus, as_ada: Browser, browser: Browser, thread: Post) -> None:
    for number in range(25):
        campus.post(campus.actor("ada"), f"@mlops thread {number}")
    await as_ada.post("/moderate", {"do": "pin", "post": str(thread.id), "next": path_of(thread)})
    page = await browser.get(GROUP)
    titles = re.findall(r"<h3[^>]*><a[^>]*>([^<]*)</a>", page.text)
    assert titles[0] == "Buy my course"
    assert titles.count("Buy my course") == 1
    assert "Pinned" in page.words
    assert "Pinned" in (await browser.get(path_of(thread))).words
    # It stands above the first page alone; of all others none is lost.
    seen, path = [], GROUP
    while path:
        page = await browser.get(path)
        seen += re.findall(r"<h3[^>]*><a[^>]*>(thread \d+)</a>", page.text)
        path = next((link for link in page.links if "before=" in link), "")
    assert len(seen) == len(set(seen)) == 25
    await as_ada.post("/moderate", {"do": "unpin", "post": str(thread.id)})
    assert campus.read(lambda tx: pins.of(tx, campus.actor("mlops").id)) == []


async def test_a_warning_is_between_two(campus: Campus, as_ada: Browser, as_bruno: Browser, thread: Post) -> None:
    chi = campus.person("chi")
    campus.follow(chi, campus.actor("mlops"))
    await as_ada.post("/moderate", {"do": "warn", "post": str(thread.id), "reason": "Mind your words"})
    assert "A moderator of Machine learning: Mind your words" in (await as_bruno.get("/notifications")).words
    as_chi = campus.browser()
    await as_chi.log_in("chi")
    assert "Mind your words" not in (await as_chi.get(LOG)).words
    assert "warned" in (await as_ada.get(LOG)).words
    answer = await as_ada.post("/moderate", {"do": "warn", "post": str(thread.id), "reason": " "})
    assert answer.status == 422


async def test_ban_and_let_back(
    campus: Campus, as_ada: Browser, as_bruno: Browser, browser: Browser, bruno: Actor, group: Actor, thread: Post
) -> None:
    sent = {
        "do": "ban", "post": str(thread.id), "reason": "Ads & more", "until": "2026-12-31", "with_posts": "1", "next": LOG,
    }  # fmt: skip
    page = await as_ada.post("/moderate", sent)
    well_formed(page)
    assert "banned Bruno Lindqvist until 31 December 2026" in page.words
    membership: Membership = campus.read(lambda tx: memberships.find(tx, group.id, bruno.id))
    # To the end of that day.
    assert (membership.state, membership.until) == ("banned", 1_798_761_599_999)
    assert (await browser.get(path_of(thread))).status == 404
    page = await as_bruno.get(GROUP)
    assert "You are banned from Machine learning until" in page.words
    assert "Ads &amp; more" in page.text
    assert "Join the group" not in page.words
    assert (await as_bruno.get(LOG)).status == 403
    await as_ada.post("/moderate", {"do": "unban", "group": str(group.id), "actor": str(bruno.id)})
    assert "Join the group" in (await as_bruno.get(GROUP)).words


async def test_moderators_are_made_and_dismissed(
    campus: Campus, as_ada: Browser, bruno: Actor, group: Actor, thread: Post
) -> None:
    sent = {"group": str(group.id), "actor": str(bruno.id), "next": LOG}
    page = await as_ada.post("/moderate", {"do": "appoint", **sent})
    assert "made a moderator of Bruno Lindqvist" in page.words
    assert campus.read(lambda tx: memberships.find(tx, group.id, bruno.id)).role == "moderator"
    page = await as_ada.post("/moderate", {"do": "dismiss", **sent})
    assert campus.read(lambda tx: memberships.find(tx, group.id, bruno.id)).role == "member"
    well_formed(page)


ACTS = ("remove", "restore", "lock", "unlock", "pin", "unpin", "warn", "ban", "unban", "appoint", "dismiss")


async def test_only_moderators_moderate(
    campus: Campus, as_bruno: Browser, browser: Browser, ada: Actor, group: Actor
) -> None:
    post = campus.post(ada, "@mlops hello")
    before = fresh(campus, post)
    path = f"/people/ada/posts/{post.id}"
    assert "/moderate" not in (await as_bruno.get(path)).text
    for verb in ACTS:
        sent = {"do": verb, "post": str(post.id), "reason": "x"}
        assert (await as_bruno.post("/moderate", sent)).status == 403, verb
        assert (await browser.post("/moderate", sent, follow=False)).headers["location"].startswith("/login")
    for verb in ("ban", "unban", "appoint", "dismiss"):
        sent = {"do": verb, "group": str(group.id), "actor": str(ada.id)}
        assert (await as_bruno.post("/moderate", sent)).status == 403, verb
    assert fresh(campus, post) == before
    assert campus.read(lambda tx: moderations.of_group(tx, group.id, 10)) == []
    for path in ("/groups/mlops/settings", "/reports"):
        assert (await as_bruno.get(path)).status == 403
    assert (await as_bruno.post("/groups/mlops/settings", {"title": "Mine"})).status == 403
    assert (await as_bruno.post("/groups/mlops/delete", {"confirm": "mlops"})).status == 403
    assert campus.actor("mlops").state == "active"


async def test_forms_of_other_sites_do_nothing(campus: Campus, as_ada: Browser, group: Actor, thread: Post) -> None:
    before = fresh(campus, thread)
    foreign = {"sec-fetch-site": "cross-site"}
    for path, sent in (
        ("/moderate", {"do": "remove", "post": str(thread.id)}),
        ("/report", {"post": str(thread.id)}),
        ("/resolve", {"id": "5"}),
        ("/groups/mlops/settings", {"title": "x"}),
        ("/groups/mlops/delete", {"confirm": "mlops"}),
    ):
        assert (await as_ada.post(path, sent, foreign)).status == 403, path
    assert fresh(campus, thread) == before
    assert campus.actor("mlops").name == "Machine learning"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({}, 404),
        ({"do": "remove"}, 404),
        ({"do": "remove", "post": "12"}, 404),
        ({"do": "remove", "post": "9" * 30}, 404),
        ({"do": "explode", "post": "POST"}, 400),
        ({"do": "ban", "post": "POST", "until": "tomorrow"}, 422),
        ({"do": "ban", "post": "POST", "until": "1999-01-01"}, 422),
        ({"do": "appoint", "group": "GROUP", "actor": "12"}, 404),
        ({"do": "appoint", "group": "POST", "actor": "12"}, 404),
        ({"do": "unlock", "post": "POST"}, 422),
        ({"do": "restore", "post": "POST"}, 422),
    ],
)
async def test_what_cant_be_done_is_said(
    campus: Campus, as_ada: Browser, group: Actor, thread: Post, sent: dict[str, str], status: int
) -> None:
    named = {"POST": str(thread.id), "GROUP": str(group.id)}
    before = fresh(campus, thread)
    page = await as_ada.post("/moderate", {name: named.get(value, value) for name, value in sent.items()})
    assert page.status == status
    assert fresh(campus, thread) == before


async def test_what_one_may_not_see_is_not_found(campus: Campus, as_bruno: Browser, ada: Actor) -> None:
    """A member of another group learns nothing of a closed one: not even that there is a post to moderate."""
    group = campus.group("board", ada, see="members")
    post = campus.post(ada, "@board agenda")
    for sent in ({"do": "remove", "post": str(post.id)}, {"do": "ban", "post": str(post.id)}):
        assert (await as_bruno.post("/moderate", sent)).status == 404
    assert (await as_bruno.post("/report", {"post": str(post.id), "text": "x"})).status == 404
    assert (await as_bruno.get("/groups/board/moderation")).status == 404
    campus.write(lambda tx: moderation.remove(tx, campus.site, ada, post, ""))
    assert (await as_bruno.post("/moderate", {"do": "restore", "post": str(post.id)})).status == 404
    assert (await as_bruno.get(f"/people/ada/posts/{post.id}")).status == 404
    assert campus.read(lambda tx: moderations.standing(tx, "remove", group_id=group.id)) is not None


async def test_a_report_is_seen_and_settled(
    campus: Campus, as_ada: Browser, as_bruno: Browser, ada: Actor, group: Actor, thread: Post
) -> None:
    campus.person("chi", name="Chi Reporter")
    as_chi = campus.browser()
    await as_chi.log_in("chi")
    page = await as_chi.get(path_of(thread))
    assert "Report this post" in page.words
    assert "Report this post" not in (await as_bruno.get(path_of(thread))).words
    sent = {"post": str(thread.id), "text": "<b>Look", "category": "spam", "next": path_of(thread)}
    page = await as_chi.post("/report", sent)
    assert "Thank you" in page.words
    assert path_of(thread) in page.links
    assert "Moderation 1" in (await as_ada.get(GROUP)).words
    [path] = {link for link in (await as_ada.get("/notifications")).links if link.startswith("/cases/")}
    page = await as_ada.get(LOG)
    well_formed(page)
    assert path in page.links
    page = await as_ada.get(path)
    well_formed(page)
    assert "<b>Look" in page.words
    assert "It is cheap" in page.words
    assert path_of(thread) in page.links
    # Only who decides sees it.
    for other in (as_bruno, as_chi):
        assert "Moderation 1" not in (await other.get(GROUP)).words
        assert (await other.get(path)).status == 404
        assert (await other.post(path, {"do": "nothing"})).status == 404
    assert "Look" not in (await as_bruno.get(LOG)).words
    found = campus.read(lambda tx: reports.listed(tx, 5))
    assert [one.category for one in found] == ["spam"]
    for other in (as_bruno, as_chi):
        assert (await other.post("/resolve", {"id": str(found[0].id)})).status == 404
    page = await as_ada.post("/resolve", {"id": str(found[0].id), "next": LOG})
    assert "No report waits" in page.words
    assert campus.read(lambda tx: reports.by_id(tx, found[0].id)).resolved_by_id == ada.id


async def test_reports_of_no_group_go_to_the_staff(campus: Campus, as_ada: Browser, bruno: Actor) -> None:
    campus.person("rita", role="admin")
    post = campus.post(bruno, "rude words")
    await as_ada.post("/report", {"post": str(post.id), "text": "rude"})
    as_rita = campus.browser()
    await as_rita.log_in("rita")
    page = await as_rita.get("/reports")
    well_formed(page)
    assert "rude words" in page.words
    [path] = {link for link in (await as_rita.get("/notifications")).links if link.startswith("/cases/")}
    assert path in page.links
    assert "rude words" in (await as_rita.get(path)).words


async def test_a_group_is_changed(campus: Campus, as_ada: Browser, group: Actor) -> None:
    page = await as_ada.get("/groups/mlops/settings")
    well_formed(page)
    sent = {
        "title": "ML & more", "description": "What we\r\nrun", "rules": "Be kind\r\n\r\n<b>No ads", "join": "approval",
        "post": "moderators",
    }  # fmt: skip
    page = await as_ada.post("/groups/mlops/settings", sent)
    assert page.status == 200
    assert "ML & more" in page.words
    assert "<b>No ads" in (await as_ada.get("/groups/mlops/about")).words
    row = campus.read(lambda tx: groups.by_id(tx, group.id))
    assert (row.rules, row.join_mode, row.post) == (["Be kind", "<b>No ads"], "approval", "moderators")
    for wrong in ({"title": ""}, {"title": "x" * 200}, {"join": "always"}, {"post": "all"}, {"rules": "r\n" * 31}):
        page = await as_ada.post("/groups/mlops/settings", sent | wrong | {"description": "Kept as typed"})
        assert page.status == 422, wrong
        assert "Kept as typed" in page.text
    assert campus.actor("mlops").source == "What we\nrun"


async def test_a_group_is_deleted_by_its_name(campus: Campus, as_ada: Browser, browser: Browser, group: Actor) -> None:
    page = await as_ada.post("/groups/mlops/delete", {"confirm": "chess"})
    assert page.status == 422
    assert campus.actor("mlops").state == "active"
    await as_ada.post("/groups/mlops/delete", {"confirm": "@mlops"})
    assert campus.actor("mlops").state == "gone"
    assert (await browser.get(GROUP)).status == 404
    assert (await as_ada.get(LOG)).status == 404


async def test_a_long_list_of_members_goes_on(campus: Campus, as_ada: Browser, group: Actor) -> None:
    strangers = [campus.stranger(f"s{number}") for number in range(70)]

    def fill(tx: Tx) -> None:
        for one in strangers:
            memberships.save(tx, Membership(group.id, one.id, "member", "accepted", 9))

    campus.write(fill)
    found: set[str] = set()
    path: str | None = f"{GROUP}/members"
    while path is not None:
        page = await as_ada.get(path)
        found |= set(re.findall(r"@(s\d+)@south", page.words))
        path = next((link for link in page.links if link.startswith(f"{GROUP}/members?")), None)
    assert len(found) == 70
    for wrong in ("?from=x", "?from=99999999999", "?before=x", "?from=500"):
        assert (await as_ada.get(LOG + wrong)).status == 200


async def test_a_group_elsewhere_is_asked(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    iri = "https://south.example/groups/chess"
    away = campus.stranger("chess", kind="Group", iri=iri, url=iri, moderators=f"{iri}/moderators")
    campus.write(lambda tx: memberships.save(tx, Membership(away.id, ada.id, "moderator", "accepted", 1)))
    zoe = campus.stranger("zoe")
    page = await as_ada.get("/@chess@south.example/moderation")
    well_formed(page)
    assert "This group is at south.example" in page.words
    answer = await as_ada.post("/moderate", {"do": "ban", "group": str(away.id), "actor": str(zoe.id)}, follow=False)
    assert answer.status == 303
    # It holds once that group says so.
    assert campus.read(lambda tx: memberships.find(tx, away.id, zoe.id)) is None
    assert campus.read(lambda tx: actors.by_id(tx, zoe.id)).state == "active"


async def test_a_tick_that_was_not_set_takes_nothing_out(
    campus: Campus, as_ada: Browser, group: Actor, bruno: Actor, thread: Post
) -> None:
    sent = {"do": "ban", "group": str(group.id), "actor": str(bruno.id), "with_posts": "", "next": LOG}
    assert (await as_ada.post("/moderate", sent)).status == 200
    assert fresh(campus, thread).removed_at is None
    await as_ada.post("/moderate", sent | {"with_posts": "1"})
    assert fresh(campus, thread).removed_at is not None
