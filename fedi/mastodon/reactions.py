"""What one does to a status: favourite, reblog, bookmark, mute its thread, and their undoing; one's own lists; and who did."""

from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import visibility
from fedi.actions import reactions as actions
from fedi.callers import bearer, identify, known, viewer
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json
from fedi.mastodon.door import Endpoint
from fedi.mastodon.entities.account import account
from fedi.mastodon.entities.status import status, statuses
from fedi.mastodon.load import Shown, bundle, find
from fedi.mastodon.paging import Paging, links
from fedi.visibility import Viewer
from storage import actors, mutes, reactions
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post
from storage.timelines import Page

Deed = Callable[[Tx, Site, Actor, Post], Any]


def _deed(scope: str, do: Deed) -> Endpoint:
    """The endpoint that does `do` to the status in the path and answers with it as it is then."""

    async def endpoint(request: Request) -> Response:
        site: Site = request.app.state.site
        status_id = arguments.path_id(request)
        token = bearer(request)

        def unit(tx: Tx) -> msgspec.Raw:
            caller = known(identify(tx, token, scope))
            found = find(tx, caller.viewer, status_id)
            if found is None:
                raise NotFound
            do(tx, site, caller.me, found[1])
            # Loaded anew: counts and flags are those after the deed.
            one = Shown(found[1].id, found[1].id)
            shown = status(bundle(tx, site, caller.viewer, [one]), one)
            if shown is None:
                raise NotFound
            return shown

        return Json(await site.db.write(unit))

    return endpoint


favourite = _deed("write:favourites", actions.like)
unfavourite = _deed("write:favourites", actions.unlike)
unreblog = _deed("write:statuses", actions.unboost)
bookmark = _deed("write:bookmarks", lambda tx, site, me, post: actions.bookmark(tx, site, me.id, post))
unbookmark = _deed("write:bookmarks", lambda tx, site, me, post: actions.unbookmark(tx, site, me.id, post))


mute = _deed("write:mutes", lambda tx, site, me, post: mutes.mute_thread(tx, me.id, _root(post), site.clock()))
unmute = _deed("write:mutes", lambda tx, _, me, post: mutes.unmute_thread(tx, me.id, _root(post)))


def _root(post: Post) -> int:
    return post.root_id or post.id


class Boosting(msgspec.Struct, kw_only=True):
    """The body of POST /api/v1/statuses/ID/reblog."""

    visibility: str = "public"


_BOOST_VISIBILITY = {"public": "public", "unlisted": "unlisted", "private": "followers"}


async def reblog(request: Request) -> Response:
    """POST /api/v1/statuses/ID/reblog: the wrapper comes back, with the post as its `reblog`; `visibility` is who sees it."""
    site: Site = request.app.state.site
    status_id = arguments.path_id(request)
    token = bearer(request)
    await site.db.read(lambda tx: known(identify(tx, token, "write:statuses")).me)
    shown_to = _BOOST_VISIBILITY.get((await arguments.read(request, Boosting)).visibility)
    if shown_to is None:
        raise Invalid("Validation failed: Visibility is not included in the list")

    def unit(tx: Tx) -> msgspec.Raw:
        caller = known(identify(tx, token, "write:statuses"))
        found = find(tx, caller.viewer, status_id)
        if found is None:
            raise NotFound
        boost = actions.boost(tx, site, caller.me, found[1], shown_to)
        one = Shown(boost.id, boost.post_id, boost.actor_id)
        shown = status(bundle(tx, site, caller.viewer, [one]), one)
        if shown is None:
            raise NotFound
        return shown

    return Json(await site.db.write(unit))


async def favourited_by(request: Request) -> Response:
    """GET /api/v1/statuses/ID/favourited_by: the accounts that like it, newest first."""
    return await _who(
        request,
        lambda tx, _, post_id, page: [
            (row.id, row.actor_id)
            for row in reactions.likes_of(tx, post_id, page.limit, page.max_id, page.since_id, page.min_id)
        ],
    )


