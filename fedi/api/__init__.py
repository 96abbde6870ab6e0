"""The door for our own API, below /api/fedi/v1: what Mastodon's API has no word for. `/openapi.json` describes it.

`operations` is how one is asked, `shapes` what is said, `description` the OpenAPI file; the rest are the chapters. Errors are
problem details (RFC 9457). Accounts and statuses are Mastodon's, from its door, which stands below this one.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.api import (
    cases,
    decisions,
    delivery,
    directories,
    drafts,
    feeds,
    groups,
    invitations,
    library,
    members,
    moderation,
    peer_requests,
    peers,
    policy,
    questions,
    reading,
    settings,
    severed,
    spelling,
    threads,
)
from fedi.api.description import describe
from fedi.api.operations import BASE, refuse
from fedi.context import Site
from fedi.mastodon.answers import Json

OPERATIONS = [
    *groups.OPERATIONS,
    *members.OPERATIONS,
    *threads.OPERATIONS,
    *library.OPERATIONS,
    *questions.OPERATIONS,
    *spelling.OPERATIONS,
    *drafts.OPERATIONS,
    *delivery.OPERATIONS,
    *reading.OPERATIONS,
    *moderation.OPERATIONS,
    *cases.OPERATIONS,
    *settings.OPERATIONS,
    *feeds.OPERATIONS,
    *invitations.OPERATIONS,
    *severed.OPERATIONS,
    *peers.OPERATIONS,
    *directories.OPERATIONS,
    *peer_requests.OPERATIONS,
    *policy.OPERATIONS,
    *decisions.OPERATIONS,
]


async def openapi(request: Request) -> Response:
    """GET /api/fedi/v1/openapi.json: the description of this API."""
    site: Site = request.app.state.site
    return Json(describe(site, OPERATIONS), headers={"cache-control": "public, max-age=300"})


ROUTES = [Route(f"{BASE}/openapi.json", openapi), *(one.route() for one in OPERATIONS)]

__all__ = ["BASE", "OPERATIONS", "ROUTES", "refuse"]
