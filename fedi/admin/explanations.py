"""`/admin/explain`: what was decided upon an activity or a host, rule by rule, asked again under the version of then."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi.actions import explaining
from fedi.admin.asking import admin, asked, shown
from fedi.context import Site
from storage.metadata import Tx

_SHOWN = 12


async def explain(request: Request) -> Response:
    """The trace of rules for what `?of=` names: the id of an activity or of a post, or a host."""
    site: Site = request.app.state.site
    await admin(request)
    wanted = asked(request, "of", 2000)

    def read(tx: Tx) -> dict[str, Any]:
        found = explaining.explained(tx, site, wanted) if wanted else []
        return {"found": found[:_SHOWN], "more": len(found) - _SHOWN}

    return await shown(request, "explain.html", "policy", read, wanted=wanted)
