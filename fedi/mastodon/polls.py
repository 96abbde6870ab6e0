"""Polls: show one, and vote. They begin with a status (`statuses`)."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import visibility
from fedi.actions import polls as actions
from fedi.callers import bearer, identify, known, viewer
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.status import own_poll
from fedi.mastodon.load import Shown, bundle
from fedi.visibility import Viewer
from storage.metadata import Tx


async def show(request: Request) -> Response:
    """GET /api/v1/polls/ID; 404 where there is none, and for one whose post the caller may not see."""
    site: Site = request.app.state.site
    poll_id = arguments.path_id(request)
    token = bearer(request)
    return Json(await site.db.read(lambda tx: _shown(tx, site, viewer(identify(tx, token, "read:statuses")), poll_id)))


class Votes(msgspec.Struct, kw_only=True):
    """The body of POST /api/v1/polls/ID/votes: positions among the options."""

    choices: list[int] = msgspec.field(default_factory=list)


async def vote(request: Request) -> Response:
    """POST /api/v1/polls/ID/votes: the poll comes back as it is then."""
    site: Site = request.app.state.site
    poll_id = arguments.path_id(request)
    token = bearer(request)
    await site.db.read(lambda tx: known(identify(tx, token, "write:statuses")).me)
    asked = await arguments.read(request, Votes)
    if not asked.choices:
        raise Invalid("Validation failed: Choices can't be blank")

    def unit(tx: Tx) -> dict[str, Any]:
        caller = known(identify(tx, token, "write:statuses"))
        post = visibility.seen(tx, caller.viewer, [poll_id]).get(poll_id)
        if post is None:
            raise NotFound
        actions.vote(tx, site, caller.me, post, asked.choices)
        return _shown(tx, site, caller.viewer, poll_id)

    return Json(await site.db.write(unit))


def _shown(tx: Tx, site: Site, looks: Viewer, poll_id: int) -> dict[str, Any]:
    rows = bundle(tx, site, looks, [Shown(poll_id, poll_id)])
    post = rows.posts.get(poll_id)
    found = own_poll(rows, post) if post is not None else None
    if found is None:
        raise NotFound
    return found


ROUTES = [
    Route("/api/v1/polls/{id}", show),
    Route("/api/v1/polls/{id}/votes", vote, methods=["POST"]),
]
