"""Search (v2): accounts by name, hashtags by their beginning, posts by what they say and by their address.

With `resolve` a handle or URL that is not known here is asked for at its server; never anything else, since some clients
send each keystroke with it (Elk twice). The text of posts is searched for people with a token, as in Mastodon.
"""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import searching, visibility
from fedi.callers import Caller, bearer, identify, viewer
from fedi.context import Site
from fedi.errors import Unauthenticated
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.account import account
from fedi.mastodon.entities.status import statuses
from fedi.mastodon.load import Shown, bundle
from fedi.mastodon.tags import entities
from storage import actors, follows, hashtags, posts
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post

KINDS = ("accounts", "statuses", "hashtags")
MOST = 40


class Search(msgspec.Struct, kw_only=True):
    """The query of GET /api/v2/search. Hashtags wait for no review here, so `exclude_unreviewed` changes nothing."""

    q: str = ""
    type: str | None = None
    resolve: bool = False
    following: bool = False
    account_id: int | None = None
    max_id: int | None = None
    min_id: int | None = None
    limit: int = 20
    offset: int = 0


async def search(request: Request) -> Response:
    """GET /api/v2/search: `{accounts, statuses, hashtags}` as the caller may see them."""
    site: Site = request.app.state.site
    asked = arguments.query(request, Search)
    token = bearer(request)
    caller: Caller | None = await site.db.read(lambda tx: identify(tx, token, "read:search"))
    person_id = caller.person.id if caller is not None and caller.person is not None else None
    if caller is None and (asked.resolve or asked.offset):
        raise Unauthenticated("Search queries pagination and resolve are not supported without authentication")
    words = asked.q.strip()
    wanted = [kind for kind in KINDS if asked.type in (None, "", kind)]
    limit = max(1, min(asked.limit, MOST))
    # Without a type an offset would mean three different things (Mastodon leaves it out as well).
    offset = max(asked.offset, 0) if asked.type else 0
    found: Actor | Post | None = None
    if asked.resolve and person_id is not None and offset == 0 and wanted != ["hashtags"]:
        found = await searching.resolve(site, person_id, words)

    def unit(tx: Tx) -> dict[str, Any]:
        looks = viewer(caller)
        answer: dict[str, Any] = {kind: [] for kind in KINDS}
        if not words:
            return answer
        if "accounts" in wanted:
            answer["accounts"] = [
                account(site.config.origin, one) for one in _accounts(tx, site, person_id, asked, words, found, limit)
            ]
        if "statuses" in wanted:
            if searching.is_url(words):
                post = found if isinstance(found, Post) else posts.by_iri(tx, words) or posts.by_url(tx, words)
                ids = [] if post is None or offset else [post.id]
            elif person_id is None:
                ids = []
            else:
                ids = searching.posts(
                    tx,
                    site,
                    person_id,
                    words,
                    limit,
                    offset,
                    author_id=asked.account_id,
                    max_id=asked.max_id,
                    min_id=asked.min_id,
                )
            items = [Shown(one, one) for one in ids]
            answer["statuses"] = statuses(bundle(tx, site, looks, items), items)
        if "hashtags" in wanted and not searching.is_url(words) and "@" not in words:
            name = words.lstrip("#＃")
            names = hashtags.find(tx, name, limit, visibility.visible_to(looks), offset) if name else []
            answer["hashtags"] = entities(tx, site, names, person_id)
        return answer

    return Json(await site.db.read(unit))


def _accounts(
    tx: Tx, site: Site, person_id: int | None, asked: Search, words: str, found: Actor | Post | None, limit: int
) -> list[Actor]:
    """Accounts that match; the one that was asked for by its whole handle or address comes first."""
    offset = max(asked.offset, 0) if asked.type else 0
    known: list[Actor] = []
    if not searching.is_url(words):
        known = searching.accounts(tx, site, person_id, words, limit, offset, following=asked.following)
    elif found is None and offset == 0:
        at_address = _actor_at(tx, words)
        known = [at_address] if at_address is not None else []
    if (
        isinstance(found, Actor)
        and found.state == "active"
        and not (asked.following and not _follows(tx, person_id, found))
    ):
        known = [found, *(one for one in known if one.id != found.id)][:limit]
    return known


def _actor_at(tx: Tx, address: str) -> Actor | None:
    """The active account whose id this is."""
    found = actors.by_iri(tx, address)
    return found if found is not None and found.state == "active" and found.kind != "Application" else None


def _follows(tx: Tx, person_id: int | None, other: Actor) -> bool:
    edge = follows.find(tx, person_id, other.id) if person_id is not None else None
    return edge is not None and edge.state == "accepted"


ROUTES = [Route("/api/v2/search", search)]
