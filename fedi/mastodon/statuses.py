"""Statuses: write, read and delete posts, and their threads.

Editing them is in `edits`, what one does to a status (favourite, reblog, bookmark) in `reactions`.
"""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.actions import moderation
from fedi.actions import posts as actions
from fedi.actions import scheduled as scheduled_actions
from fedi.actions.posts import KeyTaken
from fedi.actions.scheduled import draft_of
from fedi.callers import Caller, admit, bearer, identify, identify_writer, known, viewer
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, NotFound, Problem
from fedi.fetching.mentioned import meet, strangers_in
from fedi.mastodon import arguments, scheduled
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.account import account
from fedi.mastodon.entities.status import status, statuses
from fedi.mastodon.groups import posted_in
from fedi.mastodon.load import Shown, bundle, find
from fedi.mastodon.threads import around
from fedi.mastodon.writing import GROUP, Writing, time_of
from fedi.mastodon.written import answer
from storage import scheduled as scheduled_rows
from storage.actors import figures
from storage.metadata import Tx
from storage.posts import Post

_KEY = 255


async def create(request: Request) -> Response:
    """POST /api/v1/statuses: the status, or with `scheduled_at` the ScheduledStatus.

    With an Idempotency-Key the same request again gives the same one.
    """
    site: Site = request.app.state.site
    token = await admit(request, "write:statuses")
    asked = await arguments.read(request, Writing)
    key = request.headers.get("idempotency-key") or None
    if key is not None and len(key) > _KEY:
        raise Problem("The Idempotency-Key is longer than 255 characters")
    due_at = time_of(asked.scheduled_at)
    if strangers_in(asked.status):
        me = await site.db.read(lambda tx: known(identify(tx, token, "write:statuses")).me)
        await meet(site, me.id, asked.status)

    def unit(tx: Tx) -> Any:
        caller = identify_writer(tx, token, "write:statuses")
        before = figures(tx, caller.me)
        params = asked.params(caller.settings)
        if asked.quoted_status_id is not None:
            found = find(tx, caller.viewer, asked.quoted_status_id)  # a client may quote by the id of a boost
            if found is None:
                raise NotFound
            params["quoted_status_id"] = found[1].id
        if asked.in_reply_to_id is not None:
            found = find(tx, caller.viewer, asked.in_reply_to_id)  # and answer what a group boosted by that id
            params["in_reply_to_id"] = found[1].id if found is not None else asked.in_reply_to_id
        if asked.visibility == GROUP:
            params["text"] = posted_in(tx, site, asked.group_id, asked.status)
        draft = draft_of(params, site.clock(), asked.files(), caller.app_id)
        unexpected = _unexpected(tx, site, asked)
        if unexpected:
            return unexpected
        if due_at is not None and due_at > site.clock():
            made = scheduled_actions.schedule(tx, site, caller.me, draft, params, due_at, idempotency_key=key)
            return _shown(tx, site, caller, made) if isinstance(made, Post) else scheduled.shown(tx, site, [made])[0]
        try:
            written = actions.write(tx, site, caller.me, draft, idempotency_key=key)
        except KeyTaken as taken:
            earlier = scheduled_rows.by_id(tx, taken.earlier, caller.me.id)
            if earlier is None:
                raise
            return scheduled.shown(tx, site, [earlier])[0]  # what this key gave is still to be published
        return answer(tx, site, caller, before, written) or _shown(tx, site, caller, written.post)

    answered = await site.db.write_together(unit)
    if isinstance(answered, list):
        refused = {"error": "Post would be sent to unexpected accounts", "unexpected_accounts": answered}
        return Json(refused, 422)
    return Json(answered)


def _unexpected(tx: Tx, site: Site, asked: Writing) -> list[msgspec.Raw]:
    """The accounts that the text mentions and that are not among `allowed_mentions`, where a client gives those."""
    if asked.allowed_mentions is None:
        return []
    named = actions.mentioned(tx, site, asked.status)
    return [account(site.config.origin, one) for one in named if str(one.id) not in asked.allowed_mentions]


