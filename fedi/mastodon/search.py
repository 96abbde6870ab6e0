"""Search (v2): accounts by name, hashtags by their beginning, posts by their address; and hashtags one by one.

With `resolve` a handle or URL that is not known here is asked for at its server; never for anything else, since some
clients send each keystroke with it (Elk twice). Full text is not searched yet.
"""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import fetching, visibility
from fedi.callers import Caller, bearer, identify, viewer
from fedi.context import Site
from fedi.errors import Unauthenticated
from fedi.mastodon import arguments
from fedi.mastodon.accounts import matching
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.account import account
from fedi.mastodon.entities.status import statuses, tag_url
from fedi.mastodon.load import Shown, bundle
from storage import follows, posts
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post

KINDS = ("accounts", "statuses", "hashtags")


class Search(msgspec.Struct, kw_only=True):
    """The query of GET /api/v2/search."""

    q: str = ""
    type: str | None = None
    resolve: bool = False
    following: bool = False
    limit: int = 20
    offset: int = 0


async def search(request: Request) -> Response:
    """GET /api/v2/search: `{accounts, statuses, hashtags}` as the caller may see them."""
    site: Site = request.app.state.site
    asked = arguments.query(request, Search)
    token = bearer(request)
    caller: Caller | None = await site.db.read(lambda tx: identify(tx, token, "read:search"))
    if caller is None and (asked.resolve or asked.offset):
        raise Unauthenticated("Search queries pagination and resolve are not supported without authentication")
    words = asked.q.strip()
    wanted = [kind for kind in KINDS if asked.type in (None, "", kind)]
    limit, offset = max(1, min(asked.limit, 40)), max(asked.offset, 0)
    found: Actor | Post | None = None
    if asked.resolve and offset == 0:
        found = await fetching.resolve(site, words)

    def unit(tx: Tx) -> dict[str, Any]:
        looks = viewer(caller)
        answer: dict[str, Any] = {kind: [] for kind in KINDS}
        if not words:
            return answer
        if "accounts" in wanted:
            people = [] if _is_url(words) else matching(tx, site, words, limit, offset)
            if isinstance(found, Actor) and found.state == "active":
                people = [found, *(one for one in people if one.id != found.id)][:limit]
            if asked.following and caller is not None:
                mine, _ = follows.between(tx, caller.me.id, [one.id for one in people])
                people = [one for one in people if one.id in mine and mine[one.id].state == "accepted"]
            answer["accounts"] = [account(site.config.origin, one) for one in people]
        if "statuses" in wanted and offset == 0 and _is_url(words):
            post = found if isinstance(found, Post) else posts.by_iri(tx, words) or posts.by_url(tx, words)
            items = [] if post is None else [Shown(post.id, post.id)]
            answer["statuses"] = statuses(bundle(tx, site, looks, items), items)
        if "hashtags" in wanted and not _is_url(words) and "@" not in words:
            names = posts.find_tags(tx, words.lstrip("#"), limit, visibility.visible_to(looks), offset)
            answer["hashtags"] = [tag_entity(site.config.origin, one) for one in names]
        return answer

    return Json(await site.db.read(unit))


def _is_url(words: str) -> bool:
    return words.startswith(("https://", "http://"))


def tag_entity(origin: str, name: str, *, known: bool = False) -> dict[str, Any]:
    """The Tag entity; usage is not counted, so its history is empty. With a caller it says that they don't follow it."""
    shown: dict[str, Any] = {"id": name, "name": name, "url": tag_url(origin, name), "history": []}
    if known:
        shown |= {"following": False, "featuring": False}
    return shown


async def tag(request: Request) -> Response:
    """GET /api/v1/tags/NAME."""
    site: Site = request.app.state.site
    token = bearer(request)
    caller = await site.db.read(lambda tx: identify(tx, token))
    name = request.path_params["id"].lstrip("#").lower()
    return Json(tag_entity(site.config.origin, name, known=caller is not None))


ROUTES = [
    Route("/api/v2/search", search),
    Route("/api/v1/tags/{id}", tag),
]
