"""GET of the directory of institutions that this instance publishes, if it does, and of what it states of itself to an OpenID
Federation: signed, for everyone."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation.peering.entity_statements import MEDIA_TYPE, WELL_KNOWN
from fedi.actions import own_directory as acts
from fedi.context import Site
from fedi.errors import NotFound
from fedi.outbox.answers import Ready, door
from storage import publications


@door
async def directory(request: Request) -> Response:
    """GET /peering/directory: a JWS (RFC 7515); 404 where none is published."""
    site: Site = request.app.state.site
    found = await site.db.read(publications.find)
    if found is None:
        raise NotFound("this instance publishes no directory")
    ready = Ready(found.body.encode())
    return ready.answer(request, media_type="application/jose", seconds=3600, vary="Accept-Encoding", cors=True)


@door
async def configuration(request: Request) -> Response:
    """GET /.well-known/openid-federation: what this institution states of itself (OpenID Federation 1.0 section 9)."""
    site: Site = request.app.state.site
    ready = Ready((await site.db.read(lambda tx: acts.configuration(tx, site))).encode())
    return ready.answer(request, media_type=MEDIA_TYPE, seconds=3600, vary="Accept-Encoding", cors=True)


ROUTES = [Route(acts.PATH, directory), Route(WELL_KNOWN, configuration)]
