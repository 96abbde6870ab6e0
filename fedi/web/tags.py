"""`/tags/TAG`: public posts with a hashtag, newest first."""

from starlette.requests import Request
from starlette.responses import Response

from fedi import visibility
from fedi.context import Site
from fedi.html import fitted
from fedi.languages import _
from fedi.sessions import signed_in
from fedi.web import cards, listing
from fedi.web.listing import Listing
from storage import timelines
from storage.metadata import Tx


async def show(request: Request) -> Response:
    """The posts with this hashtag."""
    site: Site = request.app.state.site
    me = await signed_in(request)
    tag: str = request.path_params["tag"][:100]

    def read(tx: Tx) -> Listing:
        gate = visibility.visible_to(cards.viewer_of(me))
        return listing.of_ids(tx, me, timelines.public(tx, listing.page_of(request), gate, tag=tag), site.clock())

    found = await site.db.read(read)
    empty = _("Nobody has used this hashtag here yet.")
    return fitted(request, "posts.html", listing.variants(request, found, title=f"#{tag}", empty=empty))
