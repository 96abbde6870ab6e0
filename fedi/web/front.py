"""`/`: what this instance is, its groups and a taste of what is public; who is logged in goes home."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fedi import visibility
from fedi.context import Site
from fedi.html import fitted
from fedi.sessions import signed_in
from fedi.web import groups, listing
from fedi.web.listing import Listing
from storage import timelines
from storage.metadata import Tx

_TASTE = 3
"""Posts on the first page; the others are a click away."""


async def front(request: Request) -> Response:
    """The front page."""
    site: Site = request.app.state.site
    if await signed_in(request) is not None and listing.before(request) is None:
        return RedirectResponse("/home", 303)

    def read(tx: Tx) -> tuple[Listing, list[groups.Named]]:
        gate = visibility.visible_to(visibility.NOBODY)
        ids = timelines.public(tx, listing.page_of(request), gate, local=True)
        return listing.of_ids(tx, None, ids, site.clock()), groups.named(tx, local=True, limit=5)

    posts, known = await site.db.read(read)
    if listing.before(request) is not None:
        known = []
    elif len(posts.cards) > _TASTE:
        posts = replace(posts, cards=posts.cards[:_TASTE], last=posts.cards[_TASTE - 1].post.id)
    return fitted(request, "front.html", listing.variants(request, posts, groups=known))
