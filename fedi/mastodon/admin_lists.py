"""The admin API for moderators' tools: lists that this server does not keep, and trends, which nobody reviews here.

To read them gives the empty list; to add to them is refused with the reason, since an answer that it was done would be a
lie that somebody relies on.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.callers import bearer
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, NotFound
from fedi.mastodon import trends
from fedi.mastodon.admin import staff
from fedi.mastodon.answers import Json
from fedi.mastodon.door import Endpoint

_KEPT_NOT = {
    "email_domain_blocks": "This server keeps no list of mail domains; close registrations, or approve them",
    "ip_blocks": "This server keeps no list of addresses; the proxy or the firewall does",
    "canonical_email_blocks": "This server keeps no list of mail addresses",
}
"""What there is none of, by the name in the path and in the scope, and what to do instead."""


def _reading(content: Any, scope: str) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        site: Site = request.app.state.site
        token = bearer(request)
        await site.db.read(lambda tx: staff(tx, token, scope))
        return Json(content)

    return endpoint


def _none(scope: str) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        site: Site = request.app.state.site
        token = bearer(request)
        await site.db.read(lambda tx: staff(tx, token, scope))
        raise NotFound

    return endpoint


def _refusing(text: str, scope: str) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        site: Site = request.app.state.site
        token = bearer(request)
        await site.db.read(lambda tx: staff(tx, token, scope))
        raise Invalid(text, code="not-offered")

    return endpoint


def _of_list(name: str, text: str) -> list[Route]:
    base, read, write = f"/api/v1/admin/{name}", f"admin:read:{name}", f"admin:write:{name}"
    return [
        Route(base, _reading([], read)),
        Route(base, _refusing(text, write), methods=["POST"]),
        Route(f"{base}/{{id}}", _none(read)),
        Route(f"{base}/{{id}}", _none(write), methods=["PUT", "DELETE"]),
    ]


def _trend(shown: Endpoint) -> Endpoint:
    """A list of trends as everyone gets it, for staff."""

    async def endpoint(request: Request) -> Response:
        site: Site = request.app.state.site
        token = bearer(request)
        await site.db.read(lambda tx: staff(tx, token, "admin:read"))
        return await shown(request)

    return endpoint


async def not_reviewed(request: Request) -> Response:
    """Approving and rejecting: trends are shown as they are, or not at all (the setting `trends`)."""
    site: Site = request.app.state.site
    token = bearer(request)
    await site.db.read(lambda tx: staff(tx, token, "admin:write"))
    raise Forbidden("Trends are not reviewed here; the setting «trends» turns them off", code="not-offered")


_TRENDS = "/api/v1/admin/trends"

ROUTES = [
    *(route for name, text in _KEPT_NOT.items() for route in _of_list(name, text)),
    Route(
        "/api/v1/admin/canonical_email_blocks/test",
        _reading([], "admin:read:canonical_email_blocks"),
        methods=["POST"],
    ),
    Route(f"{_TRENDS}/tags", _trend(trends.tags)),
    Route(f"{_TRENDS}/statuses", _trend(trends.statuses)),
    Route(f"{_TRENDS}/links", _trend(trends.links)),
    Route(f"{_TRENDS}/links/publishers", _reading([], "admin:read")),
    *(
        Route(f"{_TRENDS}/{kind}/{{id}}/{verb}", not_reviewed, methods=["POST"])
        for kind in ("tags", "statuses", "links", "links/publishers")
        for verb in ("approve", "reject")
    ),
    Route("/api/v1/admin/tags", _reading([], "admin:read")),
    Route("/api/v1/admin/tags/{id}", _none("admin:read")),
    Route("/api/v1/admin/tags/{id}", not_reviewed, methods=["PUT"]),
]
