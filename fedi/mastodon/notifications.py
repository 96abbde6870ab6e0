"""Notifications as a plain list (v1), one of them, and their clearing. Groups (v2) are `notification_groups`; both tell the
same, or a dot never goes away (hollo's changes).
"""

from dataclasses import replace
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import visibility
from fedi.actions import told
from fedi.actions.moderated import WARNING
from fedi.callers import Caller, bearer, identify, known
from fedi.context import Site
from fedi.errors import NotFound
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.notification import OF_MODERATION, notification, stands
from fedi.mastodon.kept import repeatable
from fedi.mastodon.load import Bundle, Shown, bundle
from fedi.mastodon.paging import Filled, Paging, fill, links
from storage import markers, notification_groups, notifications
from storage.metadata import Tx
from storage.notifications import Notification
from storage.timelines import Page

LIMIT = 40
MOST = 80
UNREAD = 100
MOST_UNREAD = 1000


class Wanted(Paging, kw_only=True):
    """The query of lists of notifications."""

    types: list[str] = msgspec.field(default_factory=list)
    exclude_types: list[str] = msgspec.field(default_factory=list)
    account_id: int | None = None
    include_filtered: bool = False
    supported_types: list[str] = msgspec.field(default_factory=list)
    grouped_types: list[str] = msgspec.field(default_factory=list)
    expand_accounts: str = "full"

    @property
    def chosen(self) -> dict[str, Any]:
        """Which notifications, as `storage.notifications.of_person` takes it."""
        return {
            "kinds": self.types or None,
            "without": self.exclude_types or None,
            "actor_id": self.account_id,
            # What waits of one account is shown to who asks for that account, as Mastodon does for its requests.
            "filtered": self.include_filtered or self.account_id is not None,
        }


@repeatable
async def listed(request: Request) -> Response:
    """GET /api/v1/notifications."""
    site: Site = request.app.state.site
    asked = arguments.query(request, Wanted)
    token = bearer(request)

    def unit(tx: Tx) -> tuple[list[dict[str, Any]], int | None, int | None]:
        caller = known(identify(tx, token, "read:notifications"))
        filled, rows = visible(tx, site, caller, asked.page(LIMIT, MOST), asked)
        shown = (notification(rows, one, asked.supported_types) for one in filled.items)
        return [one for one in shown if one is not None], filled.first, filled.last

    found, first, last = await site.db.read_quickly(unit)
    return Json(found, headers=links(request, first, last))


def visible(tx: Tx, site: Site, caller: Caller, page: Page, asked: Wanted) -> tuple[Filled[Notification], Bundle]:
    """A page of the caller's notifications whose posts they may still see, and the rows to show them."""
    me = caller.me.id
    rows: list[Bundle] = []

    def fetch(at: Page) -> list[Notification]:
        return notifications.of_person(tx, me, at, **asked.chosen)

    def keep(found: list[Notification]) -> list[Notification]:
        loaded = rows_of(tx, site, caller, found)
        rows.append(loaded)
        return [one for one in found if stands(loaded, one)]

    filled = fill(page, fetch, lambda one: one.id, keep)
    return filled, rows[0] if len(rows) == 1 else rows_of(tx, site, caller, filled.items)


def rows_of(tx: Tx, site: Site, caller: Caller, found: list[Notification], others: list[int] | None = None) -> Bundle:
    """Everything that these notifications show; `others` are further actors."""
    of_posts = {one.post_id for one in found if one.post_id is not None and one.kind not in OF_MODERATION}
    items = [Shown(post_id, post_id) for post_id in of_posts]
    kinds = {one.kind for one in found}
    wanted = [*(one.actor_id for one in found), *(others or ())]
    if WARNING in kinds:
        wanted.append(caller.me.id)
    rows = bundle(tx, site, caller.viewer, items, others=wanted)
    if not kinds.intersection(OF_MODERATION):
        return rows
    return replace(
        rows,
        warnings=told.warnings(tx, caller.me, found),
        reports=told.reports(tx, caller.me, found),
        severed=told.severed(tx, caller.me, found),
    )


