"""Who follows an account and whom it follows, as far as the caller may know; and familiar followers."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import hiding, visibility
from fedi.callers import bearer, identify, known, viewer
from fedi.context import Site
from fedi.mastodon import arguments, presenting
from fedi.mastodon.accounts import Several, may_know, there
from fedi.mastodon.answers import Json
from fedi.mastodon.paging import Paging, cursors, links
from storage import actors, follows
from storage.follows import Follow
from storage.metadata import Tx

_FAMILIAR = 10


async def followers(request: Request) -> Response:
    """GET /api/v1/accounts/ID/followers: of a group, its members; empty for who may not know them."""
    return await _edges(request, follows.followers, lambda row: row.follower_id)


async def following(request: Request) -> Response:
    """GET /api/v1/accounts/ID/following."""
    return await _edges(request, follows.following, lambda row: row.target_id)


async def _edges(request: Request, rows: Callable[..., list[Follow]], other: Callable[[Follow], int]) -> Response:
    """A page of one direction. Empty, as Mastodon's, of a suspended account, to others where the account hides these lists
    (`hide_collections`; the counts stay), and to whom it blocks; others never see whom they do not want to meet."""
    site: Site = request.app.state.site
    account_id = arguments.path_id(request)
    page = arguments.query(request, Paging).page(40, 80)
    token = bearer(request)

    def unit(tx: Tx) -> tuple[list[Any], list[int]]:
        looks = viewer(identify(tx, token, "read:accounts"))
        owner = there(tx, account_id)
        own = looks.person_id == owner.id
        if owner.state != "active" or (owner.hide_collections and not own):
            return [], []
        if visibility.shut_out(tx, looks, [owner.id]):
            return [], []
        if owner.is_group and not visibility.may_see_group(tx, looks, owner):
            return [], []
        edges = rows(tx, owner.id, page.limit, max_id=page.max_id, since_id=page.since_id, min_id=page.min_id)
        found = actors.by_ids(tx, [other(edge) for edge in edges])
        named = [found[other(edge)] for edge in edges if other(edge) in found]
        open_ones = may_know(tx, looks, [one for one in named if one.state == "active"])
        if not own:
            unwanted = hiding.hidden(tx, looks.person_id, site.clock())
            open_ones = [one for one in open_ones if unwanted.reads(one)]
        places = cursors([(edge.id, other(edge)) for edge in edges], {one.id for one in open_ones}, page.limit)
        return presenting.accounts(tx, site, open_ones), places

    found, places = await site.db.read(unit)
    return Json(found, headers=links(request, places[0], places[-1]) if places else None)


async def familiar_followers(request: Request) -> Response:
    """GET /api/v1/accounts/familiar_followers?id[]=…: who of those that the caller follows follows each of these."""
    site: Site = request.app.state.site
    ids = list(dict.fromkeys(arguments.query(request, Several).id))[:40]
    token = bearer(request)

    def unit(tx: Tx) -> list[dict[str, Any]]:
        caller = known(identify(tx, token, "read:follows"))
        there = actors.by_ids(tx, ids)
        asked = [there[one] for one in ids if one in there]
        open_ones = may_know(tx, caller.viewer, [one for one in asked if one.state == "active"])
        open_ids = [one.id for one in open_ones]
        shut = visibility.shut_out(tx, caller.viewer, open_ids)
        shared = follows.familiar(tx, caller.me.id, [one for one in open_ids if one not in shut], _FAMILIAR)
        everyone = actors.by_ids(tx, list({one for several in shared.values() for one in several}))
        unwanted = hiding.hidden(tx, caller.me.id, site.clock())
        wanted = [one for one in everyone.values() if unwanted.reads(one)]
        accounts = {one.id: made for one, made in zip(wanted, presenting.accounts(tx, site, wanted), strict=True)}
        return [
            {"id": str(one.id), "accounts": [accounts[each] for each in shared.get(one.id, ()) if each in accounts]}
            for one in asked
        ]

    return Json(await site.db.read(unit))


ROUTES = [
    Route("/api/v1/accounts/familiar_followers", familiar_followers),
    Route("/api/v1/accounts/{id}/followers", followers),
    Route("/api/v1/accounts/{id}/following", following),
]
