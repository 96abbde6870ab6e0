"""Groups: found, opened in one step, made known: discovering, the form, charter, members, inviting, health."""

from dataclasses import replace

import pytest

from fedi.actions import groups as actions
from storage import actors, audit, group_scopes, memberships, peers, posts
from storage import groups as rows
from storage.actors import Actor
from storage.memberships import Membership
from storage.metadata import Tx
from tests.conftest import Clock
from tests.fedi.web.conftest import Browser, Campus, Outline


def row_of(campus: Campus, name: str) -> rows.Group:
    """What is kept of a group."""
    found = campus.read(lambda tx: rows.by_id(tx, campus.actor(name).id))
    assert isinstance(found, rows.Group)
    return found


def agree(campus: Campus, host: str) -> None:
    """An agreement with this host, as far as pages ask."""

    def write(tx: Tx) -> None:
        peers.meet(tx, host, 0)
        peers.change(tx, host, stance="agreed")

    campus.write(write)


async def test_a_title_is_enough(campus: Campus, as_ada: Browser) -> None:
    form = await as_ada.get("/groups/new")
    outline = Outline(form.text)
    required = [one["name"] for one in outline.of("input", "textarea", "select") if "required" in one]
    assert required == ["title"]
    done = await as_ada.post("/groups/new", {"title": "Größe & Übung: Statistik", "kind": "open"})
    assert "Your group is open." in done.words
    made = campus.actor("grosse_ubung_statistik")
    assert (made.name, row_of(campus, made.username).see) == ("Größe & Übung: Statistik", "public")
    # The same form, sent twice: a tap on bad Wi-Fi.
    await as_ada.post("/groups/new", {"title": "Größe & Übung: Statistik", "kind": "open"})
    assert campus.read(lambda tx: actors.by_name(tx, "grosse_ubung_statistik_2", "alpha.example")) is None
    await as_ada.post("/groups/new", {"title": "نادي القراءة"})
    assert campus.actor("group").name == "نادي القراءة"


@pytest.mark.parametrize(("kind", "join", "see"), [("cohort", "approval", "peers"), ("project", "invite", "members")])
async def test_what_it_is_for_decides_the_rest(campus: Campus, as_ada: Browser, kind: str, join: str, see: str) -> None:
    await as_ada.post("/groups/new", {"title": "Ours", "kind": kind})
    row = row_of(campus, "ours")
    assert (row.kind, row.join_mode, row.see) == (kind, join, see)


async def test_what_does_not_go_together_comes_back_with_the_mend(campus: Campus, as_ada: Browser) -> None:
    base = {"title": "Joint seminar", "kind": "cohort", "description": "Kept as typed"}
    for wrong, said in (
        ({"title": " "}, "Give the group a title"),
        ({"see": "public", "scope": "local"}, "so it can't be kept to some universities"),
        ({"scope": "named"}, "Tick the universities"),
        ({"ends": "2020-01-01"}, "lies in the future"),
        ({"ends": "soon"}, "year-month-day"),
        ({"name": "no spaces please"}, "can't be used"),
        ({"scope": "named", "other": "gamma.example"}, "no agreement with gamma.example"),
    ):
        page = await as_ada.post("/groups/new", base | wrong)
        assert (page.status, said in page.words) == (422, True), (wrong, page.words)
        assert "Kept as typed" in page.text
        Outline(page.text)
        assert ("Ask the admins" in page.words) is ("other" in wrong)
    assert campus.read(lambda tx: actors.by_name(tx, "joint_seminar", "alpha.example")) is None


async def test_admins_are_asked_for_an_agreement(campus: Campus, as_ada: Browser) -> None:
    root = campus.person("root1", role="admin")
    page = await as_ada.post(
        "/groups/wish", {"host": "Gamma.example", "reason": "Our joint thesis", "next": "/groups/new"}
    )
    assert "Your admins have been asked" in page.words
    assert [one.about for one in campus.read(lambda tx: audit.newest(tx, 1))] == ["gamma.example"]
    admin = campus.browser()
    await admin.log_in("root1")
    assert "gamma.example" in (await admin.get("/notifications")).words
    assert root.id
    assert (await as_ada.post("/groups/wish", {"host": "no host", "next": "/groups/new"})).status == 422
    agree(campus, "beta.example")
    assert "agreement with beta.example already" in (await as_ada.post("/groups/wish", {"host": "beta.example"})).words


async def test_universities_are_ticked(campus: Campus, as_ada: Browser) -> None:
    agree(campus, "beta.example")
    assert "beta.example" in (await as_ada.get("/groups/new")).words
    fields = {"title": "Joint", "kind": "cohort", "scope": "named", "host": "beta.example", "languages": "de"}
    assert (await as_ada.post("/groups/new", fields)).status == 200
    group = campus.actor("joint")
    assert [one.host for one in campus.read(lambda tx: group_scopes.named(tx, group.id))] == ["beta.example"]
    assert row_of(campus, "joint").languages == ["de"]


async def test_a_group_ends_on_its_last_day(campus: Campus, as_ada: Browser, clock: Clock) -> None:
    await as_ada.post("/groups/new", {"title": "Short", "ends": "2026-12-01"})
    assert "until 1 December 2026" in (await as_ada.get("/groups/short")).words
    clock.pass_(days=120)
    late = campus.browser()
    await late.log_in("ada")
    page = await late.get("/groups/short")
    assert "nobody writes in it any more" in page.words
    assert "Begin a thread" not in page.words