async def show(request: Request) -> Response:
    """GET /api/v1/notifications/ID."""
    site: Site = request.app.state.site
    notification_id = arguments.path_id(request)
    asked = arguments.query(request, Wanted)
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        caller = known(identify(tx, token, "read:notifications"))
        one = notifications.by_id(tx, caller.me.id, notification_id)
        shown = None
        if one is not None:
            shown = notification(rows_of(tx, site, caller, [one]), one, asked.supported_types)
        if shown is None:
            raise NotFound
        return shown

    return Json(await site.db.read(unit))


async def clear(request: Request) -> Response:
    """POST /api/v1/notifications/clear (and v2's): forget them all."""
    site: Site = request.app.state.site
    token = bearer(request)

    def unit(tx: Tx) -> None:
        notifications.remove(tx, known(identify(tx, token, "write:notifications")).me.id)

    await site.db.write(unit)
    return Json({})


class Dismissed(msgspec.Struct, kw_only=True):
    """The form of the old `dismiss`, which names the notification beside the path."""

    id: int


async def dismiss(request: Request) -> Response:
    """POST /api/v1/notifications/ID/dismiss: forget one."""
    return await _dismissed(request, arguments.path_id(request))


async def dismiss_named(request: Request) -> Response:
    """POST /api/v1/notifications/dismiss with the id as a parameter, as before Mastodon 1.3 (megalodon's old form)."""
    return await _dismissed(request, (await arguments.read(request, Dismissed)).id)


async def _dismissed(request: Request, notification_id: int) -> Response:
    site: Site = request.app.state.site
    token = bearer(request)

    def unit(tx: Tx) -> None:
        me = known(identify(tx, token, "write:notifications")).me
        if notifications.by_id(tx, me.id, notification_id) is None:
            raise NotFound
        notifications.remove(tx, me.id, notification_id)

    await site.db.write(unit)
    return Json({})


async def unread_count(request: Request) -> Response:
    """GET /api/v1/notifications/unread_count: those after the marker, up to `limit`."""
    site: Site = request.app.state.site
    asked = arguments.query(request, Wanted)
    token = bearer(request)

    def unit(tx: Tx) -> int:
        return unread(tx, site, known(identify(tx, token, "read:notifications")), asked, None)

    return Json({"count": await site.db.read_quickly(unit)})


def unread(tx: Tx, site: Site, caller: Caller, asked: Wanted, grouped: list[str] | None) -> int:
    """How many notifications, or groups of `grouped` kinds, came after the marker: as many as the list shows, at most the
    limit asked for."""
    most = UNREAD if asked.limit is None else max(1, min(asked.limit, MOST_UNREAD))
    marker = markers.of_person(tx, caller.me.id).get("notifications")
    since = marker.last_read_id if marker is not None else 0
    conditions = [*notifications.wanted(caller.me.id, **asked.chosen), notifications.notifications.c.id > since]
    others = notifications.notifications.c.kind.not_in(OF_MODERATION)
    count = notification_groups.unread(tx, [*conditions, others], visibility.visible_to(caller.viewer), most, grouped)
    if count < most:
        # What moderators did stands as long as it was not taken back: that is not in the row.
        of_duty = Wanted(types=[one for one in OF_MODERATION if not asked.types or one in asked.types])
        chosen = asked.chosen | of_duty.chosen | {"actor_id": asked.account_id, "without": asked.exclude_types or None}
        if of_duty.types:
            found = notifications.of_person(tx, caller.me.id, Page(most, since_id=since), **chosen)
            if found:
                rows = rows_of(tx, site, caller, found)
                count += sum(stands(rows, one) for one in found)
    return min(count, most)


ROUTES = [
    Route("/api/v1/notifications", listed),
    Route("/api/v1/notifications/clear", clear, methods=["POST"]),
    Route("/api/v1/notifications/dismiss", dismiss_named, methods=["POST"]),
    Route("/api/v1/notifications/unread_count", unread_count),
    Route("/api/v1/notifications/{id}", show),
    Route("/api/v1/notifications/{id}/dismiss", dismiss, methods=["POST"]),
]
