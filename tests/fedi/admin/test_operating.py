"""The console's pages for running an instance: health in pictures, people, received, jobs and announcements."""

import re

import pytest

from fedi.actions import people as person_actions
from fedi.actions import reports
from storage import accounts, actors, announcements, decisions, jobs, moderations, people, received, samples, sessions
from storage.decisions import DecisionRow
from storage.metadata import Tx
from storage.received import Received
from storage.timelines import Page
from tests.fedi.admin.conftest import HOSTILE, Browser, Campus
from tests.fedi.web.conftest import Outline

HOUR = 3_600_000


def sampled(campus: Campus, several: dict[int, dict[str, float]]) -> None:
    """Put figures where they would have been taken, so many hours ago."""
    now = campus.site.clock()

    def write(tx: Tx) -> None:
        for ago, figures in several.items():
            at = now - ago * HOUR
            for name, value in figures.items():
                tx.execute(samples.samples.insert().values(name=name, at=at - at % samples.EVERY, value=value))

    campus.write(write)


def arrived(
    campus: Campus, *, state: str = "failed", body: bytes = b'{"type": "Create"}', via: str | None = "cavage"
) -> int:
    now, row_id = campus.site.clock(), campus.site.new_id()

    def write(tx: Tx) -> None:
        row = Received(
            id=row_id,
            activity_id=f"https://south.example/a/{row_id}",
            type="Create",
            host="south.example",
            actor="https://south.example/people/eva",
            key_id=None,
            via=via,
            body=body,
            headers=None,
            state=state,
            attempts=2,
            due_at=now,
            received_at=now,
            settled_at=now,
            code="broken",
            problem=f"It is broken {HOSTILE}",
        )
        received.insert(tx, row)
        tx.execute(received.received.update().where(received.received.c.id == row_id).values(state=state, attempts=2))

    campus.write(write)
    return row_id


async def test_pictures_and_tables_have_the_same_numbers(campus: Campus, as_ada: Browser) -> None:
    sampled(
        campus,
        {
            3: {"received": 40, "refused": 10, "head": 100, "received.age": 90, "bytes": 5e6},
            2: {"received": 70, "refused": 0, "head": 130, "received.age": 0, "bytes": 6e6},
        },
    )

    def refuse(tx: Tx) -> None:
        now = campus.site.clock()
        for _ in range(3):
            row_id = campus.site.new_id()
            decisions.insert(
                tx,
                DecisionRow(row_id, "in", "south.example", None, None, "Create", "reject", "spam", "Words", 1, now),
            )

    campus.write(refuse)
    page = await as_ada.get("/admin/health")
    assert page.status == 200
    drawn = re.findall(r"<title>([^<]*)</title>", page.text)
    for said in ("30 received", "10 refused", "70 received", "30 sent"):
        assert any(one.endswith(said) for one in drawn), (said, drawn)
    assert re.search(r">30</td><td class=\"number\">10</td><td class=\"number\">0</td>", page.text)
    assert "spam · from others" in page.words
    assert "6.0 MB" in page.words
    overview = await as_ada.get("/admin")
    assert any(one.endswith("70 received") for one in re.findall(r"<title>([^<]*)</title>", overview.text))


async def test_without_figures_the_page_says_so(as_ada: Browser) -> None:
    page = await as_ada.get("/admin/health")
    assert page.status == 200
    assert "Nothing yet." in page.words


async def test_a_person_is_found_and_acted_on(campus: Campus, as_ada: Browser) -> None:
    bruno = campus.read(lambda tx: accounts.listed(tx, accounts.Wanted(username="bruno"), Page(limit=10)))[0].actor
    assert "bruno" in (await as_ada.get("/admin/people?q=bru")).words
    assert "Nobody." in (await as_ada.get("/admin/people?q=zzz%25_")).words
    his = campus.browser()
    await his.log_in("bruno")
    page = await as_ada.post("/admin/people/bruno", {"do": "warn", "reason": "Please cite your sources."})
    assert "They were told." in page.words
    assert "Please cite your sources." in (await his.get("/notifications")).words
    page = await as_ada.post("/admin/people/bruno", {"do": "warn", "reason": " "})
    assert page.status == 422
    page = await as_ada.post("/admin/people/bruno", {"do": "disable"})
    assert "can't log in" in page.words
    assert campus.read(lambda tx: sessions.of_person(tx, bruno.id)) == []
    await as_ada.post("/admin/people/bruno", {"do": "enable"})
    await as_ada.post("/admin/people/bruno", {"do": "suspend", "reason": "spam"})
    assert (await campus.browser().get("/people/bruno")).status in (404, 410)
    page = await as_ada.post("/admin/people/bruno", {"do": "erase", "confirm": "brun"})
    assert page.status == 422
    assert "nothing was erased" in page.words
    page = await as_ada.post("/admin/people/bruno", {"do": "unsuspend"})
    assert "shown again" in page.words
    found = campus.read(lambda tx: actors.by_id(tx, bruno.id))
    assert found is not None
    assert found.state == "active"
    log = campus.read(lambda tx: [row.action for row in tx.execute(moderations.moderations.select())])
    assert {"warn", "disable", "enable", "suspend", "unsuspend"} <= set(log)


