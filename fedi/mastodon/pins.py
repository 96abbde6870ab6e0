"""Pins: one's own posts on one's profile, and a moderator's pin of a thread in its group."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.actions import moderation, pins
from fedi.callers import bearer, identify, known
from fedi.context import Site
from fedi.errors import NotFound
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.status import status
from fedi.mastodon.load import Shown, bundle, find
from storage import actors
from storage import pins as rows
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post


async def pin(request: Request) -> Response:
    """POST /api/v1/statuses/ID/pin: a moderator's thread goes first in the group as well as on their profile."""
    return await _change(request, pinned=True)


async def unpin(request: Request) -> Response:
    """POST /api/v1/statuses/ID/unpin."""
    return await _change(request, pinned=False)


async def _change(request: Request, *, pinned: bool) -> Response:
    site: Site = request.app.state.site
    status_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> msgspec.Raw:
        caller = known(identify(tx, token, "write:accounts"))
        found = find(tx, caller.viewer, status_id)
        if found is None:
            raise NotFound
        post = found[1]
        group = _moderated(tx, caller.me, post)
        if group is not None and _in_group(tx, group, post) != pinned:
            (moderation.pin if pinned else moderation.unpin)(tx, site, caller.me, group, post)
        if group is None or post.author_id == caller.me.id:
            # Of another's post in no group that one moderates, this says that it can't be.
            (pins.pin if pinned else pins.unpin)(tx, site, caller.me, post)
        one = Shown(post.id, post.id)
        shown = status(bundle(tx, site, caller.viewer, [one]), one)
        if shown is None:
            raise NotFound
        return shown

    return Json(await site.db.write(unit))


def _moderated(tx: Tx, me: Actor, post: Post) -> Actor | None:
    """The group whose thread this post begins, where the caller moderates it."""
    if post.group_id is None or post.reply_to_iri is not None:
        return None
    group = actors.by_id(tx, post.group_id)
    return group if group is not None and moderation.may_moderate(tx, me, group) else None


def _in_group(tx: Tx, group: Actor, post: Post) -> bool:
    return any(one.post_id == post.id for one in rows.of(tx, group.id))


ROUTES = [
    Route("/api/v1/statuses/{id}/pin", pin, methods=["POST"]),
    Route("/api/v1/statuses/{id}/unpin", unpin, methods=["POST"]),
]
