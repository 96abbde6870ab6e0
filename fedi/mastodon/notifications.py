"""Notifications: the plain list (v1), the grouped one (v2), and their clearing. Both tell the same (hollo: a dot that
never goes away comes from two that differ).
"""

from dataclasses import replace
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.actions import told
from fedi.actions.moderated import WARNING
from fedi.callers import Caller, bearer, identify, known
from fedi.context import Site
from fedi.errors import NotFound
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.account import account
from fedi.mastodon.entities.notification import OF_MODERATION, group_key, groups, notification
from fedi.mastodon.load import Bundle, Shown, bundle
from fedi.mastodon.paging import Filled, Paging, fill, links
from storage import actors, markers, notifications
from storage.metadata import Tx
from storage.notifications import Notification
from storage.timelines import Page

MOST = 80
_UNREAD = 1000


class Wanted(Paging, kw_only=True):
    """The query of lists of notifications."""

    types: list[str] = msgspec.field(default_factory=list)
    exclude_types: list[str] = msgspec.field(default_factory=list)
    account_id: int | None = None
    grouped_types: list[str] = msgspec.field(default_factory=list)
    expand_accounts: str = "full"


async def listed(request: Request) -> Response:
    """GET /api/v1/notifications."""
    site: Site = request.app.state.site
    asked = arguments.query(request, Wanted)
    token = bearer(request)

    def unit(tx: Tx) -> tuple[list[dict[str, Any]], int | None, int | None]:
        caller = known(identify(tx, token, "read:notifications"))
        filled, rows = visible(tx, site, caller, asked.page(40, MOST), asked)
        shown = (notification(rows, one) for one in filled.items)
        return [one for one in shown if one is not None], filled.first, filled.last

    found, first, last = await site.db.read(unit)
    return Json(found, headers=links(request, first, last))


def visible(tx: Tx, site: Site, caller: Caller, page: Page, asked: Wanted) -> tuple[Filled[Notification], Bundle]:
    """A page of the caller's notifications whose posts they may still see, and the rows to show them."""
    me = caller.me.id
    rows: list[Bundle] = []

    def fetch(at: Page) -> list[Notification]:
        return notifications.of_person(
            tx, me, at, kinds=asked.types or None, without=asked.exclude_types or None, actor_id=asked.account_id
        )

    def keep(found: list[Notification]) -> list[Notification]:
        loaded = rows_of(tx, site, caller, found)
        rows.append(loaded)
        return [one for one in found if _stands(loaded, one)]

    filled = fill(page, fetch, lambda one: one.id, keep)
    return filled, rows[0] if len(rows) == 1 else rows_of(tx, site, caller, filled.items)


def rows_of(tx: Tx, site: Site, caller: Caller, found: list[Notification]) -> Bundle:
    """Everything that these notifications show."""
    of_posts = {one.post_id for one in found if one.post_id is not None and one.kind not in OF_MODERATION}
    items = [Shown(post_id, post_id) for post_id in of_posts]
    kinds = {one.kind for one in found}
    others = [one.actor_id for one in found]
    if WARNING in kinds:
        others.append(caller.me.id)
    rows = bundle(tx, site, caller.viewer, items, others=others)
    if not kinds.intersection(OF_MODERATION):
        return rows
    return replace(rows, warnings=told.warnings(tx, caller.me, found), reports=told.reports(tx, caller.me, found))


def _stands(rows: Bundle, one: Notification) -> bool:
    actor = rows.actors.get(one.actor_id)
    if actor is None or actor.state != "active":
        return False
    if one.kind in OF_MODERATION:
        # The post may be removed: that is what is told.
        return one.id in rows.warnings or one.id in rows.reports
    return one.post_id is None or one.post_id in rows.posts


async def show(request: Request) -> Response:
    """GET /api/v1/notifications/ID."""
    site: Site = request.app.state.site
    notification_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        caller = known(identify(tx, token, "read:notifications"))
        one = notifications.by_id(tx, caller.me.id, notification_id)
        shown = None if one is None else notification(rows_of(tx, site, caller, [one]), one)
        if shown is None:
            raise NotFound
        return shown

    return Json(await site.db.read(unit))


async def clear(request: Request) -> Response:
    """POST /api/v1/notifications/clear: forget them all."""
    site: Site = request.app.state.site
    token = bearer(request)

    def unit(tx: Tx) -> None:
        notifications.remove(tx, known(identify(tx, token, "write:notifications")).me.id)

    await site.db.write(unit)
    return Json({})


async def dismiss(request: Request) -> Response:
    """POST /api/v1/notifications/ID/dismiss: forget one."""
    site: Site = request.app.state.site
    notification_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> None:
        me = known(identify(tx, token, "write:notifications")).me
        if notifications.by_id(tx, me.id, notification_id) is None:
            raise NotFound
        notifications.remove(tx, me.id, notification_id)

    await site.db.write(unit)
    return Json({})


