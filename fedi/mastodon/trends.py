"""Trends: hashtags, statuses and links of these days (docs.joinmastodon.org/methods/trends); none where the setting says so.

What trends is worked out once in some minutes for everyone. What is shown of it goes through the gate for each caller, and
nobody is shown posts of whom they don't want to meet.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import hiding, visibility
from fedi.callers import bearer, identify, viewer
from fedi.context import Site
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.card import page
from fedi.mastodon.entities.status import statuses as statuses_of
from fedi.mastodon.entities.tag import history
from fedi.mastodon.load import Shown, bundle
from fedi.mastodon.tags import entities
from storage import actors, cards, trends
from storage.metadata import Tx

MOST = 100
"""Of each kind that are kept in their order."""
_KEPT = 300_000


class Asked(msgspec.Struct, kw_only=True):
    """The query of all three."""

    limit: int | None = None
    offset: int = 0


async def _trending(site: Site, kind: str, find: Callable[..., list[Any]]) -> list[Any]:
    """Hashtags, ids or addresses, best first; five minutes old at most."""
    if not site.config.trends:
        return []
    now = site.clock()
    nobody = visibility.visible_to(visibility.NOBODY)
    return await site.recent.get(
        f"trends.{kind}", now, _KEPT, lambda: site.db.read(lambda tx: find(tx, now, nobody, MOST))
    )


def _part(asked: Asked, found: list[Any], default: int, most: int) -> tuple[list[Any], int, int]:
    limit = max(1, min(asked.limit if asked.limit is not None else default, most))
    offset = max(asked.offset, 0)
    return found[offset : offset + limit], limit, offset


def _links(request: Request, shown: list[Any], limit: int, offset: int) -> dict[str, str]:
    """The Link header: these lists are paged by offset."""
    site: Site = request.app.state.site
    base = site.config.origin + request.url.path.rstrip("/")
    found = []
    if len(shown) == limit:
        found.append(f'<{base}?{urlencode({"limit": limit, "offset": offset + limit})}>; rel="next"')
    if offset > 0:
        found.append(f'<{base}?{urlencode({"limit": limit, "offset": max(offset - limit, 0)})}>; rel="prev"')
    return {"Link": ", ".join(found)} if found else {}


async def tags(request: Request) -> Response:
    """GET /api/v1/trends/tags, and /api/v1/trends as old clients call it."""
    site: Site = request.app.state.site
    asked = arguments.query(request, Asked)
    token = bearer(request)
    names, limit, offset = _part(asked, await _trending(site, "tags", trends.hashtags), 10, 20)

    def unit(tx: Tx) -> list[dict[str, Any]]:
        return entities(tx, site, names, viewer(identify(tx, token)).person_id)

    return Json(await site.db.read(unit), headers=_links(request, names, limit, offset))


async def statuses(request: Request) -> Response:
    """GET /api/v1/trends/statuses."""
    site: Site = request.app.state.site
    asked = arguments.query(request, Asked)
    token = bearer(request)
    ids, limit, offset = _part(asked, await _trending(site, "statuses", trends.statuses), 20, 40)

    def unit(tx: Tx) -> list[Any]:
        looks = viewer(identify(tx, token, "read:statuses"))
        seen = visibility.seen(tx, looks, ids)
        unwanted = hiding.hidden(tx, looks.person_id, site.clock())
        if unwanted:
            authors = actors.by_ids(tx, [post.author_id for post in seen.values()])
            seen = {number: post for number, post in seen.items() if unwanted.reads(authors[post.author_id])}
        items = [Shown(one, one) for one in ids if one in seen]
        return statuses_of(bundle(tx, site, looks, items, seen=seen), items)

    return Json(await site.db.read(unit), headers=_links(request, ids, limit, offset))


async def links(request: Request) -> Response:
    """GET /api/v1/trends/links: pages with their cards, and how many wrote of them on which day."""
    site: Site = request.app.state.site
    asked = arguments.query(request, Asked)
    token = bearer(request)
    urls, limit, offset = _part(asked, await _trending(site, "links", trends.pages), 10, 20)
    now = site.clock()

    def unit(tx: Tx) -> list[dict[str, Any]]:
        identify(tx, token)
        known = cards.ready(tx, urls)
        used = trends.history_of_pages(tx, urls, now, visibility.visible_to(visibility.NOBODY))
        return [{**page(known[url]), "history": history(now, used.get(url, {}))} for url in urls if url in known]

    return Json(await site.db.read(unit), headers=_links(request, urls, limit, offset))


ROUTES = [
    Route("/api/v1/trends", tags),
    Route("/api/v1/trends/tags", tags),
    Route("/api/v1/trends/statuses", statuses),
    Route("/api/v1/trends/links", links),
]
