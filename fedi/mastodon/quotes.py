"""Quotes: who quotes a status, taking leave for that back, and who may quote it. They begin with a status (`statuses`)."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import visibility
from fedi.actions import quotes as actions
from fedi.callers import bearer, identify, known, viewer
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.status import status
from fedi.mastodon.load import Shown, bundle, find
from fedi.mastodon.paging import Paging, fill, links
from fedi.mastodon.timelines import Shows, shows
from fedi.visibility import Viewer
from storage import quotes
from storage.metadata import Tx
from storage.posts import Post
from storage.timelines import Page


async def of_status(request: Request) -> Response:
    """GET /api/v1/statuses/ID/quotes: the accepted quotes of it that the caller may see, newest first."""
    site: Site = request.app.state.site
    status_id = arguments.path_id(request)
    page = arguments.query(request, Paging).page()
    token = bearer(request)

    def unit(tx: Tx) -> Shows:
        looks = viewer(identify(tx, token, "read:statuses"))
        found = find(tx, looks, status_id)
        if found is None:
            raise NotFound
        seen: dict[int, Post] = {}

        def fetch(at: Page) -> list[int]:
            return quotes.quoting(tx, found[1].id, at.limit, at.max_id, at.since_id, at.min_id)

        def keep(ids: list[int]) -> list[int]:
            seen.update(visibility.seen(tx, looks, ids))
            return [one for one in ids if one in seen]

        filled = fill(page, fetch, lambda one: one, keep)
        return shows(tx, site, looks, [Shown(one, one) for one in filled.items], filled, seen)

    found, first, last = await site.db.read(unit)
    return Json(found, headers=links(request, first, last))


async def revoke(request: Request) -> Response:
    """POST /api/v1/statuses/ID/quotes/QUOTING_ID/revoke: the author of ID does not want that quote any more."""
    site: Site = request.app.state.site
    status_id, quoting_id = arguments.path_id(request), arguments.path_id(request, "quoting_id")
    token = bearer(request)

    def unit(tx: Tx) -> msgspec.Raw:
        caller = known(identify(tx, token, "write:statuses"))
        quoting = visibility.seen(tx, caller.viewer, [quoting_id]).get(quoting_id)
        quote = quotes.by_quoting(tx, quoting.iri) if quoting is not None else None
        if quote is None or quote.post_id != status_id:
            raise NotFound
        actions.revoke(tx, site, caller.me, quote.id)
        return _shown(tx, site, caller.viewer, quoting_id)

    return Json(await site.db.write(unit))


class Policy(msgspec.Struct, kw_only=True):
    """The body of PUT /api/v1/statuses/ID/interaction_policy."""

    quote_approval_policy: str = ""


async def policy(request: Request) -> Response:
    """PUT /api/v1/statuses/ID/interaction_policy: the author says anew who may quote it; quotes that there are stay."""
    site: Site = request.app.state.site
    status_id = arguments.path_id(request)
    token = bearer(request)
    await site.db.read(lambda tx: known(identify(tx, token, "write:statuses")).me)
    asked = await arguments.read(request, Policy)

    def unit(tx: Tx) -> msgspec.Raw:
        caller = known(identify(tx, token, "write:statuses"))
        post = visibility.seen(tx, caller.viewer, [status_id]).get(status_id)
        if post is None or post.author_id != caller.me.id:
            raise NotFound
        if not asked.quote_approval_policy:
            raise Invalid("Validation failed: Quote approval policy can't be blank")
        actions.set_policy(tx, site, caller.me, post, asked.quote_approval_policy)
        return _shown(tx, site, caller.viewer, status_id)

    return Json(await site.db.write(unit))


def _shown(tx: Tx, site: Site, looks: Viewer, status_id: int) -> msgspec.Raw:
    one = Shown(status_id, status_id)
    shown = status(bundle(tx, site, looks, [one]), one)
    if shown is None:
        raise NotFound
    return shown


ROUTES = [
    Route("/api/v1/statuses/{id}/quotes", of_status),
    Route("/api/v1/statuses/{id}/quotes/{quoting_id}/revoke", revoke, methods=["POST"]),
    Route("/api/v1/statuses/{id}/interaction_policy", policy, methods=["PUT"]),
]
