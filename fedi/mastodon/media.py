"""Media: upload, look up, describe, delete (docs.joinmastodon.org/methods/media).

A file is taken to disk as it comes and looked into at once. POST /api/v2/media answers 200 with it when that is done
within a moment, else 202 without addresses, and GET says 206 until it is; POST /api/v1/media waits.
"""

import math
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.actions import media as actions
from fedi.callers import bearer, identify, known
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json, problem
from fedi.mastodon.entities.attachment import attachment, pending
from fedi.media import processing
from fedi.media.multipart import Upload
from storage import media
from storage.actors import Actor
from storage.media import Medium
from storage.metadata import Tx

A_MOMENT = 4.0
"""Seconds for which POST /api/v2/media waits for a picture; a phone's photo takes less than one."""


class Uploading(msgspec.Struct, kw_only=True):
    """The form of an upload, and of a change."""

    file: Any = None
    thumbnail: Any = None
    description: str | None = None
    focus: str | None = None


async def create(request: Request) -> Response:
    """POST /api/v2/media: 200 with the file, or 202 while it is worked out."""
    return await _create(request, A_MOMENT)


async def create_at_once(request: Request) -> Response:
    """POST /api/v1/media: the file, however long that takes (within limits)."""
    return await _create(request, 3 * processing.SECONDS)


async def _create(request: Request, seconds: float) -> Response:
    site: Site = request.app.state.site
    me = await _caller(request)
    async with arguments.uploaded(request, Uploading) as asked:
        if not isinstance(asked.file, Upload):
            raise Invalid("Validation failed: File can't be blank")
        description, focus = described(asked.description), focused(asked.focus)
        thumbnail = asked.thumbnail if isinstance(asked.thumbnail, Upload) else None
        processing.check(site, asked.file)
        medium = await processing.receive(site, me.id, asked.file, description=description, focus=focus)
        medium = await processing.finish(site, medium, seconds)
        if thumbnail is not None and medium.kind in ("video", "audio") and thumbnail.size:
            medium = await processing.preview(site, medium, thumbnail)
    return Json(shown(site, medium), 200 if medium.state == "ready" else 202)


async def show(request: Request) -> Response:
    """GET /api/v1/media/ID: 200 when it is ready, 206 while it is worked out, 422 with the reason when it can't be shown."""
    site: Site = request.app.state.site
    me = await _caller(request)
    medium_id = arguments.path_id(request)
    return _answer(site, await site.db.read(lambda tx: _free(tx, me, medium_id)))


async def update(request: Request) -> Response:
    """PUT /api/v1/media/ID: another description, focus or thumbnail, as long as no post shows it."""
    site: Site = request.app.state.site
    me = await _caller(request)
    medium_id = arguments.path_id(request)
    await site.db.read(lambda tx: _free(tx, me, medium_id))
    async with arguments.uploaded(request, Uploading) as asked:
        description, focus = described(asked.description), focused(asked.focus)

        def unit(tx: Tx) -> Medium:
            _free(tx, me, medium_id)
            actions.describe(tx, me, None, medium_id, description, focus)
            return _free(tx, me, medium_id)

        medium = await site.db.write(unit)
        if isinstance(asked.thumbnail, Upload) and asked.thumbnail.size and medium.kind in ("video", "audio"):
            medium = await processing.preview(site, medium, asked.thumbnail)
    return _answer(site, medium)


async def delete(request: Request) -> Response:
    """DELETE /api/v1/media/ID: gone at once; 422 for one that a post shows."""
    site: Site = request.app.state.site
    me = await _caller(request)
    medium_id = arguments.path_id(request)

    def unit(tx: Tx) -> None:
        found = media.by_id(tx, medium_id)
        if found is None or found.person_id != me.id or found.purpose != "post":
            raise NotFound
        if found.post_id is not None or found.scheduled_id is not None:
            raise Invalid("Media attachment is currently used by a status")
        actions.discard(tx, site, [found])

    await site.db.write(unit)
    return Json({})


def described(text: str | None) -> str | None:
    """A description as it is kept; None where none was sent. Raises Invalid for one that is too long."""
    if text is None:
        return None
    if len(text) > actions.MAX_DESCRIPTION:
        most = actions.MAX_DESCRIPTION
        raise Invalid(f"Validation failed: Description is too long (maximum is {most} characters)")
    return text.strip()


def focused(text: str | None) -> tuple[float, float] | None:
    """`x,y` as two numbers from -1 to 1; None for what are none, which Mastodon passes over as well."""
    parts = (text or "").split(",")
    try:
        x, y = (float(part) for part in parts)
    except ValueError:
        return None
    if not (math.isfinite(x) and math.isfinite(y)):
        return None
    return max(-1.0, min(x, 1.0)), max(-1.0, min(y, 1.0))


def shown(site: Site, medium: Medium) -> dict[str, Any]:
    """The MediaAttachment of a medium."""
    if medium.state != "ready":
        return pending(medium.id, medium.kind, medium.description, medium.blurhash)
    return attachment(0, 0, actions.rendered(site, medium))


def _answer(site: Site, medium: Medium) -> Response:
    if medium.state == "failed":
        return problem(medium.problem or processing.FAILED, 422)
    return Json(shown(site, medium), 200 if medium.state == "ready" else 206)


def _free(tx: Tx, me: Actor, medium_id: int) -> Medium:
    """A file of the caller's that no post shows. Raises NotFound for all else, as Mastodon."""
    found = media.by_id(tx, medium_id)
    if found is None or found.person_id != me.id or found.post_id is not None or found.purpose != "post":
        raise NotFound
    return found


async def _caller(request: Request) -> Actor:
    """Who uploads; asked before anything of the file is read."""
    site: Site = request.app.state.site
    token = bearer(request)
    return await site.db.read(lambda tx: known(identify(tx, token, "write:media")).me)


ROUTES = [
    Route("/api/v1/media", create_at_once, methods=["POST"]),
    Route("/api/v2/media", create, methods=["POST"]),
    Route("/api/v1/media/{id}", show),
    Route("/api/v1/media/{id}", update, methods=["PUT"]),
    Route("/api/v1/media/{id}", delete, methods=["DELETE"]),
]