async def reblogged_by(request: Request) -> Response:
    """GET /api/v1/statuses/ID/reblogged_by: the accounts that boosted it, newest first."""
    return await _who(request, _boosters)


def _boosters(tx: Tx, looks: Viewer, post_id: int, page: Page) -> list[tuple[int, int]]:
    found = reactions.boosts_of(tx, post_id, page.limit, page.max_id, page.since_id, page.min_id)
    unseen = visibility.unseen_boosts(tx, looks, found)
    return [(row.id, row.actor_id) for row in found if row.id not in unseen]


async def _who(request: Request, rows: Callable[[Tx, Viewer, int, Page], list[tuple[int, int]]]) -> Response:
    site: Site = request.app.state.site
    status_id = arguments.path_id(request)
    page = arguments.query(request, Paging).page(40, 80)
    token = bearer(request)

    def unit(tx: Tx) -> tuple[list[msgspec.Raw], list[int]]:
        looks = viewer(identify(tx, token, "read:accounts", "read:statuses"))
        found = find(tx, looks, status_id)
        if found is None:
            raise NotFound
        pairs = rows(tx, looks, found[1].id, page)
        known_actors = actors.by_ids(tx, [actor_id for _, actor_id in pairs])
        shown = [
            account(site.config.origin, actor)
            for _, actor_id in pairs
            if (actor := known_actors.get(actor_id)) is not None and actor.state == "active"
        ]
        return shown, [cursor for cursor, _ in pairs]

    shown, cursors = await site.db.read(unit)
    return Json(shown, headers=links(request, cursors[0], cursors[-1]) if cursors else None)


async def favourites(request: Request) -> Response:
    """GET /api/v1/favourites: what the caller likes, newest like first; the cursor is that of likes."""
    return await _mine(
        request,
        "read:favourites",
        lambda tx, me, page: [
            (row.id, row.post_id) for row in reactions.liked_by(tx, me, page.limit, page.max_id, page.min_id)
        ],
    )


async def bookmarks(request: Request) -> Response:
    """GET /api/v1/bookmarks: what the caller remembers, newest bookmark first."""
    return await _mine(
        request,
        "read:bookmarks",
        lambda tx, me, page: reactions.bookmarks_of(tx, me, page.limit, page.max_id, page.min_id),
    )


async def _mine(request: Request, scope: str, rows: Callable[[Tx, int, Page], list[tuple[int, int]]]) -> Response:
    site: Site = request.app.state.site
    page = arguments.query(request, Paging).page()
    token = bearer(request)

    def unit(tx: Tx) -> tuple[list[msgspec.Raw], list[int]]:
        caller = known(identify(tx, token, scope))
        pairs = [pair for pair in rows(tx, caller.me.id, page) if pair[0] > (page.since_id or 0)]
        items = [Shown(post_id, post_id) for _, post_id in pairs]
        return statuses(bundle(tx, site, caller.viewer, items), items), [one for one, _ in pairs]

    shown, cursors = await site.db.read(unit)
    return Json(shown, headers=links(request, cursors[0], cursors[-1]) if cursors else None)


_POSTS: dict[str, Endpoint] = {
    "favourite": favourite,
    "unfavourite": unfavourite,
    "reblog": reblog,
    "unreblog": unreblog,
    "bookmark": bookmark,
    "unbookmark": unbookmark,
    "mute": mute,
    "unmute": unmute,
}

ROUTES = [
    *(Route(f"/api/v1/statuses/{{id}}/{name}", do, methods=["POST"]) for name, do in _POSTS.items()),
    Route("/api/v1/statuses/{id}/favourited_by", favourited_by),
    Route("/api/v1/statuses/{id}/reblogged_by", reblogged_by),
    Route("/api/v1/favourites", favourites),
    Route("/api/v1/bookmarks", bookmarks),
]
