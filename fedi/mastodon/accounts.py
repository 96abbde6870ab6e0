"""Accounts: show, look up, their statuses, followers and following. Following is in `follows`, one's own in `profiles`."""

from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import searching, visibility
from fedi.callers import bearer, identify, known, viewer
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.account import account
from fedi.mastodon.entities.status import statuses as statuses_of
from fedi.mastodon.load import Shown, bundle, of_entry
from fedi.mastodon.paging import Paging, fill, links
from fedi.mastodon.timelines import Shows, shows
from fedi.visibility import Viewer
from storage import actors, follows, pins, timelines
from storage.actors import Actor
from storage.follows import Follow
from storage.metadata import Tx
from storage.posts import Post
from storage.timelines import Entry


def existing(tx: Tx, account_id: int) -> Actor:
    """The account with this id. Raises NotFound for one that is suspended, gone or never was."""
    found = actors.by_id(tx, account_id)
    if found is None or found.state != "active":
        raise NotFound
    return found


async def show(request: Request) -> Response:
    """GET /api/v1/accounts/ID."""
    site: Site = request.app.state.site
    account_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> Actor:
        identify(tx, token, "read:accounts")
        return existing(tx, account_id)

    return Json(account(site.config.origin, await site.db.read(unit)))


class Several(msgspec.Struct, kw_only=True):
    """The query of endpoints that take account ids."""

    id: list[int] = msgspec.field(default_factory=list)


async def several(request: Request) -> Response:
    """GET /api/v1/accounts?id[]=…: up to 40 accounts; ids of none are left out."""
    site: Site = request.app.state.site
    ids = list(dict.fromkeys(arguments.query(request, Several).id))
    if len(ids) > 40:
        raise Invalid("Validation failed: At most 40 ids")
    token = bearer(request)

    def unit(tx: Tx) -> list[Actor]:
        identify(tx, token, "read:accounts")
        found = actors.by_ids(tx, ids)
        return [found[one] for one in ids if one in found and found[one].state == "active"]

    return Json([account(site.config.origin, one) for one in await site.db.read(unit)])


class Lookup(msgspec.Struct, kw_only=True):
    """The query of GET /api/v1/accounts/lookup."""

    acct: str


async def lookup(request: Request) -> Response:
    """GET /api/v1/accounts/lookup?acct=name@host: an account that is known here, without asking its server."""
    site: Site = request.app.state.site
    username, _, domain = arguments.query(request, Lookup).acct.strip().lstrip("@!").partition("@")
    domain = domain.lower()
    if domain in ("", site.config.host):
        domain = site.config.handle_domain
    token = bearer(request)

    def unit(tx: Tx) -> Actor:
        identify(tx, token, "read:accounts")
        found = actors.by_name(tx, username, domain)
        if found is None or found.state != "active":
            raise NotFound
        return found

    return Json(account(site.config.origin, await site.db.read(unit)))


class Search(msgspec.Struct, kw_only=True):
    """The query of GET /api/v1/accounts/search."""

    q: str = ""
    limit: int = 40
    offset: int = 0
    resolve: bool = False
    following: bool = False


async def search(request: Request) -> Response:
    """GET /api/v1/accounts/search: accounts whose name or handle matches; with `resolve`, one more from its server."""
    site: Site = request.app.state.site
    asked = arguments.query(request, Search)
    token = bearer(request)
    me = (await site.db.read(lambda tx: known(identify(tx, token, "read:accounts", "read:search")))).me
    limit, offset = max(1, min(asked.limit, 80)), max(asked.offset, 0)
    remote = await searching.resolve(site, me.id, asked.q) if asked.resolve and offset == 0 else None

    def unit(tx: Tx) -> list[Actor]:
        found = searching.accounts(tx, site, me.id, asked.q, limit, offset, following=asked.following)
        if isinstance(remote, Actor) and remote.state == "active" and not asked.following:
            found = [remote, *(one for one in found if one.id != remote.id)][:limit]
        return found

    return Json([account(site.config.origin, one) for one in await site.db.read(unit)])


class Statuses(Paging, kw_only=True):
    """The query of GET /api/v1/accounts/ID/statuses."""

    pinned: bool = False
    exclude_replies: bool = False
    exclude_reblogs: bool = False
    only_media: bool = False
    tagged: str = ""


async def statuses(request: Request) -> Response:
    """GET /api/v1/accounts/ID/statuses: what it wrote and boosted; of a group, the threads it put before its members."""
    site: Site = request.app.state.site
    account_id = arguments.path_id(request)
    asked = arguments.query(request, Statuses)
    page = asked.page()
    token = bearer(request)

    def unit(tx: Tx) -> Shows:
        looks = viewer(identify(tx, token, "read:statuses"))
        owner = existing(tx, account_id)
        if owner.is_group and not visibility.may_see_group(tx, looks, owner):
            return [], None, None
        if asked.pinned:
            return _pinned(tx, site, looks, owner, page)
        seen: dict[int, Post] = {}

        def keep(rows: list[Entry]) -> list[Entry]:
            seen.update(visibility.seen(tx, looks, list({row.post_id for row in rows} - seen.keys())))
            return [row for row in rows if row.post_id in seen]

        def fetch(at: timelines.Page) -> list[Entry]:
            return timelines.of_actor(
                tx,
                owner.id,
                at,
                boosts=not asked.exclude_reblogs,
                replies=not asked.exclude_replies,
                media=asked.only_media,
                tag=asked.tagged or None,
            )

        filled = fill(page, fetch, lambda row: row.id, keep)
        return shows(tx, site, looks, [of_entry(row) for row in filled.items], filled, seen)

    found, first, last = await site.db.read(unit)
    return Json(found, headers=links(request, first, last))