async def unread_count(request: Request) -> Response:
    """GET /api/v1/notifications/unread_count, and v2's (which counts groups): those after the marker, up to `limit`."""
    site: Site = request.app.state.site
    asked = arguments.query(request, Wanted)
    token = bearer(request)
    most = 100 if asked.limit is None else max(1, min(asked.limit, _UNREAD))
    grouped = request.url.path.startswith("/api/v2/")

    def unit(tx: Tx) -> int:
        caller = known(identify(tx, token, "read:notifications"))
        marker = markers.of_person(tx, caller.me.id).get("notifications")
        page = Page(most, since_id=marker.last_read_id if marker is not None else None)
        filled, _ = visible(tx, site, caller, page, asked)
        if grouped:
            return len({group_key(one) for one in filled.items})
        return len(filled.items)

    return Json({"count": await site.db.read(unit)})


async def grouped(request: Request) -> Response:
    """GET /api/v2/notifications: likes and boosts of one post, and follows, within half a day are one group."""
    site: Site = request.app.state.site
    asked = arguments.query(request, Wanted)
    token = bearer(request)

    def unit(tx: Tx) -> tuple[dict[str, Any], int | None, int | None]:
        caller = known(identify(tx, token, "read:notifications"))
        filled, rows = visible(tx, site, caller, asked.page(40, MOST), asked)
        shown = groups(rows, filled.items, asked.grouped_types or None, asked.expand_accounts)
        return shown, filled.first, filled.last

    found, first, last = await site.db.read(unit)
    return Json(found, headers=links(request, first, last))


def _of_group(tx: Tx, caller: Caller, key: str) -> list[Notification]:
    """The notifications of a group, newest first. Raises NotFound when there is none."""
    kind, _, rest = key.partition("-")
    if kind == "ungrouped":
        one = (
            notifications.by_id(tx, caller.me.id, int(rest))
            if rest.isascii() and rest.isdigit() and len(rest) < 19
            else None
        )
        found = [one] if one is not None else []
    else:
        page = Page(_UNREAD)
        found = [one for one in notifications.of_person(tx, caller.me.id, page, kinds=[kind]) if group_key(one) == key]
    if not found:
        raise NotFound
    return found


async def show_group(request: Request) -> Response:
    """GET /api/v2/notifications/KEY: one group."""
    site: Site = request.app.state.site
    key = request.path_params["id"]
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        caller = known(identify(tx, token, "read:notifications"))
        found = _of_group(tx, caller, key)
        return groups(rows_of(tx, site, caller, found), found, None, "full")

    return Json(await site.db.read(unit))


async def group_accounts(request: Request) -> Response:
    """GET /api/v2/notifications/KEY/accounts: everyone in a group."""
    site: Site = request.app.state.site
    key = request.path_params["id"]
    token = bearer(request)

    def unit(tx: Tx) -> list[msgspec.Raw]:
        caller = known(identify(tx, token, "read:notifications"))
        ids = list(dict.fromkeys(one.actor_id for one in _of_group(tx, caller, key)))
        found = actors.by_ids(tx, ids)
        return [account(site.config.origin, found[one]) for one in ids if one in found and found[one].state == "active"]

    return Json(await site.db.read(unit))


async def dismiss_group(request: Request) -> Response:
    """POST /api/v2/notifications/KEY/dismiss: forget a group."""
    site: Site = request.app.state.site
    key = request.path_params["id"]
    token = bearer(request)

    def unit(tx: Tx) -> None:
        caller = known(identify(tx, token, "write:notifications"))
        for one in _of_group(tx, caller, key):
            notifications.remove(tx, caller.me.id, one.id)

    await site.db.write(unit)
    return Json({})


async def policy(request: Request) -> Response:
    """GET /api/v2/notifications/policy: nothing is held back here."""
    site: Site = request.app.state.site
    token = bearer(request)
    await site.db.read(lambda tx: known(identify(tx, token, "read:notifications")).me)
    kinds = (
        "for_not_following",
        "for_not_followers",
        "for_new_accounts",
        "for_private_mentions",
        "for_limited_accounts",
        "for_bots",
    )
    summary = {"pending_requests_count": 0, "pending_notifications_count": 0}
    return Json({**dict.fromkeys(kinds, "accept"), "summary": summary})


ROUTES = [
    Route("/api/v1/notifications", listed),
    Route("/api/v1/notifications/clear", clear, methods=["POST"]),
    Route("/api/v1/notifications/unread_count", unread_count),
    Route("/api/v1/notifications/{id}", show),
    Route("/api/v1/notifications/{id}/dismiss", dismiss, methods=["POST"]),
    Route("/api/v2/notifications", grouped),
    Route("/api/v2/notifications/clear", clear, methods=["POST"]),
    Route("/api/v2/notifications/unread_count", unread_count),
    Route("/api/v2/notifications/policy", policy),
    Route("/api/v2/notifications/{id}", show_group),
    Route("/api/v2/notifications/{id}/accounts", group_accounts),
    Route("/api/v2/notifications/{id}/dismiss", dismiss_group, methods=["POST"]),
]
