"""`/people/NAME`: a person of this instance; `/@NAME` and `/@NAME@DOMAIN`: whoever or whatever has that handle."""

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fedi import visibility
from fedi.actions import affiliations
from fedi.context import Site
from fedi.errors import NotFound
from fedi.html import fitted
from fedi.languages import _
from fedi.sessions import signed_in
from fedi.web import cards, groups, listing
from fedi.web.handles import NOBODY, of_handle
from fedi.web.paths import actor_path, safe_link
from storage import actors, follows, timelines
from storage.actors import Actor
from storage.metadata import Tx


async def show(request: Request) -> Response:
    """`/people/NAME`: a person of this instance."""
    site: Site = request.app.state.site
    name: str = request.path_params["name"]
    found = await site.db.read(lambda tx: actors.by_name(tx, name, site.config.handle_domain))
    if found is None or not found.local or found.is_group or found.kind == "Application" or found.state != "active":
        raise NotFound(_(NOBODY))
    if found.username != name:
        return RedirectResponse(actor_path(found), 301)
    return await page_of(request, found)


async def by_handle(request: Request) -> Response:
    """`/@NAME`: on to the person or group of this name; `/@NAME@DOMAIN`: the page here of who is elsewhere."""
    site: Site = request.app.state.site
    handle: str = request.path_params["handle"]
    found = await site.db.read(lambda tx: of_handle(tx, site, handle))
    if found is None:
        raise NotFound(_(NOBODY))
    if found.local:
        return RedirectResponse(actor_path(found), 302)
    return await (groups.page_of if found.is_group else page_of)(request, found)


async def page_of(request: Request, person: Actor) -> Response:
    """The page of a person, wherever their home is."""
    site: Site = request.app.state.site
    me = await signed_in(request)
    wanted = listing.page_of(request)

    def read(tx: Tx) -> dict[str, Any]:
        follow = follows.find(tx, me.id, person.id) if me is not None else None
        # Who blocks the reader shows them nothing, boosts included.
        looks = cards.viewer_of(me)
        shut = visibility.shut_out(tx, looks, [person.id])
        gate = visibility.entry_visible_to(looks)
        return {
            "listing": listing.of_entries(
                tx, me, [] if shut else timelines.of_actor(tx, person.id, wanted, visible=gate)
            ),
            "state": follow.state if follow is not None else None,
            "moved": cards.moved_to(tx, person),
            "waits": cards.waits_at(tx, me, person),
        }

    found = await site.db.read(read)
    stated = affiliations.stated(person)
    # The institution's word stands above, with who says so.
    rest = person.fields[1:] if stated is not None else person.fields
    fields = [
        {
            "name": str(one.get("name") or ""),
            "value": str(one.get("value") or ""),
            "verified": one.get("verified_at"),
        }
        for one in rest[:9]
        if one.get("name") or one.get("value")
    ]
    posts = found.pop("listing")
    return fitted(
        request,
        "person.html",
        listing.variants(
            request, posts, **found, person=person, affiliation=stated, fields=fields, original=safe_link(person.url)
        ),
    )
