"""Markers: how far the caller has read home and notifications, kept in step over their clients."""

import re
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.callers import bearer, identify, known
from fedi.context import Site
from fedi.errors import Invalid, Problem
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json, moment
from storage import markers
from storage.markers import Marker
from storage.metadata import Tx

TIMELINES = ("home", "notifications")


class Asked(msgspec.Struct, kw_only=True):
    """The query of GET /api/v1/markers."""

    timeline: list[str] = msgspec.field(default_factory=list)


async def show(request: Request) -> Response:
    """GET /api/v1/markers?timeline[]=…; a timeline without a marker is left out."""
    site: Site = request.app.state.site
    wanted = arguments.query(request, Asked).timeline
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Marker]:
        return markers.of_person(tx, known(identify(tx, token, "read:statuses")).me.id)

    kept = await site.db.read_quickly(unit)
    return Json({name: entity(kept[name]) for name in TIMELINES if name in kept and name in wanted})


class Read(msgspec.Struct, kw_only=True):
    """Where a timeline was read to; `version`, which Mastodon does not ask for, is the one that the client moves it from."""

    last_read_id: str
    version: int | None = None


class Moved(msgspec.Struct, kw_only=True):
    """The body of POST /api/v1/markers: either timeline, or both."""

    home: Read | None = None
    notifications: Read | None = None


async def save(request: Request) -> Response:
    """POST /api/v1/markers: the markers that moved come back; 409 when another client moved one at the same time."""
    site: Site = request.app.state.site
    token = bearer(request)
    asked = await arguments.read(request, Moved)
    moved: dict[str, Read] = {}
    for name in TIMELINES:
        given: Read | None = getattr(asked, name)
        if given is not None:
            if not re.fullmatch(r"[0-9]{1,18}", given.last_read_id, re.ASCII):
                raise Invalid("Validation failed: last_read_id is not an id")
            moved[name] = given

    def unit(tx: Tx) -> dict[str, Any]:
        me = known(identify(tx, token, "write:statuses")).me
        now = site.clock()
        answer: dict[str, Any] = {}
        for name, read in moved.items():
            made = markers.save(tx, me.id, name, int(read.last_read_id), now, read.version)
            if made is None:
                raise Problem("Conflict during update, please try again", status=409, code="conflict")
            answer[name] = entity(made)
        return answer

    return Json(await site.db.write(unit))


def entity(marker: Marker) -> dict[str, Any]:
    """The Marker entity."""
    return {
        "last_read_id": str(marker.last_read_id),
        "version": marker.version,
        "updated_at": moment(marker.updated_at),
    }


ROUTES = [
    Route("/api/v1/markers", show),
    Route("/api/v1/markers", save, methods=["POST"]),
]
