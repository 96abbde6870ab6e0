"""The door for administrators: the console below /admin, plain HTML that works without script.

`asking` is what every page begins with; the rest are the chapters. What is shown and done here can be shown and done by the
command line and by `/api/fedi/v1` as well, with the same words.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.admin import (
    agreements,
    announcements,
    decisions,
    deliveries,
    directories,
    explanations,
    groups,
    health,
    held,
    jobs,
    overview,
    peering,
    peers,
    pending,
    people,
    policy,
    received,
    simulations,
    versions,
)
from fedi.html import CONSOLE_SCRIPT, CONSOLE_SCRIPT_PATH, CONSOLE_STYLE, CONSOLE_STYLE_PATH

_BOTH = ["GET", "POST"]


async def style(request: Request) -> Response:
    """The console's style sheet, beside that of all pages. Its name changes with its content."""
    return Response(
        CONSOLE_STYLE, media_type="text/css", headers={"cache-control": "public, max-age=31536000, immutable"}
    )


async def script(request: Request) -> Response:
    """The console's script: the policy is checked while it is written."""
    headers = {"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"}
    return Response(CONSOLE_SCRIPT, media_type="text/javascript", headers=headers)


ROUTES = [
    Route("/admin", overview.overview),
    Route("/admin/peers", peers.index),
    Route("/admin/peers/{host}", peers.show),
    Route("/admin/invite", peering.invite, methods=_BOTH),
    Route("/admin/peers/{host}/suspend", peering.suspend, methods=_BOTH),
    Route("/admin/peers/{host}/resume", peering.resume, methods=["POST"]),
    Route("/admin/peers/{host}/change", peering.change, methods=_BOTH),
    Route("/admin/peers/{host}/notice", peering.notice, methods=_BOTH),
    Route("/admin/peers/{host}/end", peering.end, methods=_BOTH),
    Route("/admin/peers/{host}/purge", peering.purge, methods=_BOTH),
    Route("/admin/peers/{host}/probe", peering.probe, methods=["POST"]),
    Route("/admin/peers/{host}/follow", peering.follow, methods=["POST"]),
    Route("/admin/peers/{host}/review", peering.review, methods=["POST"]),
    Route("/admin/peers/{host}/stance", peering.stance, methods=["POST"]),
    Route("/admin/agreements/{agreement_id:int}", agreements.show),
    Route("/admin/agreements/{agreement_id:int}", agreements.answer, methods=["POST"]),
    Route("/admin/policy", policy.edit, methods=_BOTH),
    Route("/admin/policy/check", policy.live, methods=["POST"]),
    Route("/admin/policy/simulations/{simulation_id:int}", simulations.show, methods=_BOTH),
    Route("/admin/policy/history", versions.history),
    Route("/admin/policy/diff", versions.diff),
    Route("/admin/policy/versions/{version:int}", versions.version, methods=_BOTH),
    Route("/admin/explain", explanations.explain),
    Route("/admin/groups", groups.index),
    Route("/admin/groups/{name}", groups.scope, methods=_BOTH),
    Route("/admin/held", held.held, methods=_BOTH),
    Route("/admin/directories", directories.index, methods=_BOTH),
    Route("/admin/decisions", decisions.index),
    Route("/admin/audit", decisions.log),
    Route("/admin/pending", pending.pending, methods=_BOTH),
    Route("/admin/deliveries", deliveries.deliveries, methods=_BOTH),
    Route("/admin/received", received.index),
    Route("/admin/received/{row_id:int}", received.show, methods=_BOTH),
    Route("/admin/jobs", jobs.index, methods=_BOTH),
    Route("/admin/health", health.page),
    Route("/admin/people", people.index),
    Route("/admin/people/{name}", people.show, methods=_BOTH),
    Route("/admin/announcements", announcements.index, methods=_BOTH),
    Route(CONSOLE_STYLE_PATH, style),
    Route(CONSOLE_SCRIPT_PATH, script),
]

__all__ = ["ROUTES"]
