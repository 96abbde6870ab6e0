"""The pictures of a profile: avatar and header, as they come with a change of it, and their removal."""

from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.actions import profiles
from fedi.callers import Caller, bearer, identify, known
from fedi.context import Site
from fedi.errors import Invalid
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.account import credentials
from fedi.media import processing
from fedi.media.multipart import Upload
from storage import follows, people
from storage.media import Medium
from storage.metadata import Tx


async def taken(site: Site, person_id: int, given: dict[str, Any]) -> dict[str, Medium | None]:
    """The pictures in a form, by `avatar` and `header`, worked out and ready for `update_profile`; what isn't given is left
    out. Raises Invalid, in Mastodon's words, for what can't be shown."""
    found: dict[str, Medium | None] = {}
    for purpose, upload in given.items():
        if isinstance(upload, Upload) and upload.size:
            processing.check(site, upload)
            medium = await processing.receive(site, person_id, upload, purpose=purpose)
            found[purpose] = await processing.finish(site, medium, 3 * processing.SECONDS)
        elif upload and not isinstance(upload, Upload):
            name = purpose.capitalize()
            raise Invalid(f"Validation failed: {name} content type is invalid, {name} is invalid")
    return found


async def delete_avatar(request: Request) -> Response:
    """DELETE /api/v1/profile/avatar: the CredentialAccount, with the picture of who has none; also when there was none."""
    return await _delete(request, "avatar")


async def delete_header(request: Request) -> Response:
    """DELETE /api/v1/profile/header: the same of the header."""
    return await _delete(request, "header")


async def _delete(request: Request, purpose: str) -> Response:
    site: Site = request.app.state.site
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        caller: Caller = known(identify(tx, token, "write:accounts"))
        description = {f"{purpose}_description": ""}
        me = profiles.update_profile(tx, site, caller.me, pictures={purpose: None}, **description)  # type: ignore[arg-type]  # its name is made up
        me = replace(me, following_count=follows.total(tx, me.id))
        return credentials(site.config.origin, me, people.by_id(tx, me.id), follows.count(tx, me.id, "pending"))

    return Json(await site.db.write(unit))


ROUTES = [
    Route("/api/v1/profile/avatar", delete_avatar, methods=["DELETE"]),
    Route("/api/v1/profile/header", delete_header, methods=["DELETE"]),
]