async def test_discovering_by_words_and_language(campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor) -> None:
    campus.group("stats", bruno, title="Statistik für alle", languages=["de"])
    mine = campus.group("chess", ada, title="Chess at lunch")
    campus.group("board", bruno, title="Board of secrets", see="members")
    campus.follow(bruno, mine)
    campus.post(bruno, "@chess Tuesday?")
    page = await as_ada.get("/groups")
    Outline(page.text)
    assert page.words.index("Your groups") < page.words.index("1 new") < page.words.index("You might like")
    assert "At your university · 1 person" in page.words
    assert "Board of secrets" not in page.words
    page = await as_ada.get("/groups?q=statis")
    assert ("Statistik für alle" in page.words, "Chess" in page.words) == (True, False)
    assert "No group here is called “board”." in (await as_ada.get("/groups?q=board")).words
    page = await as_ada.get("/groups?language=de")
    assert ("Statistik für alle" in page.words, "Chess at lunch" in page.words) == (True, False)
    assert "No group is in this language yet." in (await as_ada.get("/groups?language=fr")).words
    assert "Your groups" not in (await campus.browser().get("/groups")).words


async def test_the_charter_is_for_everyone_and_members_are_not(campus: Campus, browser: Browser, bruno: Actor) -> None:
    campus.group("open", bruno, rules=["Be kind."], description="What we do")
    campus.group("board", bruno, see="members", rules=["Keep it here."])
    page = await browser.get("/groups/open/about")
    Outline(page.text)
    for said in ("Be kind.", "What we do", "Bruno Lindqvist", "Who can read it: everyone on the web."):
        assert said in page.words, said
    page = await browser.get("/groups/board/about")
    assert ("Keep it here." in page.words, "Bruno Lindqvist" in page.words) == (True, False)
    assert (await browser.get("/groups/board/members")).status == 403
    assert "Bruno Lindqvist" in (await browser.get("/groups/open/members")).words


async def test_people_are_invited_here_and_told(campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor) -> None:
    group = campus.group("circle", ada, join_mode="invite", see="members")
    assert (await as_ada.post("/groups/circle/invite", {"who": "nobody_here"})).status == 404
    page = await as_ada.post("/groups/circle/invite", {"who": "@bruno"})
    assert "Invited; they got a message." in page.words
    assert "1 person is invited" in page.words
    await as_ada.post("/groups/circle/invite", {"who": "bruno"})
    told = campus.read(lambda tx: [one for one in posts.of_author(tx, ada.id) if one.visibility == "direct"])
    assert len(told) == 1  # again tells nobody twice
    theirs = campus.browser()
    await theirs.log_in("bruno")
    message = await theirs.get(f"/people/ada/posts/{told[0].id}")
    assert "Join the group" in message.words
    joined = await theirs.post("/follow", {"id": str(group.id), "next": "/groups/circle"})
    assert "Begin a thread" in joined.words
    assert (await theirs.post("/groups/circle/invite", {"who": "ada"})).status == 403


async def test_who_is_out_of_scope_is_refused_with_the_mend(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    campus.group("circle", ada, see="members")
    group_row = campus.actor("circle")
    campus.write(lambda tx: group_scopes.save(tx, group_scopes.Scope(group_row.id, "local", ["read"], 0), []))
    zoe = campus.stranger()
    page = await as_ada.post("/groups/circle/invite", {"who": f"@{zoe.handle}"})
    assert (page.status, "Ask the admins" in page.words) == (403, True)
    assert "zoe@south.example" in page.text  # what was typed


async def test_health_counts_nobody_of_few(campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor) -> None:
    group = campus.group("mlops", ada)
    campus.follow(bruno, group)
    zoe = campus.stranger()

    def fill(tx: Tx) -> None:
        for number in range(6):
            one = replace(zoe, id=campus.site.new_id(), iri=f"https://big.example/{number}", username=f"b{number}",
                          domain="big.example", host="big.example")  # fmt: skip
            actors.insert(tx, one)
            memberships.save(tx, Membership(group.id, one.id, "member", "accepted", 0))
        memberships.save(tx, Membership(group.id, zoe.id, "member", "accepted", 0))

    campus.write(fill)
    root = campus.post(ada, "@mlops Answered")
    campus.post(ada, "my own afterthought", reply_to_id=root.id)
    campus.post(bruno, "an answer", reply_to_id=root.id)
    campus.post(ada, "@mlops Not answered")
    page = await as_ada.get("/groups/mlops/health")
    Outline(page.text)
    assert "2 threads in the last 90 days, 1 of them answered." in page.words
    assert "within 1 minute" in page.words
    assert "big.example 6" in page.words
    assert "south.example few" in page.words
    theirs = campus.browser()
    await theirs.log_in("bruno")
    assert (await theirs.get("/groups/mlops/health")).status == 403


async def test_settings_say_what_it_is_for(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    campus.group("mlops", ada)
    sent = {"title": "MLOps", "description": "", "rules": "", "join": "open", "post": "members"}
    await as_ada.post("/groups/mlops/settings", sent | {"kind": "course", "languages": "fr", "ends": "2027-03-31"})
    row = row_of(campus, "mlops")
    assert (row.kind, row.languages) == ("course", ["fr"])
    assert 'value="2027-03-31"' in (await as_ada.get("/groups/mlops/settings")).text
    await as_ada.post("/groups/mlops/settings", sent | {"kind": "course", "ends": ""})
    assert (row_of(campus, "mlops").ends_at, row_of(campus, "mlops").languages) == (None, [])
    wrong = await as_ada.post("/groups/mlops/settings", sent | {"kind": "course", "ends": "1999-01-01"})
    assert (wrong.status, "lies in the future" in wrong.words) == (422, True)
    assert campus.write(lambda tx: actions.change(tx, campus.site, campus.actor("mlops"), kind="course")) is None
