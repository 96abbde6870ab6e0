"""Whose notifications wait in requests, and those requests (docs.joinmastodon.org/methods/notifications, since 4.3)."""

from dataclasses import replace
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.actions import notifying
from fedi.callers import Caller, bearer, identify, known
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json, moment
from fedi.mastodon.entities.account import account
from fedi.mastodon.entities.status import status
from fedi.mastodon.load import Shown, bundle
from fedi.mastodon.paging import Paging, links
from storage import notification_policies
from storage.metadata import Tx
from storage.notification_policies import NAMES, WORDS, Policy, Waiting
from storage.timelines import Page

LIMIT = 40
MOST = 80
COUNTED = 100
"""Requests that a summary counts (Mastodon's bound)."""

_SWITCHES = {
    "filter_not_following": "for_not_following",
    "filter_not_followers": "for_not_followers",
    "filter_new_accounts": "for_new_accounts",
    "filter_private_mentions": "for_private_mentions",
}
"""The switches of the first form (v1), which knows no `drop`."""


class Words(msgspec.Struct, kw_only=True):
    """What a client sets of a policy; what it leaves out stays."""

    for_not_following: str | None = None
    for_not_followers: str | None = None
    for_new_accounts: str | None = None
    for_private_mentions: str | None = None
    for_limited_accounts: str | None = None
    for_bots: str | None = None


class Switches(msgspec.Struct, kw_only=True):
    """The same in the first form."""

    filter_not_following: bool | None = None
    filter_not_followers: bool | None = None
    filter_new_accounts: bool | None = None
    filter_private_mentions: bool | None = None


class Several(msgspec.Struct, kw_only=True):
    """Requests to accept or dismiss at once."""

    id: list[int] = msgspec.field(default_factory=list)


def _words(tx: Tx, policy: Policy) -> dict[str, Any]:
    return {**{name: getattr(policy, name) for name in NAMES}, "summary": _summary(tx, policy.person_id)}


def _switches(tx: Tx, policy: Policy) -> dict[str, Any]:
    shown: dict[str, Any] = {name: getattr(policy, column) != "accept" for name, column in _SWITCHES.items()}
    return {**shown, "summary": _summary(tx, policy.person_id)}


def _summary(tx: Tx, person_id: int) -> dict[str, int]:
    requests, waiting = notification_policies.pending(tx, person_id, COUNTED)
    return {"pending_requests_count": requests, "pending_notifications_count": waiting}


async def policy(request: Request) -> Response:
    """GET /api/v1/notifications/policy and v2's."""
    site: Site = request.app.state.site
    token = bearer(request)
    shape = _words if request.url.path.startswith("/api/v2/") else _switches

    def unit(tx: Tx) -> dict[str, Any]:
        me = known(identify(tx, token, "read:notifications")).me
        return shape(tx, notification_policies.of_person(tx, me.id))

    return Json(await site.db.read(unit))


async def change_words(request: Request) -> Response:
    """PATCH /api/v2/notifications/policy: a word of `accept`, `filter` or `drop` for each kind of sender."""
    asked = await arguments.read(request, Words)
    changed = {name: value for name in NAMES if (value := getattr(asked, name)) is not None}
    for name, value in changed.items():
        if value not in WORDS:
            raise Invalid(f"Validation failed: {name.capitalize().replace('_', ' ')} is not included in the list")
    return await _changed(request, changed, _words)


async def change_switches(request: Request) -> Response:
    """PUT /api/v1/notifications/policy: switches; what is dropped stays dropped when its switch stays on."""
    asked = await arguments.read(request, Switches)
    changed = {
        column: ("filter" if value else "accept")
        for name, column in _SWITCHES.items()
        if (value := getattr(asked, name)) is not None
    }
    return await _changed(request, changed, _switches)


async def _changed(request: Request, changed: dict[str, str], shape: Any) -> Response:
    site: Site = request.app.state.site
    token = bearer(request)
    keep_drop = shape is _switches

    def unit(tx: Tx) -> dict[str, Any]:
        me = known(identify(tx, token, "write:notifications")).me
        before = notification_policies.of_person(tx, me.id)
        values: dict[str, Any] = {
            name: word
            for name, word in changed.items()
            if not (keep_drop and word == "filter" and getattr(before, name) == "drop")
        }
        made = replace(before, **values)
        notification_policies.save(tx, made)
        content: dict[str, Any] = shape(tx, made)
        return content

    return Json(await site.db.write(unit))


