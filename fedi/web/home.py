"""`/home`: what those whom one follows wrote, and the groups one is in."""

from starlette.requests import Request
from starlette.responses import Response

from fedi.context import Site
from fedi.forms import person
from fedi.html import fitted
from fedi.web import listing
from fedi.web.listing import page_of


async def home(request: Request) -> Response:
    """The home timeline of who is logged in."""
    site: Site = request.app.state.site
    me = await person(request)
    found = await site.db.read(lambda tx: listing.of_home(tx, me, page_of(request), site.clock()))
    return fitted(request, "home.html", listing.variants(request, found))
