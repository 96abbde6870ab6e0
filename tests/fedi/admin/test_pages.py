"""The console: for admins alone, whole without script, and hostile words stay words."""

import re
from pathlib import Path

import pytest
from sqlalchemy import event
from starlette.routing import Route

import fedi
from fedi.admin import ROUTES
from fedi.admin.decisions import DID
from fedi.html import CONSOLE_SCRIPT_PATH, CONSOLE_STYLE_PATH
from storage import actors, peers, people, received
from storage.agreements import AgreementRow
from storage.metadata import Tx
from tests.fedi.admin.conftest import Browser, Campus
from tests.fedi.web.conftest import Outline

STATIC = (CONSOLE_STYLE_PATH, CONSOLE_SCRIPT_PATH)
HEAVIEST = 30_000
"""Bytes of a page on the wire."""


def paths(offer: AgreementRow) -> list[tuple[str, set[str]]]:
    """Every address of the console with the methods that it takes, so that none can be forgotten."""
    names = {
        "{host}": "south.example",
        "{agreement_id:int}": str(offer.id),
        "{simulation_id:int}": "1",
        "{version:int}": "1",
        "{row_id:int}": "1",
        "{name}": "mlops",
    }
    found = []
    for route in ROUTES:
        assert isinstance(route, Route)
        path = route.path
        if path.startswith("/admin/people"):
            path = path.replace("{name}", "bruno")
        for name, value in names.items():
            path = path.replace(name, value)
        assert "{" not in path
        if path not in STATIC:
            found.append((path, set(route.methods or ()) - {"HEAD"}))
    return found


@pytest.mark.parametrize("role", ["member", "moderator"])
async def test_for_others_than_admins_there_is_nothing(
    campus: Campus, as_ada: Browser, offer: AgreementRow, role: str
) -> None:
    def write(tx: Tx) -> None:
        found = actors.by_name(tx, "bruno", campus.site.config.handle_domain)
        assert found is not None
        people.change(tx, found.id, role=role)

    campus.write(write)
    his = campus.browser()
    await his.log_in("bruno")
    before = campus.read(lambda tx: peers.by_host(tx, "south.example"))
    missing = await his.get("/nowhere")
    for path, methods in paths(offer):
        for method in methods:
            page = await (his.get(path) if method == "GET" else his.post(path, {"do": "apply", "reason": "x"}))
            assert page.status == 404, path
            assert page.words == missing.words, path
    assert campus.read(lambda tx: peers.by_host(tx, "south.example")) == before


async def test_who_is_logged_out_logs_in(campus: Campus, offer: AgreementRow) -> None:
    nobody = campus.browser()
    for path, methods in paths(offer):
        if "GET" in methods:
            page = await nobody.get(path, follow=False)
            assert (page.status, page.headers["location"][:12]) == (303, "/login?next="), path


async def test_nothing_is_done_for_another_site(campus: Campus, as_ada: Browser, offer: AgreementRow) -> None:
    for path, methods in paths(offer):
        if "POST" in methods:
            page = await as_ada.post(path, {"do": "approve"}, {"sec-fetch-site": "cross-site"})
            assert page.status == 403, path


async def test_every_page_is_well_formed_and_light(
    ruled: Campus, as_ada: Browser, offer: AgreementRow, ada: "actors.Actor"
) -> None:
    ruled.group("mlops", ada)
    simulated = await as_ada.post("/admin/policy", {"do": "simulate", "text": 'x = "<b>"', "days": "7"})
    assert simulated.status == 422
    simulated = await as_ada.post("/admin/policy", {"do": "simulate", "text": "", "days": "7"})
    assert "What it would do" in simulated.words
    await as_ada.post("/admin/peers/south.example/purge", {"reason": "<i>test</i>"})
    more = [
        simulated.links and _simulation(ruled),
        "/admin/policy/diff?a=0&b=1",
        "/admin/explain?of=south.example",
        "/admin/explain?of=https://south.example/a/10",
        "/admin/decisions?host=south.example&verdict=reject",
        "/admin/peers?q=south",
        "/admin/audit?about=south.example",
    ]
    listed = [path for path, methods in paths(offer) if "GET" in methods and not path.endswith(("/1", "/change"))]
    listed = [path for path in listed if "simulations" not in path and path != "/admin/policy/diff"]
    for path in [*listed, "/admin/policy/versions/1", *[one for one in more if one]]:
        page = await as_ada.get(path)
        assert page.status == 200, (path, page.words)
        outline = Outline(page.text)
        assert len(outline.of("h1")) == 1, path
        assert outline.of("main"), path
        labelled = {one["for"] for one in outline.of("label")}
        for control in outline.of("input", "textarea", "select"):
            assert control.get("type") == "hidden" or control["id"] in labelled, (path, control)
        assert "<script>alert" not in page.text, path
        assert not [one for _, one in outline.elements if "style" in one or any(name.startswith("on") for name in one)]
        policy = page.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert page.wire < HEAVIEST, (path, page.wire)


def _simulation(campus: Campus) -> str:
    from storage import simulations

    return f"/admin/policy/simulations/{campus.read(lambda tx: simulations.newest(tx, 1))[0].id}"


async def test_what_is_served_beside_the_pages(campus: Campus) -> None:
    nobody = campus.browser()
    style, script = await nobody.get(CONSOLE_STYLE_PATH), await nobody.get(CONSOLE_SCRIPT_PATH)
    assert style.headers["content-type"].startswith("text/css")
    assert script.headers["content-type"].startswith("text/javascript")
    assert all("immutable" in one.headers["cache-control"] for one in (style, script))
    assert len(script.text) < 5_000


async def test_hosts_in_addresses_are_hosts(as_ada: Browser) -> None:
    for name in ("SOUTH.example", "nowhere.example", "a b", "..%2f..", "south.example%00"):
        assert (await as_ada.get(f"/admin/peers/{name}")).status == 404, name


async def test_what_is_held_is_found_by_its_index(campus: Campus) -> None:
    """Every page counts it, and there are millions that are not."""
    asked: list[tuple[str, object]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: object, *_more: object) -> None:
        asked.append((statement, parameters))

    def read(tx: Tx) -> list[str]:
        event.listen(tx, "before_cursor_execute", note)
        received.held_total(tx, 100)
        received.newest(tx, 5, state="held", max_id=9)
        event.remove(tx, "before_cursor_execute", note)
        return [str(tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).all()) for sql, values in asked]  # type: ignore[arg-type]

    plans = campus.read(read)
    assert len(plans) == 2
    assert all("ix_received_held" in plan for plan in plans), plans


def test_whatever_the_audit_log_notes_has_words() -> None:
    noted = re.compile(r'(?:audited=|\b_?noted?\([^"()]*(?:\(\)[^"()]*)*|audit\.add\([^"]*?)"([a-z]+\.[a-z-]+)"')
    found = {
        action for path in Path(fedi.__path__[0]).rglob("*.py") for action in noted.findall(path.read_text("utf-8"))
    }
    assert len(found) > 30
    assert sorted(found - set(DID)) == []