def _shown(tx: Tx, site: Site, caller: Caller, found: list[Waiting]) -> list[dict[str, Any]]:
    """NotificationRequests. The last status is shown if the caller may see it still."""
    posts = [Shown(one.last_post_id, one.last_post_id) for one in found if one.last_post_id is not None]
    rows = bundle(tx, site, caller.viewer, posts, others=[one.request.actor_id for one in found])
    return [
        {
            "id": str(one.request.id),
            "created_at": moment(one.request.created_at),
            "updated_at": moment(one.request.updated_at),
            "notifications_count": str(one.count),  # a string in Mastodon's JSON
            "account": account(site.config.origin, rows.actors[one.request.actor_id]),
            "last_status": None
            if one.last_post_id is None
            else status(rows, Shown(one.last_post_id, one.last_post_id)),
        }
        for one in found
        if one.request.actor_id in rows.actors
    ]


async def listed(request: Request) -> Response:
    """GET /api/v1/notifications/requests: from whom something waits, newest request first."""
    site: Site = request.app.state.site
    page = arguments.query(request, Paging).page(LIMIT, MOST)
    token = bearer(request)

    def unit(tx: Tx) -> tuple[list[dict[str, Any]], int | None, int | None]:
        caller = known(identify(tx, token, "read:notifications"))
        found = notification_policies.requests(tx, caller.me.id, page)
        shown = _shown(tx, site, caller, found)
        return (shown, found[0].request.id, found[-1].request.id) if found else (shown, None, None)

    content, first, last = await site.db.read(unit)
    return Json(content, headers=links(request, first, last))


async def show(request: Request) -> Response:
    """GET /api/v1/notifications/requests/ID."""
    site: Site = request.app.state.site
    request_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        caller = known(identify(tx, token, "read:notifications"))
        shown = _shown(tx, site, caller, notification_policies.requests(tx, caller.me.id, Page(1), [request_id]))
        if not shown:
            raise NotFound
        return shown[0]

    return Json(await site.db.read(unit))


async def accept(request: Request) -> Response:
    """POST /api/v1/notifications/requests/ID/accept: show what waits of this one, and hold nothing more back."""
    return await _settled(request, [arguments.path_id(request)], notifying.accept, one=True)


async def dismiss(request: Request) -> Response:
    """POST /api/v1/notifications/requests/ID/dismiss: what waits of this one goes."""
    return await _settled(request, [arguments.path_id(request)], notifying.dismiss, one=True)


async def accept_several(request: Request) -> Response:
    """POST /api/v1/notifications/requests/accept, of every `id[]` that there is."""
    return await _settled(request, (await arguments.read(request, Several)).id, notifying.accept)


async def dismiss_several(request: Request) -> Response:
    """POST /api/v1/notifications/requests/dismiss, of every `id[]` that there is."""
    return await _settled(request, (await arguments.read(request, Several)).id, notifying.dismiss)


async def _settled(request: Request, ids: list[int], settle: Any, *, one: bool = False) -> Response:
    site: Site = request.app.state.site
    token = bearer(request)

    def unit(tx: Tx) -> None:
        me = known(identify(tx, token, "write:notifications")).me
        found = notification_policies.requests(tx, me.id, Page(max(1, len(ids))), ids) if ids else []
        if one and not found:
            raise NotFound
        if found:
            settle(tx, me, [waiting.request.actor_id for waiting in found])

    await site.db.write(unit)
    return Json({})


async def merged(request: Request) -> Response:
    """GET /api/v1/notifications/requests/merged: what was accepted is among the others already, as it goes at once."""
    site: Site = request.app.state.site
    token = bearer(request)
    await site.db.read(lambda tx: known(identify(tx, token, "read:notifications")).me)
    return Json({"merged": True})


ROUTES = [
    Route("/api/v1/notifications/policy", policy),
    Route("/api/v1/notifications/policy", change_switches, methods=["PUT"]),
    Route("/api/v2/notifications/policy", policy),
    Route("/api/v2/notifications/policy", change_words, methods=["PATCH"]),
    Route("/api/v1/notifications/requests", listed),
    Route("/api/v1/notifications/requests/merged", merged),
    Route("/api/v1/notifications/requests/accept", accept_several, methods=["POST"]),
    Route("/api/v1/notifications/requests/dismiss", dismiss_several, methods=["POST"]),
    Route("/api/v1/notifications/requests/{id}", show),
    Route("/api/v1/notifications/requests/{id}/accept", accept, methods=["POST"]),
    Route("/api/v1/notifications/requests/{id}/dismiss", dismiss, methods=["POST"]),
]