async def show(request: Request) -> Response:
    """GET /api/v1/statuses/ID; 404 for one that there is not and for one the caller may not see."""
    site: Site = request.app.state.site
    status_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> msgspec.Raw:
        looks = viewer(identify(tx, token, "read:statuses"))
        found = find(tx, looks, status_id)
        if found is None:
            raise NotFound
        shown = status(bundle(tx, site, looks, [found[0]], seen={found[1].id: found[1]}), found[0])
        if shown is None:
            raise NotFound
        return shown

    return Json(await site.db.read_quickly(unit))


class Several(msgspec.Struct, kw_only=True):
    """The query of GET /api/v1/statuses."""

    id: list[int] = msgspec.field(default_factory=list)


async def several(request: Request) -> Response:
    """GET /api/v1/statuses?id[]=…: up to 20 statuses; those the caller may not see are left out."""
    site: Site = request.app.state.site
    ids = list(dict.fromkeys(arguments.query(request, Several).id))
    if len(ids) > 20:
        raise Invalid("Validation failed: At most 20 ids")
    token = bearer(request)

    def unit(tx: Tx) -> list[msgspec.Raw]:
        looks = viewer(identify(tx, token, "read:statuses"))
        found = [one[0] for status_id in ids if (one := find(tx, looks, status_id)) is not None]
        return statuses(bundle(tx, site, looks, found), found)

    return Json(await site.db.read(unit))


async def context(request: Request) -> Response:
    """GET /api/v1/statuses/ID/context: the posts above it in its thread, and those below in tree order."""
    site: Site = request.app.state.site
    status_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        looks = viewer(identify(tx, token, "read:statuses"))
        found = find(tx, looks, status_id)
        if found is None:
            raise NotFound
        above, below = around(tx, looks, found[1], site.clock())
        items = [Shown(post.id, post.id) for post in (*above, *below)]
        rows = bundle(tx, site, looks, items, seen={post.id: post for post in (*above, *below)})
        shown = statuses(rows, items)
        return {"ancestors": shown[: len(above)], "descendants": shown[len(above) :]}

    return Json(await site.db.read(unit))


class Deleting(msgspec.Struct, kw_only=True):
    """The query or body of DELETE /api/v1/statuses/ID."""

    delete_media: bool = False


async def delete(request: Request) -> Response:
    """DELETE /api/v1/statuses/ID: the status as it was, with its `text`, so that a client can offer to write it anew.

    Its files can be used in that for a day, unless `delete_media` is sent. Of another's post in a group that the caller
    moderates it is a removal, which can be taken back.
    """
    site: Site = request.app.state.site
    status_id = arguments.path_id(request)
    token = bearer(request)
    await site.db.read(lambda tx: known(identify(tx, token, "write:statuses")).me)
    asked = await arguments.read(request, Deleting)

    def unit(tx: Tx) -> dict[str, Any]:
        caller = known(identify(tx, token, "write:statuses"))
        found = find(tx, caller.viewer, status_id)
        if found is None:
            raise NotFound
        post = found[1]
        shown = _shown(tx, site, caller, post)
        own = post.author_id == caller.me.id
        try:
            if own:
                actions.delete(tx, site, post, caller.me, keep_media=not asked.delete_media)
            else:
                moderation.remove(tx, site, caller.me, post, "")
        except Forbidden as problem:
            # Mastodon answers as if there were none.
            raise NotFound from problem
        return {**msgspec.json.decode(shown), "text": post.source or "" if own else ""}

    return Json(await site.db.write(unit))


def _shown(tx: Tx, site: Site, caller: Caller, post: Post) -> msgspec.Raw:
    """A post that the caller just wrote, as it will be answered."""
    one = Shown(post.id, post.id)
    shown = status(bundle(tx, site, caller.viewer, [one]), one)
    if shown is None:
        raise NotFound
    return shown


ROUTES = [
    Route("/api/v1/statuses", create, methods=["POST"]),
    Route("/api/v1/statuses", several),
    Route("/api/v1/statuses/{id}", show),
    Route("/api/v1/statuses/{id}", delete, methods=["DELETE"]),
    Route("/api/v1/statuses/{id}/context", context),
]
