"""Notifications in groups (v2, Mastodon 4.3): pages of groups, one group and who is in it, dismissing, counting."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.callers import Caller, bearer, identify, known
from fedi.context import Site
from fedi.errors import NotFound
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.account import account
from fedi.mastodon.entities.notification import Gathered, read_key, results, stands
from fedi.mastodon.load import Bundle
from fedi.mastodon.notifications import LIMIT, MOST, Wanted, clear, rows_of, unread
from fedi.mastodon.paging import Paging, fill, links
from storage import actors, notification_groups, notifications
from storage.metadata import Tx
from storage.notification_groups import GROUPED, Key, Place, Whole
from storage.timelines import Page


async def listed(request: Request) -> Response:
    """GET /api/v2/notifications: a page of groups.

    A group stands on one page only, where its newest notification is, and is counted whole.
    """
    site: Site = request.app.state.site
    asked = arguments.query(request, Wanted)
    token = bearer(request)

    def unit(tx: Tx) -> tuple[dict[str, Any], int | None, int | None]:
        caller = known(identify(tx, token, "read:notifications"))
        page = asked.page(LIMIT, MOST)
        found = _Reading(tx, site, caller, asked, page)
        filled = fill(page, found.fetch, lambda place: place.cursor, found.keep)
        gathered = [found.gathered[place.key] for place in filled.items]
        bounds = _bounds(page, filled.items)
        wholes = notification_groups.wholes(tx, caller.me.id, [one.key for one in gathered], *bounds, **_of_whom(asked))
        shown = [Gathered(one.key, one.newest, wholes.get(one.key)) for one in gathered]
        rows = found.rows(shown)
        return (
            results(
                rows, [one for one in shown if stands(rows, one.newest)], asked.expand_accounts, asked.supported_types
            ),
            filled.first,
            filled.last,
        )

    content, first, last = await site.db.read(unit)
    return Json(content, headers=links(request, first, last))


class _Reading:
    """The pages of groups that one request reads."""

    def __init__(self, tx: Tx, site: Site, caller: Caller, asked: Wanted, page: Page) -> None:
        self.tx, self.site, self.caller, self.asked = tx, site, caller, asked
        self.grouped = grouped_of(asked)
        self.below = page.max_id if page.min_id is None else None
        self.gathered: dict[Key, Gathered] = {}
        self._rows: list[Bundle] = []

    def fetch(self, page: Page) -> list[Place]:
        return notification_groups.page_of(self.tx, self.caller.me.id, page, self.grouped, **self.asked.chosen)

    def keep(self, places: list[Place]) -> list[Place]:
        """Those of which there is something to show, and which were on no page before this one."""
        me = self.caller.me.id
        wholes = notification_groups.wholes(self.tx, me, [place.key for place in places], **_of_whom(self.asked))
        ids = {place.key: _newest(wholes.get(place.key), place) for place in places}
        found = notifications.by_ids(self.tx, me, list(ids.values()))
        fresh = [
            place
            for place in places
            if ids[place.key] in found
            and place.key not in self.gathered
            and (self.below is None or ids[place.key] < self.below)
        ]
        made = {place.key: Gathered(place.key, found[ids[place.key]], wholes.get(place.key)) for place in fresh}
        rows = self.rows(list(made.values()))
        self._rows.append(rows)
        kept = [place for place in fresh if stands(rows, made[place.key].newest)]
        self.gathered |= {place.key: made[place.key] for place in kept}
        return kept

    def rows(self, shown: list[Gathered]) -> Bundle:
        """All that is needed to show these; the bundle of the one page that was read, when that has it."""
        if len(self._rows) == 1:
            return self._rows[0]
        return rows_of(self.tx, self.site, self.caller, [one.newest for one in shown], _samples(shown))


def _newest(whole: Whole | None, place: Place) -> int:
    return whole.newest_id if whole is not None else place.cursor


def _samples(shown: list[Gathered]) -> list[int]:
    return [actor for one in shown if one.whole is not None for actor in one.whole.actor_ids]


def _of_whom(asked: Wanted) -> dict[str, Any]:
    """What of `chosen` reaches into groups: a group has one kind."""
    return {name: asked.chosen[name] for name in ("actor_id", "filtered")}


def _bounds(page: Page, places: list[Place]) -> tuple[int, int]:
    """(oldest, newest id) that a page stands for: what its groups span, and to its bounds where it holds all there is."""
    oldest, newest = 0, (1 << 63) - 1
    if not places:
        return oldest, newest
    cursors = [place.cursor for place in places]
    if page.min_id is not None:
        oldest = min(cursors)
        newest = max(cursors) if len(places) >= page.limit else (page.max_id or newest + 1) - 1
    else:
        newest = max(cursors)
        oldest = min(cursors) if len(places) >= page.limit else (page.since_id or -1) + 1
    return oldest, newest


def grouped_of(asked: Wanted) -> list[str]:
    """The kinds to put together: those that the client can show so, else all."""
    return [kind for kind in GROUPED if not asked.grouped_types or kind in asked.grouped_types]


async def unread_count(request: Request) -> Response:
    """GET /api/v2/notifications/unread_count: how many groups have something after the marker, up to `limit`."""
    site: Site = request.app.state.site
    asked = arguments.query(request, Wanted)
    token = bearer(request)

    def unit(tx: Tx) -> int:
        caller = known(identify(tx, token, "read:notifications"))
        return unread(tx, site, caller, asked, grouped_of(asked))

    return Json({"count": await site.db.read_quickly(unit)})


def _key(request: Request) -> Key:
    key = read_key(request.path_params["id"])
    if key is None:
        raise NotFound
    return key


async def show(request: Request) -> Response:
    """GET /api/v2/notifications/KEY: one group."""
    site: Site = request.app.state.site
    asked = arguments.query(request, Wanted)
    key, token = _key(request), bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        caller = known(identify(tx, token, "read:notifications"))
        newest = notification_groups.members(tx, caller.me.id, key, Page(1))
        if not newest:
            raise NotFound
        whole = notification_groups.wholes(tx, caller.me.id, [key]).get(key)
        one = Gathered(key, newest[0], whole)
        rows = rows_of(tx, site, caller, newest, _samples([one]))
        if not stands(rows, one.newest):
            raise NotFound
        return results(rows, [one], asked.expand_accounts, asked.supported_types, paged=False)

    return Json(await site.db.read(unit))


async def accounts(request: Request) -> Response:
    """GET /api/v2/notifications/KEY/accounts: everyone in a group, newest first, in pages."""
    site: Site = request.app.state.site
    asked = arguments.query(request, Paging)
    key, token = _key(request), bearer(request)

    def unit(tx: Tx) -> tuple[list[msgspec.Raw], int | None, int | None]:
        caller = known(identify(tx, token, "read:notifications"))
        found = notification_groups.members(tx, caller.me.id, key, asked.page(LIMIT, MOST))
        if not found:
            if notification_groups.members(tx, caller.me.id, key, Page(1)):
                return [], None, None  # a page beyond the last
            raise NotFound
        if not stands(rows_of(tx, site, caller, found[:1]), found[0]):
            raise NotFound
        people = actors.by_ids(tx, [one.actor_id for one in found])
        shown = [account(site.config.origin, people[one.actor_id]) for one in found]
        return shown, found[0].id, found[-1].id

    content, first, last = await site.db.read(unit)
    return Json(content, headers=links(request, first, last))


async def dismiss(request: Request) -> Response:
    """POST /api/v2/notifications/KEY/dismiss: forget a group; again is nothing, as with Mastodon."""
    site: Site = request.app.state.site
    key, token = _key(request), bearer(request)

    def unit(tx: Tx) -> None:
        notification_groups.remove(tx, known(identify(tx, token, "write:notifications")).me.id, key)

    await site.db.write(unit)
    return Json({})


ROUTES = [
    Route("/api/v2/notifications", listed),
    Route("/api/v2/notifications/clear", clear, methods=["POST"]),
    Route("/api/v2/notifications/unread_count", unread_count),
    Route("/api/v2/notifications/{id}", show),
    Route("/api/v2/notifications/{id}/accounts", accounts),
    Route("/api/v2/notifications/{id}/dismiss", dismiss, methods=["POST"]),
]
