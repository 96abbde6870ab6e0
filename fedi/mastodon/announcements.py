"""Announcements of the operator's: read them, put them away, react to them. Writing them is `fedi announcement`."""

from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.actions import announcements as actions
from fedi.callers import bearer, identify, known
from fedi.context import Site
from fedi.errors import NotFound
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.announcement import shown
from storage import announcements
from storage.actors import Actor
from storage.announcements import Announcement
from storage.metadata import Tx


class Wanted(msgspec.Struct, kw_only=True):
    """The query of GET /api/v1/announcements."""

    with_dismissed: bool = False


async def listed(request: Request) -> Response:
    """GET /api/v1/announcements: those that are shown now; `with_dismissed` also those that the caller put away."""
    site: Site = request.app.state.site
    asked = arguments.query(request, Wanted)
    token = bearer(request)

    def unit(tx: Tx) -> list[dict[str, Any]]:
        me = known(identify(tx, token)).me
        found = shown(tx, site, announcements.shown(tx, site.clock()), me.id)
        return [one for one in found if asked.with_dismissed or not one["read"]]

    return Json(await site.db.read(unit))


async def dismiss(request: Request) -> Response:
    """POST /api/v1/announcements/ID/dismiss."""
    return await _deed(request, "write:accounts", actions.dismiss)


async def react(request: Request) -> Response:
    """PUT /api/v1/announcements/ID/reactions/NAME: NAME is an emoji."""
    site: Site = request.app.state.site
    name: str = request.path_params["name"]
    return await _deed(request, "write:favourites", lambda tx, me, found: actions.react(tx, site, me, found, name))


async def unreact(request: Request) -> Response:
    """DELETE /api/v1/announcements/ID/reactions/NAME."""
    name: str = request.path_params["name"]
    return await _deed(request, "write:favourites", lambda tx, me, found: actions.unreact(tx, me, found, name))


async def _deed(request: Request, scope: str, do: Callable[[Tx, Actor, Announcement], None]) -> Response:
    site: Site = request.app.state.site
    announcement_id, token = arguments.path_id(request), bearer(request)

    def unit(tx: Tx) -> None:
        me = known(identify(tx, token, scope)).me
        found = next((one for one in announcements.shown(tx, site.clock()) if one.id == announcement_id), None)
        if found is None:
            raise NotFound
        do(tx, me, found)

    await site.db.write(unit)
    return Json({})


ROUTES = [
    Route("/api/v1/announcements", listed),
    Route("/api/v1/announcements/{id}/dismiss", dismiss, methods=["POST"]),
    Route("/api/v1/announcements/{id}/reactions/{name}", react, methods=["PUT"]),
    Route("/api/v1/announcements/{id}/reactions/{name}", unreact, methods=["DELETE"]),
]
