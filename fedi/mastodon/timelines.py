"""Timelines: home, lists, public, by hashtag, about a page; and the pages of statuses that accounts and bookmarks show too.

In a home a thread is there once, whoever put it there: a group's boost of a post whose author one follows as well is
left out, and so is a group's boost of a reply (Mastodon shows every announced comment; Lemmy#3603 calls it a flood).
What belongs into a home or a list is `fedi.feeds`.
"""

import time
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import feeds, visibility
from fedi.callers import bearer, identify, known, viewer
from fedi.context import Site
from fedi.errors import NotFound
from fedi.feeds import Feed
from fedi.hiding import hidden
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.status import statuses
from fedi.mastodon.kept import repeatable
from fedi.mastodon.load import Shown, bundle, of_entry
from fedi.mastodon.paging import Filled, Paging, fill, links
from fedi.visibility import Viewer
from storage import lists, timelines
from storage.metadata import Tx
from storage.posts import Post
from storage.timelines import Page, Tagged

Shows = tuple[list[msgspec.Raw], int | None, int | None]

_TAGS = 4
"""Hashtags of each kind in one question, as Mastodon allows."""


@repeatable
async def home(request: Request) -> Response:
    """GET /api/v1/timelines/home: what the caller follows."""
    site: Site = request.app.state.site
    page = arguments.query(request, Paging).page()
    token = bearer(request)

    def unit(tx: Tx) -> Shows:
        me = known(identify(tx, token, "read:statuses")).me
        return home_page(tx, site, me.id, page)

    began = time.perf_counter()
    found, first, last = await site.db.read_quickly(unit)
    site.steps.add("home.read", time.perf_counter() - began)
    return Json(found, headers=links(request, first, last))


def home_page(tx: Tx, site: Site, person_id: int, page: Page) -> Shows:
    """(statuses of a person's home, newest cursor, oldest cursor)."""
    return feed_page(tx, site, feeds.home(tx, person_id, site.clock()), page)


def feed_page(tx: Tx, site: Site, feed: Feed, page: Page) -> Shows:
    """(statuses, newest cursor, oldest cursor) of a page of a home or a list."""
    filled = fill(page, lambda asked: feed.fetch(tx, asked), lambda row: row.id, lambda rows: feed.keep(tx, rows))
    return shows(tx, site, feed.looks, [of_entry(row) for row in filled.items], filled, feed.seen)


def shows(
    tx: Tx, site: Site, looks: Viewer, items: list[Shown], filled: Filled[Any], seen: dict[int, Post] | None = None
) -> Shows:
    """A filled page as statuses with its cursors."""
    rows = bundle(tx, site, looks, items, seen=seen)
    items = [
        one
        for one in items
        if one.booster_id is None
        or not ((booster := rows.actors.get(one.booster_id)) and booster.is_group)
        or ((post := rows.posts.get(one.post_id)) is not None and post.reply_to_iri is None)
    ]
    return statuses(rows, items), filled.first, filled.last


@repeatable
async def of_list(request: Request) -> Response:
    """GET /api/v1/timelines/list/ID: what the members of one of the caller's lists wrote and passed on."""
    site: Site = request.app.state.site
    list_id = arguments.path_id(request)
    page = arguments.query(request, Paging).page()
    token = bearer(request)

    def unit(tx: Tx) -> Shows:
        me = known(identify(tx, token, "read:lists")).me
        found = lists.find(tx, me.id, list_id)
        if found is None:
            raise NotFound
        return feed_page(tx, site, feeds.of_list(tx, found, site.clock()), page)

    found, first, last = await site.db.read_quickly(unit)
    return Json(found, headers=links(request, first, last))


class Public(Paging, kw_only=True):
    """The query of public timelines."""

    local: bool = False
    remote: bool = False
    only_media: bool = False


@repeatable
async def public(request: Request) -> Response:
    """GET /api/v1/timelines/public: all public posts known here, or those of this instance (`local`)."""
    asked = arguments.query(request, Public)

    def fetch(tx: Tx, page: Page, looks: Viewer) -> list[int]:
        gate = visibility.visible_to(looks)
        return timelines.public(tx, page, gate, local=asked.local, remote=asked.remote, media=asked.only_media)

    return await _public(request, asked.page(), fetch)


class OfTag(Public, kw_only=True):
    """The query of GET /api/v1/timelines/tag/NAME."""

    any: list[str] = msgspec.field(default_factory=list)
    all: list[str] = msgspec.field(default_factory=list)
    none: list[str] = msgspec.field(default_factory=list)


@repeatable
async def tag(request: Request) -> Response:
    """GET /api/v1/timelines/tag/NAME: public posts with a hashtag, or with one of `any`, and with all of `all` but none of
    `none`."""
    asked = arguments.query(request, OfTag)
    some, every, no = (tuple(names[:_TAGS]) for names in (asked.any, asked.all, asked.none))
    wanted = Tagged((request.path_params["tag"], *some), every, no)

    def fetch(tx: Tx, page: Page, looks: Viewer) -> list[int]:
        gate = visibility.visible_to(looks)
        return timelines.public(
            tx, page, gate, local=asked.local, remote=asked.remote, media=asked.only_media, tagged=wanted
        )

    return await _public(request, asked.page(), fetch)


class About(Paging, kw_only=True):
    """The query of GET /api/v1/timelines/link."""

    url: str = ""


@repeatable
async def link(request: Request) -> Response:
    """GET /api/v1/timelines/link?url=…: public posts that are about a page or show its card."""
    asked = arguments.query(request, About)

    def fetch(tx: Tx, page: Page, looks: Viewer) -> list[int]:
        return timelines.linking(tx, page, visibility.visible_to(looks), asked.url) if asked.url else []

    return await _public(request, asked.page(), fetch)


async def _public(request: Request, page: Page, fetch: Any) -> Response:
    """A page of the posts that `fetch(tx, page, viewer)` names, without those whom the caller does not want to meet."""
    site: Site = request.app.state.site
    token = bearer(request)

    def unit(tx: Tx) -> Shows:
        looks = viewer(identify(tx, token, "read:statuses"))
        hides = hidden(tx, looks.person_id, site.clock())
        seen: dict[int, Post] = {}

        def keep(ids: list[int]) -> list[int]:
            found = visibility.seen(tx, looks, ids)
            kept = feeds.shown_to(tx, hides, [found[one] for one in ids if one in found])
            seen.update({post.id: post for post in kept})
            return [post.id for post in kept]

        filled = fill(page, lambda at: fetch(tx, at, looks), lambda one: one, keep)
        return shows(tx, site, looks, [Shown(one, one) for one in filled.items], filled, seen)

    found, first, last = await site.db.read_quickly(unit)
    return Json(found, headers=links(request, first, last))


ROUTES = [
    Route("/api/v1/timelines/home", home),
    Route("/api/v1/timelines/list/{id}", of_list),
    Route("/api/v1/timelines/public", public),
    Route("/api/v1/timelines/tag/{tag}", tag),
    Route("/api/v1/timelines/link", link),
]
