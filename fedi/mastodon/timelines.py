"""Timelines: home, public, by hashtag, of a list; and the pages of statuses that accounts and bookmarks show too.

In a home a thread is there once, whoever put it there: a group's boost of a post whose author one follows as well is
left out, and so is a group's boost of a reply (Mastodon shows every announced comment; Lemmy#3603 calls it a flood).
"""

from dataclasses import replace
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import visibility
from fedi.callers import bearer, identify, known, viewer
from fedi.context import Site
from fedi.errors import NotFound
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.status import statuses
from fedi.mastodon.load import Shown, bundle, of_entry
from fedi.mastodon.paging import Filled, Paging, fill, links
from fedi.visibility import Viewer
from storage import timelines
from storage.metadata import Tx
from storage.posts import Post
from storage.timelines import Entry, Page

Shows = tuple[list[msgspec.Raw], int | None, int | None]


async def home(request: Request) -> Response:
    """GET /api/v1/timelines/home: what the caller follows."""
    site: Site = request.app.state.site
    page = arguments.query(request, Paging).page()
    token = bearer(request)

    def unit(tx: Tx) -> Shows:
        me = known(identify(tx, token, "read:statuses")).me
        return home_page(tx, site, me.id, page)

    found, first, last = await site.db.read(unit)
    return Json(found, headers=links(request, first, last))


def home_page(tx: Tx, site: Site, person_id: int, page: Page) -> Shows:
    """(statuses of a person's home, newest cursor, oldest cursor)."""
    looks = visibility.person(person_id)
    seen: dict[int, Post] = {}

    def keep(rows: list[Entry]) -> list[Entry]:
        seen.update(visibility.seen(tx, looks, list({row.post_id for row in rows} - seen.keys())))
        rows = [row for row in rows if row.post_id in seen and not _noise(row, seen[row.post_id])]
        # A post's own entry is its first: only boosts repeat.
        again = timelines.repeats(tx, person_id, [row for row in rows if row.boost], timelines.REPEAT)
        return [row for row in rows if row.id not in again]

    def fetch(asked: Page) -> list[Entry]:
        # Half as many again: what is left out as a repeat would else cost a second round.
        return timelines.home(tx, person_id, replace(asked, limit=asked.limit + asked.limit // 2))

    filled = fill(page, fetch, lambda row: row.id, keep)
    return shows(tx, site, looks, [of_entry(row) for row in filled.items], filled, seen)


def _noise(row: Entry, post: Post) -> bool:
    return row.boost and post.group_id == row.actor_id and post.reply_to_iri is not None


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


class Public(Paging, kw_only=True):
    """The query of public timelines."""

    local: bool = False
    remote: bool = False
    only_media: bool = False


async def public(request: Request) -> Response:
    """GET /api/v1/timelines/public: all public posts known here, or those of this instance (`local`)."""
    return await _public(request, None)


async def tag(request: Request) -> Response:
    """GET /api/v1/timelines/tag/NAME: public posts with a hashtag."""
    return await _public(request, request.path_params["tag"].removeprefix("#").lower())


async def _public(request: Request, name: str | None) -> Response:
    site: Site = request.app.state.site
    asked = arguments.query(request, Public)
    page = asked.page()
    token = bearer(request)

    def unit(tx: Tx) -> Shows:
        looks = viewer(identify(tx, token, "read:statuses"))
        condition = visibility.visible_to(looks)
        seen: dict[int, Post] = {}

        def fetch(at: Page) -> list[int]:
            return timelines.public(tx, at, condition, local=asked.local, remote=asked.remote, tag=name)

        def keep(ids: list[int]) -> list[int]:
            seen.update(visibility.seen(tx, looks, ids))
            return [one for one in ids if one in seen and (not asked.only_media or seen[one].attachments)]

        filled = fill(page, fetch, lambda one: one, keep)
        return shows(tx, site, looks, [Shown(one, one) for one in filled.items], filled, seen)

    found, first, last = await site.db.read(unit)
    return Json(found, headers=links(request, first, last))


async def of_list(request: Request) -> Response:
    """GET /api/v1/timelines/list/ID: nobody has lists yet, so there is none with this id."""
    site: Site = request.app.state.site
    token = bearer(request)
    await site.db.read(lambda tx: known(identify(tx, token, "read:lists")).me)
    raise NotFound


class _Query(msgspec.Struct):
    url: str = ""


async def link(request: Request) -> Response:
    """GET /api/v1/timelines/link: posts about a trending link; nothing trends here."""
    arguments.query(request, _Query)
    return Json([])


ROUTES = [
    Route("/api/v1/timelines/home", home),
    Route("/api/v1/timelines/public", public),
    Route("/api/v1/timelines/tag/{tag}", tag),
    Route("/api/v1/timelines/list/{id}", of_list),
    Route("/api/v1/timelines/link", link),
]
