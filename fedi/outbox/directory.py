"""GET of the directory of institutions that this instance publishes, if it does: one signed file for everyone."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.actions.directories import PATH
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


ROUTES = [Route(PATH, directory)]