def _pinned(tx: Tx, site: Site, looks: Viewer, owner: Actor, page: timelines.Page) -> Shows:
    """What a person or group put first, last pinned first; they are few, so there is one page."""
    if page.max_id is not None or page.min_id is not None or page.since_id is not None:
        return [], None, None
    ids = [pin.post_id for pin in pins.of(tx, owner.id)]
    seen = visibility.seen(tx, looks, ids)
    items = [Shown(one, one) for one in ids if one in seen][: page.limit]
    return statuses_of(bundle(tx, site, looks, items, seen=seen), items), None, None


async def followers(request: Request) -> Response:
    """GET /api/v1/accounts/ID/followers: of a group, its members; empty for who may not know them."""
    return await _edges(request, follows.followers, lambda row: row.follower_id)


async def following(request: Request) -> Response:
    """GET /api/v1/accounts/ID/following."""
    return await _edges(request, follows.following, lambda row: row.target_id)


async def _edges(request: Request, rows: Callable[..., list[Follow]], other: Callable[[Follow], int]) -> Response:
    site: Site = request.app.state.site
    account_id = arguments.path_id(request)
    page = arguments.query(request, Paging).page(40, 80)
    token = bearer(request)

    def unit(tx: Tx) -> tuple[list[Actor], list[int]]:
        looks = viewer(identify(tx, token, "read:accounts"))
        owner = existing(tx, account_id)
        if owner.is_group and not visibility.may_see_group(tx, looks, owner):
            return [], []
        edges = rows(tx, owner.id, page.limit, max_id=page.max_id, since_id=page.since_id, min_id=page.min_id)
        found = actors.by_ids(tx, [other(edge) for edge in edges])
        shown = [found[other(edge)] for edge in edges if other(edge) in found]
        shown = [one for one in shown if one.state == "active" and _may_know(tx, looks, one)]
        return shown, [edge.id for edge in edges]

    shown, cursors = await site.db.read(unit)
    headers = links(request, cursors[0], cursors[-1]) if cursors else None
    return Json([account(site.config.origin, one) for one in shown], headers=headers)


def _may_know(tx: Tx, looks: Viewer, one: Actor) -> bool:
    """Who is in a group that is not for everyone is known to those who may see into it alone."""
    return not one.is_group or visibility.may_see_group(tx, looks, one)


async def familiar_followers(request: Request) -> Response:
    """GET /api/v1/accounts/familiar_followers?id[]=…: who of those that the caller follows follows each of these."""
    site: Site = request.app.state.site
    ids = list(dict.fromkeys(arguments.query(request, Several).id))[:40]
    token = bearer(request)

    def unit(tx: Tx) -> list[dict[str, Any]]:
        caller = known(identify(tx, token, "read:follows"))
        answer: list[dict[str, Any]] = []
        for one in actors.by_ids(tx, ids).values():
            familiar: list[Actor] = []
            if one.state == "active" and _may_know(tx, caller.viewer, one):
                edges = follows.followers(tx, one.id, 200)
                mine, _ = follows.between(tx, caller.me.id, [edge.follower_id for edge in edges])
                shared = [other for other, edge in mine.items() if edge.state == "accepted"][:10]
                familiar = [actor for actor in actors.by_ids(tx, shared).values() if actor.state == "active"]
            shown = [account(site.config.origin, actor) for actor in familiar]
            answer.append({"id": str(one.id), "accounts": shown})
        return answer

    return Json(await site.db.read(unit))


async def nothing_of(request: Request) -> Response:
    """Tabs of a profile that stay empty here: featured tags, endorsements, lists it is in, proofs."""
    site: Site = request.app.state.site
    account_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> None:
        identify(tx, token)
        existing(tx, account_id)

    await site.db.read(unit)
    return Json([])


class Directory(msgspec.Struct, kw_only=True):
    """The query of GET /api/v1/directory."""

    limit: int = 40
    offset: int = 0
    order: str = "active"
    local: bool = False


async def directory(request: Request) -> Response:
    """GET /api/v1/directory: people and groups of this instance who want to be found."""
    site: Site = request.app.state.site
    asked = arguments.query(request, Directory)

    def unit(tx: Tx) -> list[Actor]:
        found = [one for one in actors.local(tx) if one.discoverable and one.kind != "Application"]
        if asked.order == "new":
            found.sort(key=lambda one: one.created_at, reverse=True)
        else:
            found.sort(key=lambda one: one.last_post_at or 0, reverse=True)
        start = max(asked.offset, 0)
        return found[start : start + max(1, min(asked.limit, 80))]

    return Json([account(site.config.origin, one) for one in await site.db.read(unit)])


_EMPTY = ("featured_tags", "lists", "endorsements", "identity_proofs")

ROUTES = [
    Route("/api/v1/accounts", several),
    Route("/api/v1/accounts/lookup", lookup),
    Route("/api/v1/accounts/search", search),
    Route("/api/v1/accounts/familiar_followers", familiar_followers),
    Route("/api/v1/accounts/{id}", show),
    Route("/api/v1/accounts/{id}/statuses", statuses),
    Route("/api/v1/accounts/{id}/followers", followers),
    Route("/api/v1/accounts/{id}/following", following),
    *(Route(f"/api/v1/accounts/{{id}}/{name}", nothing_of) for name in _EMPTY),
    Route("/api/v1/directory", directory),
]
