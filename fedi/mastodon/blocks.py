"""Blocks and mutes of accounts: set, lift, list (docs.joinmastodon.org/methods/blocks, /mutes, /accounts)."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.actions import blocks as block_actions
from fedi.actions import mutes as mute_actions
from fedi.callers import bearer, identify, known
from fedi.context import Site
from fedi.errors import NotFound
from fedi.mastodon import arguments, presenting
from fedi.mastodon.accounts import SHOWN, there
from fedi.mastodon.answers import Json, moment
from fedi.mastodon.entities.account import account_dict
from fedi.mastodon.follows import standing
from fedi.mastodon.paging import Paging, links
from storage import actors, blocks, mutes
from storage.metadata import Tx
from storage.mutes import Mute


async def block(request: Request) -> Response:
    """POST /api/v1/accounts/ID/block."""
    site: Site = request.app.state.site
    account_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        me = known(identify(tx, token, "write:blocks")).me
        block_actions.block(tx, site, me, there(tx, account_id))
        return standing(tx, me, [account_id], site.clock())[0]

    return Json(await site.db.write(unit))


async def unblock(request: Request) -> Response:
    """POST /api/v1/accounts/ID/unblock; also of who is gone."""
    site: Site = request.app.state.site
    account_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        me = known(identify(tx, token, "write:blocks")).me
        target = actors.by_id(tx, account_id)
        if target is None:
            raise NotFound
        block_actions.unblock(tx, site, me, target)
        return standing(tx, me, [account_id], site.clock())[0]

    return Json(await site.db.write(unit))


async def blocked(request: Request) -> Response:
    """GET /api/v1/blocks: whom the caller blocks, last blocked first."""
    site: Site = request.app.state.site
    page = arguments.query(request, Paging).page(40, 80)
    token = bearer(request)

    def unit(tx: Tx) -> tuple[list[Any], list[int]]:
        me = known(identify(tx, token, "read:blocks")).me
        found = blocks.of_owner(tx, me.id, page)
        known_actors = actors.by_ids(tx, [one.actor_id for one in found])
        shown = [one for row in found if (one := known_actors[row.actor_id]).state in SHOWN]
        return presenting.accounts(tx, site, shown), [row.id for row in found]

    shown, cursors = await site.db.read(unit)
    return Json(shown, headers=links(request, cursors[0], cursors[-1]) if cursors else None)


class Muting(msgspec.Struct, kw_only=True):
    """The body of POST /api/v1/accounts/ID/mute: with notifications or without, for so many seconds (0: for ever)."""

    notifications: bool = True
    duration: int = 0


async def mute(request: Request) -> Response:
    """POST /api/v1/accounts/ID/mute; again changes how long, and whether notifications are hidden too."""
    site: Site = request.app.state.site
    account_id = arguments.path_id(request)
    token = bearer(request)
    asked = await arguments.read(request, Muting)

    def unit(tx: Tx) -> dict[str, Any]:
        me = known(identify(tx, token, "write:mutes")).me
        target = there(tx, account_id)
        mute_actions.mute(tx, site, me, target, notifications=asked.notifications, seconds=asked.duration)
        return standing(tx, me, [account_id], site.clock())[0]

    return Json(await site.db.write(unit))


async def unmute(request: Request) -> Response:
    """POST /api/v1/accounts/ID/unmute."""
    site: Site = request.app.state.site
    account_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        me = known(identify(tx, token, "write:mutes")).me
        target = actors.by_id(tx, account_id)
        if target is None:
            raise NotFound
        mute_actions.unmute(tx, me, target)
        return standing(tx, me, [account_id], site.clock())[0]

    return Json(await site.db.write(unit))


async def muted(request: Request) -> Response:
    """GET /api/v1/mutes: whom the caller mutes now, last muted first, each with when that ends (null: not by itself)."""
    site: Site = request.app.state.site
    page = arguments.query(request, Paging).page(40, 80)
    token = bearer(request)

    def unit(tx: Tx) -> tuple[list[dict[str, Any]], list[Mute]]:
        me = known(identify(tx, token, "read:mutes")).me
        found = mutes.page_of(tx, me.id, page, site.clock())
        known_actors = actors.by_ids(tx, [one.actor_id for one in found])
        about = presenting.about(tx, known_actors.values())
        shown = []
        for row in found:
            one = known_actors[row.actor_id]
            if one.state in SHOWN:
                until = None if row.until is None else moment(row.until)
                shown.append({**account_dict(site.config.origin, one, about.get(one.id)), "mute_expires_at": until})
        return shown, found

    shown, found = await site.db.read(unit)
    return Json(shown, headers=links(request, found[0].id, found[-1].id) if found else None)


ROUTES = [
    Route("/api/v1/accounts/{id}/block", block, methods=["POST"]),
    Route("/api/v1/accounts/{id}/unblock", unblock, methods=["POST"]),
    Route("/api/v1/accounts/{id}/mute", mute, methods=["POST"]),
    Route("/api/v1/accounts/{id}/unmute", unmute, methods=["POST"]),
    Route("/api/v1/blocks", blocked),
    Route("/api/v1/mutes", muted),
]
