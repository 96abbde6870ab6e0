"""The admin API for moderators' tools: reports (docs.joinmastodon.org/methods/admin/reports).

Of the posts that a report names those are shown that the moderator may see: the gate holds for staff as for anyone. A
report about the moderator who asks is not there for them, since it says who reported them.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.actions import staff as actions
from fedi.callers import Caller, bearer
from fedi.context import Site
from fedi.errors import NotFound
from fedi.mastodon import arguments
from fedi.mastodon.admin import staff
from fedi.mastodon.answers import Json
from fedi.mastodon.door import Endpoint
from fedi.mastodon.entities.admin import admin_report
from fedi.mastodon.entities.status import statuses
from fedi.mastodon.instance import rules
from fedi.mastodon.load import Shown, bundle
from fedi.mastodon.paging import Paging, links
from storage import accounts, actors, reports
from storage.accounts import Account
from storage.actors import Actor
from storage.metadata import Tx
from storage.reports import Report

READ, WRITE = "admin:read:reports", "admin:write:reports"


class Asked(Paging, kw_only=True):
    """The query of the list."""

    resolved: bool = False
    account_id: int | None = None
    target_account_id: int | None = None
    by_target_domain: str = ""


def _entities(tx: Tx, site: Site, caller: Caller, found: list[Report]) -> list[dict[str, Any]]:
    """Reports with everyone and everything that they name, in a fixed number of queries."""
    ids = {
        number
        for one in found
        for number in (one.actor_id, one.reporter_id, one.assigned_to_id, one.resolved_by_id)
        if number is not None
    }
    known = accounts.by_ids(tx, list(ids))
    instance = actors.by_iri(tx, site.instance_iri)
    if instance is None:
        raise NotFound
    items = [Shown(number, number) for one in found for number in one.post_ids]
    rows = bundle(tx, site, caller.viewer, items)
    return [
        admin_report(
            site.config.origin,
            one,
            known,
            statuses(rows, [Shown(number, number) for number in one.post_ids]),
            rules(site),
            Account(instance, None),
        )
        for one in found
    ]


async def index(request: Request) -> Response:
    """GET /api/v1/admin/reports: open ones, or with `resolved` those that are settled."""
    site: Site = request.app.state.site
    asked = arguments.query(request, Asked)
    token = bearer(request)
    page = asked.page(100, 200)

    def unit(tx: Tx) -> tuple[list[dict[str, Any]], list[int]]:
        caller = staff(tx, token, READ)
        found = reports.paged(
            tx,
            page,
            state="resolved" if asked.resolved else "open",
            reporter_id=asked.account_id,
            actor_id=asked.target_account_id,
            domain=asked.by_target_domain.strip().lower() or None,
            without_id=caller.me.id,
        )
        return _entities(tx, site, caller, found), [one.id for one in found]

    shown, ids = await site.db.read(unit)
    return Json(shown, headers=links(request, ids[0], ids[-1]) if ids else {})


def _one(tx: Tx, caller: Caller, report_id: int) -> Report:
    found = reports.by_id(tx, report_id)
    if found is None or found.actor_id == caller.me.id:
        raise NotFound
    return found


async def show(request: Request) -> Response:
    """GET /api/v1/admin/reports/ID."""
    site: Site = request.app.state.site
    report_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        caller = staff(tx, token, READ)
        return _entities(tx, site, caller, [_one(tx, caller, report_id)])[0]

    return Json(await site.db.read(unit))


class Changed(msgspec.Struct, kw_only=True):
    """The body of PUT."""

    category: str | None = None
    rule_ids: list[int] = msgspec.field(default_factory=list)


async def change(request: Request) -> Response:
    """PUT /api/v1/admin/reports/ID: another category, or other rules."""
    site: Site = request.app.state.site
    report_id = arguments.path_id(request)
    token = bearer(request)
    await site.db.read(lambda tx: staff(tx, token, WRITE))
    asked = await arguments.read(request, Changed)

    def unit(tx: Tx) -> dict[str, Any]:
        caller = staff(tx, token, WRITE)
        report = _one(tx, caller, report_id)
        actions.reclassify(tx, site, caller.me, report, asked.category or report.category, asked.rule_ids)
        return _entities(tx, site, caller, [_one(tx, caller, report_id)])[0]

    return Json(await site.db.write(unit))


def _acting(act: Callable[[Tx, Site, Actor, Report], None]) -> Endpoint:
    """An endpoint that does one thing to a report; the report as it is then comes back."""

    async def endpoint(request: Request) -> Response:
        site: Site = request.app.state.site
        report_id = arguments.path_id(request)
        token = bearer(request)

        def unit(tx: Tx) -> dict[str, Any]:
            caller = staff(tx, token, WRITE)
            act(tx, site, caller.me, _one(tx, caller, report_id))
            return _entities(tx, site, caller, [_one(tx, caller, report_id)])[0]

        return Json(await site.db.write(unit))

    return endpoint


def _to_self(tx: Tx, site: Site, by: Actor, report: Report) -> None:
    actions.assign(tx, site, by, report, by)


def _to_nobody(tx: Tx, site: Site, by: Actor, report: Report) -> None:
    actions.assign(tx, site, by, report, None)


_ONE = "/api/v1/admin/reports/{id}"

ROUTES = [
    Route("/api/v1/admin/reports", index),
    Route(_ONE, show),
    Route(_ONE, change, methods=["PUT"]),
    Route(f"{_ONE}/assign_to_self", _acting(_to_self), methods=["POST"]),
    Route(f"{_ONE}/unassign", _acting(_to_nobody), methods=["POST"]),
    Route(f"{_ONE}/resolve", _acting(actions.resolve), methods=["POST"]),
    Route(f"{_ONE}/reopen", _acting(actions.reopen), methods=["POST"]),
]
