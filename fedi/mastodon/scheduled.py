"""Scheduled statuses: list, show, put off and cancel; they begin with POST /api/v1/statuses (`statuses`)."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.actions import media as media_actions
from fedi.actions import scheduled as actions
from fedi.callers import bearer, identify, known
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.attachment import attachment
from fedi.mastodon.entities.scheduled import scheduled
from fedi.mastodon.paging import Paging, links
from fedi.mastodon.writing import time_of
from storage import media
from storage import scheduled as rows
from storage.metadata import Tx
from storage.scheduled import Scheduled


async def listed(request: Request) -> Response:
    """GET /api/v1/scheduled_statuses: newest first, by id."""
    site: Site = request.app.state.site
    page = arguments.query(request, Paging).page()
    token = bearer(request)

    def unit(tx: Tx) -> tuple[list[dict[str, Any]], list[int]]:
        me = known(identify(tx, token, "read:statuses")).me
        found = rows.of_person(tx, me.id, page)
        return shown(tx, site, found), [one.id for one in found]

    found, ids = await site.db.read(unit)
    return Json(found, headers=links(request, ids[0], ids[-1]) if ids else None)


async def show(request: Request) -> Response:
    """GET /api/v1/scheduled_statuses/ID."""
    site: Site = request.app.state.site
    scheduled_id, token = arguments.path_id(request), bearer(request)
    return Json(await site.db.read(lambda tx: shown(tx, site, [_mine(tx, token, "read:statuses", scheduled_id)])[0]))


class When(msgspec.Struct, kw_only=True):
    """The body of PUT /api/v1/scheduled_statuses/ID."""

    scheduled_at: str | None = None


async def update(request: Request) -> Response:
    """PUT /api/v1/scheduled_statuses/ID: another time."""
    site: Site = request.app.state.site
    scheduled_id, token = arguments.path_id(request), bearer(request)
    await site.db.read(lambda tx: known(identify(tx, token, "write:statuses")).me)
    due_at = time_of((await arguments.read(request, When)).scheduled_at)

    def unit(tx: Tx) -> dict[str, Any]:
        found = _mine(tx, token, "write:statuses", scheduled_id, to_change=True)
        if due_at is None:
            raise Invalid("Validation failed: Scheduled at can't be blank")
        return shown(tx, site, [actions.move(tx, site, found, due_at)])[0]

    return Json(await site.db.write(unit))


async def cancel(request: Request) -> Response:
    """DELETE /api/v1/scheduled_statuses/ID."""
    site: Site = request.app.state.site
    scheduled_id, token = arguments.path_id(request), bearer(request)

    def unit(tx: Tx) -> None:
        actions.cancel(tx, site, _mine(tx, token, "write:statuses", scheduled_id, to_change=True))

    await site.db.write(unit)
    return Json({})


def shown(tx: Tx, site: Site, found: list[Scheduled]) -> list[dict[str, Any]]:
    """ScheduledStatuses with their media, in one query for all."""
    ids = tuple(dict.fromkeys(one for row in found for one in row.media_ids))
    files = media.by_ids(tx, ids) if ids else {}
    return [
        scheduled(
            row,
            [
                attachment(row.id, at, media_actions.rendered(site, files[one]))
                for at, one in enumerate(row.media_ids)
                if one in files
            ],
        )
        for row in found
    ]


def _mine(tx: Tx, token: str | None, scope: str, scheduled_id: int, *, to_change: bool = False) -> Scheduled:
    found = rows.by_id(tx, scheduled_id, known(identify(tx, token, scope)).me.id, to_change=to_change)
    if found is None:
        raise NotFound
    return found


ROUTES = [
    Route("/api/v1/scheduled_statuses", listed),
    Route("/api/v1/scheduled_statuses/{id}", show),
    Route("/api/v1/scheduled_statuses/{id}", update, methods=["PUT"]),
    Route("/api/v1/scheduled_statuses/{id}", cancel, methods=["DELETE"]),
]
