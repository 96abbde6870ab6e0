"""Hashtags: looked up, followed, and featured on a profile (docs.joinmastodon.org/methods/tags, /featured_tags)."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import visibility
from fedi.actions import hashtags as actions
from fedi.callers import bearer, identify, known, viewer
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from fedi.mastodon import arguments
from fedi.mastodon.accounts import existing
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.tag import featured, tag
from fedi.mastodon.paging import Paging, links
from fedi.visibility import NOBODY, Viewer
from storage import hashtags
from storage.hashtags import Featured
from storage.metadata import Tx
from storage.tags import plain

_SUGGESTED = 10


def entities(tx: Tx, site: Site, names: list[str], person_id: int | None) -> list[dict[str, Any]]:
    """Tag entities for these hashtags, with how much each was used in public in the last seven days."""
    now = site.clock()
    since = now - now % hashtags.DAY - 6 * hashtags.DAY
    used = hashtags.history(tx, names, since, visibility.visible_to(NOBODY))
    if person_id is None:
        return [tag(site.config.origin, name, now, used.get(name, {})) for name in names]
    mine = hashtags.followed_among(tx, person_id, names)
    shown = {row.tag for row in hashtags.featured(tx, person_id)}
    return [
        tag(site.config.origin, name, now, used.get(name, {}), following=name in mine, featuring=name in shown)
        for name in names
    ]


async def show(request: Request) -> Response:
    """GET /api/v1/tags/NAME: any hashtag, also one that nobody used yet; 404 for what can't be one."""
    site: Site = request.app.state.site
    name = _named(request)
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        caller = identify(tx, token)
        return entities(tx, site, [name], viewer(caller).person_id)[0]

    return Json(await site.db.read(unit))


async def follow(request: Request) -> Response:
    """POST /api/v1/tags/NAME/follow: public posts with it come into the caller's home."""
    return await _follow(request, on=True)


async def unfollow(request: Request) -> Response:
    """POST /api/v1/tags/NAME/unfollow."""
    return await _follow(request, on=False)


async def _follow(request: Request, *, on: bool) -> Response:
    site: Site = request.app.state.site
    name = _named(request)
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        me = known(identify(tx, token, "write:follows")).me
        (actions.follow if on else actions.unfollow)(tx, site, me, name)
        return entities(tx, site, [name], me.id)[0]

    return Json(await site.db.write(unit))


async def feature(request: Request) -> Response:
    """POST /api/v1/tags/NAME/feature: it stands on the caller's profile; again is nothing."""
    return await _feature(request, on=True)


async def unfeature(request: Request) -> Response:
    """POST /api/v1/tags/NAME/unfeature."""
    return await _feature(request, on=False)


async def _feature(request: Request, *, on: bool) -> Response:
    site: Site = request.app.state.site
    name = _named(request)
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        me = known(identify(tx, token, "write:accounts")).me
        if not on:
            hashtags.unfeature(tx, me.id, name)
        elif all(row.tag != name for row in hashtags.featured(tx, me.id)):
            actions.feature(tx, site, me, request.path_params["name"])
        return entities(tx, site, [name], me.id)[0]

    return Json(await site.db.write(unit))


async def followed(request: Request) -> Response:
    """GET /api/v1/followed_tags: last followed first."""
    site: Site = request.app.state.site
    page = arguments.query(request, Paging).page(100, 200)
    token = bearer(request)

    def unit(tx: Tx) -> tuple[list[dict[str, Any]], list[int]]:
        me = known(identify(tx, token, "read:follows")).me
        rows = hashtags.followed(tx, me.id, page.limit, page.max_id, page.since_id, page.min_id)
        return entities(tx, site, [name for _, name in rows], me.id), [cursor for cursor, _ in rows]

    found, cursors = await site.db.read(unit)
    return Json(found, headers=links(request, cursors[0], cursors[-1]) if cursors else None)


