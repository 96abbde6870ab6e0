"""`/settings/peerings`: what one has at institutions that are suspended, and which follows ended with a peering."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi.actions import paused
from fedi.context import Site
from fedi.forms import person
from fedi.html import page
from storage.metadata import Tx


async def show(request: Request) -> Response:
    """The page of who is logged in."""
    site: Site = request.app.state.site
    me = await person(request)

    def read(tx: Tx) -> dict[str, Any]:
        return {"paused": paused.paused(tx, me), "lost": paused.lost(tx, me)}

    return page(request, "peerings.html", **await site.db.read(read))