async def test_roles_change_but_never_ones_own(campus: Campus, as_ada: Browser) -> None:
    page = await as_ada.post("/admin/people/bruno", {"do": "role", "role": "moderator"})
    assert "The role was changed." in page.words
    page = await as_ada.post("/admin/people/ada", {"do": "role", "role": "member"})
    assert page.status == 403
    page = await as_ada.post("/admin/people/bruno", {"do": "role", "role": "emperor"})
    assert page.status == 422
    roles = campus.read(lambda tx: sorted(one.role for one in people.everyone(tx)))
    assert "moderator" in roles
    assert "admin" in roles


async def test_a_received_activity_is_looked_at_and_taken_again(campus: Campus, as_ada: Browser) -> None:
    good = arrived(campus, body=b'{"type": "Create", "object": {"content": "<script>alert(1)</script>\\u202etxt"}}')
    page = await as_ada.get("/admin/received?state=failed&host=south.example")
    assert "It is broken" in page.words
    page = await as_ada.get(f"/admin/received/{good}")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "\\u202etxt" in page.text
    assert "\u202e" not in page.text
    page = await as_ada.post(f"/admin/received/{good}", {})
    assert "It is taken again" in page.words
    row = campus.read(lambda tx: received.by_id(tx, good))
    assert row is not None
    assert row.state == "new"
    unproven = arrived(campus, via=None)
    assert (await as_ada.post(f"/admin/received/{unproven}", {})).status == 409
    assert (await as_ada.get("/admin/received/12345")).status == 404
    for body in (b"\xff\xfe not JSON", b"[" * 20_000, b"", b'"text"'):
        assert (await as_ada.get(f"/admin/received/{arrived(campus, body=body)}")).status == 200


async def test_jobs_that_were_given_up_are_tried_or_dropped(campus: Campus, as_ada: Browser) -> None:
    def write(tx: Tx) -> None:
        for number in (1, 2):
            jobs.add(tx, campus.site.new_id(), "card", f"https://x.example/{number}", {}, campus.site.clock())
        for job in jobs.in_state(tx, "due", 10):
            jobs.failed(tx, job.id, "No answer")

    campus.write(write)
    page = await as_ada.get("/admin/jobs")
    assert "No answer" in page.words
    first, second = campus.read(lambda tx: [job for job in jobs.in_state(tx, "failed", 10) if job.kind == "card"])
    await as_ada.post("/admin/jobs", {"id": str(first.id), "do": "again"})
    await as_ada.post("/admin/jobs", {"id": str(second.id), "do": "drop"})
    left = campus.read(lambda tx: jobs.by_id(tx, first.id))
    assert left is not None
    assert (left.state, left.attempts) == ("due", 0)
    assert campus.read(lambda tx: jobs.by_id(tx, second.id)) is None
    assert "gone already" in (await as_ada.post("/admin/jobs", {"id": str(second.id), "do": "again"})).words
    assert "dropped a job" in (await as_ada.get("/admin")).words


@pytest.mark.parametrize("until", ["tomorrow", "2020-01-01T10:00"])
async def test_an_announcement_that_can_not_be_keeps_its_text(as_ada: Browser, until: str) -> None:
    page = await as_ada.post("/admin/announcements", {"text": "The library closes early", "ends": until})
    assert page.status == 422
    assert "The library closes early" in page.text


async def test_announcements_are_drafted_shown_and_ended(campus: Campus, as_ada: Browser) -> None:
    await as_ada.post("/admin/announcements", {"text": "Exams begin on Monday", "do": "draft"})
    one = campus.read(announcements.everything)[0]
    assert one.published_at is None
    page = await as_ada.post("/admin/announcements", {"do": "publish", "id": str(one.id)})
    assert "Everybody sees it now." in page.words
    assert [each.id for each in campus.read(lambda tx: announcements.shown(tx, campus.site.clock()))] == [one.id]
    page = await as_ada.post("/admin/announcements", {"do": "end", "id": str(one.id)})
    assert campus.read(lambda tx: announcements.shown(tx, campus.site.clock())) == []
    assert Outline(page.text).of("h1")


async def test_the_overview_tells_of_reports_and_of_who_signed_up(campus: Campus, as_ada: Browser) -> None:
    quiet = await as_ada.get("/admin")
    assert "/sign-ups" not in quiet.links

    def write(tx: Tx) -> None:
        ada, bruno = (actors.by_name(tx, name, "alpha.example") for name in ("ada", "bruno"))
        assert ada is not None
        assert bruno is not None
        reports.report(tx, campus.site, ada, bruno, [], "Rude")
        person_actions.register(
            tx, campus.site, username="carla", email="carla@alpha.example", password_hash="x", state="pending"
        )

    campus.write(write)
    page = await as_ada.get("/admin")
    assert "1 Reports" in page.words
    assert "1 Who would like to join" in page.words
    assert {"/sign-ups", "/reports"} <= set(page.links)
