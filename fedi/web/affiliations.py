"""`/people/NAME/affiliation`: the institution's word about what somebody is there, which profiles link to.

It links back with rel=me, so that servers that verify links (Mastodon) show the tick; what it is worth is in
`fedi.actions.affiliations`. There is none of who has no affiliation or does not show it.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi.actions import affiliations
from fedi.context import Site
from fedi.errors import NotFound
from fedi.html import page
from fedi.languages import _
from fedi.sessions import signed_in
from storage import actors, people
from storage.metadata import Tx


async def show(request: Request) -> Response:
    """The page of one person."""
    site: Site = request.app.state.site
    name: str = request.path_params["name"]
    await signed_in(request)

    def read(tx: Tx) -> dict[str, Any]:
        person = actors.by_iri(tx, site.iri(f"/people/{name}"))
        row = people.by_id(tx, person.id) if person is not None and person.local else None
        shown = affiliations.shown(row)
        if person is None or person.state != "active" or shown is None:
            raise NotFound(_("Nothing is stated about anybody here."))
        return {"person": person, "affiliation": affiliations.NAMES[shown]}

    return page(request, "affiliation.html", **await site.db.read(read))
