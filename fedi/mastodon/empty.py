"""What clients ask for and nobody here has yet: the right empty answer, after the same checks of token and scope.

An empty list keeps a client working where a 404 shows as broken (vutuv#1565). What would change something isn't
answered with a lie: those methods are a 405.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.callers import bearer, identify, require
from fedi.context import Site
from fedi.errors import NotFound
from fedi.mastodon.answers import Json
from fedi.mastodon.door import Endpoint


def _personal(content: Any, *scopes: str) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        await require(request, *scopes)
        return Json(content)

    return endpoint


def _open(content: Any) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        site: Site = request.app.state.site
        token = bearer(request)
        if token is not None:
            await site.db.read(lambda tx: identify(tx, token))
        return Json(content)

    return endpoint


async def none_with_id(request: Request) -> Response:
    """GET of one list or filter: nobody has any."""
    await require(request)
    raise NotFound


PERSONAL: dict[str, tuple[str, ...]] = {
    "/api/v1/timelines/direct": ("read:statuses",),
}
"""Lists of the caller's own, each with the scope that reads it."""

OPEN = ("/api/v1/trends", "/api/v1/trends/tags", "/api/v1/trends/statuses", "/api/v1/trends/links")

ROUTES = [
    *(Route(path, _personal([], *scopes)) for path, scopes in PERSONAL.items()),
    *(Route(path, _open([])) for path in OPEN),
]