async def featured_tags(request: Request) -> Response:
    """GET /api/v1/featured_tags: those on the caller's profile."""
    site: Site = request.app.state.site
    token = bearer(request)

    def unit(tx: Tx) -> list[dict[str, Any]]:
        caller = known(identify(tx, token, "read:accounts"))
        return _shown(tx, site, caller.me.id, caller.viewer)

    return Json(await site.db.read(unit))


async def of_account(request: Request) -> Response:
    """GET /api/v1/accounts/ID/featured_tags: how many posts with each the caller may see, and when the last one was."""
    site: Site = request.app.state.site
    account_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> list[dict[str, Any]]:
        looks = viewer(identify(tx, token, "read:accounts"))
        return _shown(tx, site, existing(tx, account_id).id, looks)

    return Json(await site.db.read(unit))


class Naming(msgspec.Struct, kw_only=True):
    """The body of POST /api/v1/featured_tags."""

    name: str = ""


async def add(request: Request) -> Response:
    """POST /api/v1/featured_tags."""
    site: Site = request.app.state.site
    token = bearer(request)
    asked = await arguments.read(request, Naming)

    def unit(tx: Tx) -> dict[str, Any]:
        caller = known(identify(tx, token, "write:accounts"))
        made = actions.feature(tx, site, caller.me, asked.name)
        return _entity(tx, site, [made], caller.viewer)[0]

    return Json(await site.db.write(unit))


async def remove(request: Request) -> Response:
    """DELETE /api/v1/featured_tags/ID."""
    site: Site = request.app.state.site
    row_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> None:
        me = known(identify(tx, token, "write:accounts")).me
        found = hashtags.featured_by_id(tx, me.id, row_id)
        if found is None:
            raise NotFound
        hashtags.unfeature(tx, me.id, found.tag)

    await site.db.write(unit)
    return Json({})


async def suggestions(request: Request) -> Response:
    """GET /api/v1/featured_tags/suggestions: the hashtags that the caller uses most in posts that everyone may read."""
    site: Site = request.app.state.site
    token = bearer(request)

    def unit(tx: Tx) -> list[dict[str, Any]]:
        me = known(identify(tx, token, "read:accounts")).me
        names = hashtags.most_used(tx, me.id, _SUGGESTED, visibility.visible_to(NOBODY))
        return entities(tx, site, names, me.id)

    return Json(await site.db.read(unit))


def _shown(tx: Tx, site: Site, account_id: int, looks: Viewer) -> list[dict[str, Any]]:
    return _entity(tx, site, hashtags.featured(tx, account_id), looks)


def _entity(tx: Tx, site: Site, rows: list[Featured], looks: Viewer) -> list[dict[str, Any]]:
    if not rows:
        return []
    used = hashtags.used_by(tx, rows[0].person_id, [row.tag for row in rows], visibility.visible_to(looks))
    return [featured(site.config.origin, row, used.get(row.tag)) for row in rows]


def _named(request: Request) -> str:
    """The hashtag in the path, as hashtags are compared. Raises NotFound for what can't be one."""
    try:
        return plain(actions.check_name(request.path_params["name"]))
    except Invalid as problem:
        raise NotFound from problem


ROUTES = [
    Route("/api/v1/tags/{name}", show),
    Route("/api/v1/tags/{name}/follow", follow, methods=["POST"]),
    Route("/api/v1/tags/{name}/unfollow", unfollow, methods=["POST"]),
    Route("/api/v1/tags/{name}/feature", feature, methods=["POST"]),
    Route("/api/v1/tags/{name}/unfeature", unfeature, methods=["POST"]),
    Route("/api/v1/followed_tags", followed),
    Route("/api/v1/featured_tags", featured_tags),
    Route("/api/v1/featured_tags", add, methods=["POST"]),
    Route("/api/v1/featured_tags/suggestions", suggestions),
    Route("/api/v1/featured_tags/{id}", remove, methods=["DELETE"]),
    Route("/api/v1/accounts/{id}/featured_tags", of_account),
]
