"""Lists and who is in them (docs.joinmastodon.org/methods/lists). What a list shows is in `timelines`."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.actions import lists as actions
from fedi.callers import bearer, identify, known
from fedi.context import Site
from fedi.errors import NotFound
from fedi.mastodon import arguments
from fedi.mastodon.accounts import existing
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.account import account
from fedi.mastodon.paging import Paging, links
from storage import actors, lists
from storage.actors import Actor
from storage.lists import List
from storage.metadata import Tx


def entity(one: List) -> dict[str, Any]:
    """The List entity."""
    return {
        "id": str(one.id),
        "title": one.title,
        "replies_policy": one.replies_policy,
        "exclusive": one.exclusive,
    }


async def index(request: Request) -> Response:
    """GET /api/v1/lists: the caller's, oldest first."""
    site: Site = request.app.state.site
    token = bearer(request)

    def unit(tx: Tx) -> list[List]:
        return lists.of_person(tx, known(identify(tx, token, "read:lists")).me.id)

    return Json([entity(one) for one in await site.db.read(unit)])


class Writing(msgspec.Struct, kw_only=True):
    """The body of POST /api/v1/lists and of PUT /api/v1/lists/ID."""

    title: str | None = None
    replies_policy: str | None = None
    exclusive: bool | None = None


async def create(request: Request) -> Response:
    """POST /api/v1/lists."""
    site: Site = request.app.state.site
    token = bearer(request)
    asked = await arguments.read(request, Writing)

    def unit(tx: Tx) -> List:
        me = known(identify(tx, token, "write:lists")).me
        return actions.create(
            tx,
            site,
            me,
            asked.title or "",
            replies_policy=asked.replies_policy or "list",
            exclusive=bool(asked.exclusive),
        )

    return Json(entity(await site.db.write(unit)))


async def show(request: Request) -> Response:
    """GET /api/v1/lists/ID."""
    site: Site = request.app.state.site
    list_id = arguments.path_id(request)
    token = bearer(request)
    return Json(entity(await site.db.read(lambda tx: _own(tx, token, "read:lists", list_id))))


async def edit(request: Request) -> Response:
    """PUT /api/v1/lists/ID: what is left out stays."""
    site: Site = request.app.state.site
    list_id = arguments.path_id(request)
    token = bearer(request)
    asked = await arguments.read(request, Writing)

    def unit(tx: Tx) -> List:
        return actions.edit(
            tx,
            _own(tx, token, "write:lists", list_id),
            title=asked.title,
            replies_policy=asked.replies_policy,
            exclusive=asked.exclusive,
        )

    return Json(entity(await site.db.write(unit)))


async def delete(request: Request) -> Response:
    """DELETE /api/v1/lists/ID."""
    site: Site = request.app.state.site
    list_id = arguments.path_id(request)
    token = bearer(request)
    await site.db.write(lambda tx: lists.remove(tx, _own(tx, token, "write:lists", list_id).id))
    return Json({})


async def members(request: Request) -> Response:
    """GET /api/v1/lists/ID/accounts; with `limit=0` all at once, as Mastodon has it."""
    site: Site = request.app.state.site
    list_id = arguments.path_id(request)
    asked = arguments.query(request, Paging)
    everyone = asked.limit == 0
    page = asked.page(40, 80)
    token = bearer(request)

    def unit(tx: Tx) -> tuple[list[Actor], list[int]]:
        one = _own(tx, token, "read:lists", list_id)
        if everyone:
            rows = lists.members(tx, one.id, None)
        else:
            rows = lists.members(tx, one.id, page.limit, page.max_id, page.since_id, page.min_id)
        found = actors.by_ids(tx, [actor_id for _, actor_id in rows])
        shown = [found[actor_id] for _, actor_id in rows if actor_id in found and found[actor_id].state == "active"]
        return shown, [cursor for cursor, _ in rows]

    shown, cursors = await site.db.read(unit)
    headers = links(request, cursors[0], cursors[-1]) if cursors and not everyone else None
    return Json([account(site.config.origin, one) for one in shown], headers=headers)


class Accounts(msgspec.Struct, kw_only=True):
    """Whom to add or to take out: in the body, or the query (SubwayTooter, and DELETE of several clients)."""

    account_ids: list[int] = msgspec.field(default_factory=list)


async def add(request: Request) -> Response:
    """POST /api/v1/lists/ID/accounts: only whom the caller follows or asked to; all of them or nobody."""
    site: Site = request.app.state.site
    list_id = arguments.path_id(request)
    token = bearer(request)
    asked = await arguments.read(request, Accounts)
    await site.db.write(lambda tx: actions.add(tx, site, _own(tx, token, "write:lists", list_id), asked.account_ids))
    return Json({})


async def drop(request: Request) -> Response:
    """DELETE /api/v1/lists/ID/accounts."""
    site: Site = request.app.state.site
    list_id = arguments.path_id(request)
    token = bearer(request)
    asked = await arguments.read(request, Accounts)
    await site.db.write(lambda tx: actions.drop(tx, _own(tx, token, "write:lists", list_id), asked.account_ids))
    return Json({})


async def of_account(request: Request) -> Response:
    """GET /api/v1/accounts/ID/lists: the caller's lists that the account is in."""
    site: Site = request.app.state.site
    account_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> list[List]:
        me = known(identify(tx, token, "read:lists")).me
        return lists.with_member(tx, me.id, existing(tx, account_id).id)

    return Json([entity(one) for one in await site.db.read(unit)])


def _own(tx: Tx, token: str | None, scope: str, list_id: int) -> List:
    """The caller's list with this id. Raises NotFound for another's as for none."""
    found = lists.find(tx, known(identify(tx, token, scope)).me.id, list_id)
    if found is None:
        raise NotFound
    return found


ROUTES = [
    Route("/api/v1/lists", index),
    Route("/api/v1/lists", create, methods=["POST"]),
    Route("/api/v1/lists/{id}", show),
    Route("/api/v1/lists/{id}", edit, methods=["PUT"]),
    Route("/api/v1/lists/{id}", delete, methods=["DELETE"]),
    Route("/api/v1/lists/{id}/accounts", members),
    Route("/api/v1/lists/{id}/accounts", add, methods=["POST"]),
    Route("/api/v1/lists/{id}/accounts", drop, methods=["DELETE"]),
    Route("/api/v1/accounts/{id}/lists", of_account),
]
