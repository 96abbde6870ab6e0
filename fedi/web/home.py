"""`/home`: what those whom one follows wrote, and the groups one is in."""

from starlette.requests import Request
from starlette.responses import Response

from fedi.actions import reading
from fedi.context import Site
from fedi.forms import person
from fedi.html import fitted
from fedi.web import listing
from fedi.web.listing import Listing, page_of
from storage.metadata import Tx

_GROUPS = 40
"""Groups that are looked at for what is new, last joined first; `/catch-up` looks at all."""


async def home(request: Request) -> Response:
    """The home timeline of who is logged in."""
    site: Site = request.app.state.site
    me = await person(request)
    now = site.clock()

    def read(tx: Tx) -> tuple[Listing, int]:
        found = listing.of_home(tx, me, page_of(request), now)
        if listing.before(request) is not None:
            return found, 0
        new = reading.unread(tx, me, reading.mine(tx, me.id)[:_GROUPS], now)
        return found, sum(new.values())

    found, caught = await site.db.read(read)
    return fitted(request, "home.html", listing.variants(request, found, caught=caught))
