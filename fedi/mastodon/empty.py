"""What clients ask for and nobody here has yet: the right empty answer, after the same checks of token and scope.

An empty list keeps a client working where a 404 shows as broken (vutuv#1565). What would change something isn't
answered with a lie: those methods are refused, with the reason.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.callers import bearer, identify, require
from fedi.context import Site
from fedi.errors import Forbidden, NotFound
from fedi.mastodon import arguments
from fedi.mastodon.accounts import existing
from fedi.mastodon.answers import Json
from fedi.mastodon.door import Endpoint
from storage.metadata import Tx


def _personal(content: Any, *scopes: str) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        await require(request, *scopes)
        return Json(content)

    return endpoint


PERSONAL: dict[str, tuple[str, ...]] = {
    "/api/v1/timelines/direct": ("read:statuses",),
}
"""Lists of the caller's own, each with the scope that reads it."""


async def none_of_account(request: Request) -> Response:
    """GET /api/v1/accounts/ID/collections and in_collections (4.6): nobody here collects accounts."""
    site: Site = request.app.state.site
    token = bearer(request)
    account_id = arguments.path_id(request)

    def unit(tx: Tx) -> None:
        identify(tx, token, "read:collections")
        existing(tx, account_id)

    await site.db.read(unit)
    return Json({"collections": []})


async def no_such(request: Request) -> Response:
    """What has an id and doesn't exist here: collections, reports of a year, refreshes of something."""
    site: Site = request.app.state.site
    token = bearer(request)
    await site.db.read(lambda tx: identify(tx, token))
    raise NotFound


async def no_collections(request: Request) -> Response:
    """POST /api/v1/collections: not offered here."""
    await require(request, "write:collections")
    raise Forbidden("This server does not offer collections of accounts")


async def no_donations(request: Request) -> Response:
    """GET /api/v1/donation_campaigns, which the official apps ask: nobody collects money through them."""
    return Response(status_code=204)


async def nothing_to_confirm(request: Request) -> Response:
    """POST /api/v1/emails/confirmations: addresses aren't confirmed by mail here, so none waits for that."""
    await require(request, "write:accounts")
    raise Forbidden("This method is only available while the e-mail is awaiting confirmation")


ROUTES = [
    *(Route(path, _personal([], *scopes)) for path, scopes in PERSONAL.items()),
    Route("/api/v1/accounts/{id}/collections", none_of_account),
    Route("/api/v1/accounts/{id}/in_collections", none_of_account),
    Route("/api/v1/collections", no_collections, methods=["POST"]),
    Route("/api/v1/collections/{id}", no_such, methods=["GET", "PATCH", "DELETE"]),
    Route("/api/v1/collections/{id}/items", no_such, methods=["POST"]),
    Route("/api/v1/collections/{id}/items/{item_id}", no_such, methods=["DELETE"]),
    Route("/api/v1/collections/{id}/items/{item_id}/revoke", no_such, methods=["POST"]),
    Route(
        "/api/v1/annual_reports",
        _personal({"annual_reports": [], "accounts": [], "statuses": []}, "read:accounts"),
    ),
    Route("/api/v1/annual_reports/{year}", no_such),
    Route("/api/v1/annual_reports/{year}/state", _personal({"state": "ineligible"}, "read:accounts")),
    Route("/api/v1/annual_reports/{year}/generate", no_such, methods=["POST"]),
    Route("/api/v1/annual_reports/{year}/read", no_such, methods=["POST"]),
    Route("/api/v1_alpha/async_refreshes/{id}", no_such),
    Route("/api/v1/donation_campaigns", no_donations),
    Route("/api/v1/emails/confirmations", nothing_to_confirm, methods=["POST"]),
    Route("/api/v1/emails/check_confirmation", _personal(True, "read", "write")),
]
