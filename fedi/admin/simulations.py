"""`/admin/policy/simulations/ID`: what a simulation found, with charts that are tables as well; applying what was tried."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from federation.errors import FederationError
from fedi.actions import policies as actions
from fedi.admin import charts
from fedi.admin.asking import admin, shown
from fedi.context import Site
from fedi.errors import NotFound, Problem
from fedi.forms import see_other, sent, text
from storage import simulations
from storage.metadata import Tx


async def show(request: Request) -> Response:
    """What a simulation found; the form applies the document that was tried."""
    site: Site = request.app.state.site
    me = await admin(request)
    simulation_id: int = min(request.path_params["simulation_id"], 2**63 - 1)  # larger ones no database has
    problem = None
    if request.method == "POST":
        comment = text(await sent(request), "comment", actions.MESSAGE).strip()
        row = await site.db.read(lambda tx: simulations.by_id(tx, simulation_id))
        if row is None:
            raise NotFound("There is no such simulation.")
        tried = row
        try:
            made = await site.db.write(
                lambda tx: actions.apply(tx, site, me.username, tried.document, comment, parent=tried.against)
            )
        except (Problem, FederationError) as refusal:
            problem = refusal.text
        else:
            return see_other(f"/admin/policy/versions/{made.version}?done=applied")

    def read(tx: Tx) -> dict[str, Any]:
        found = simulations.by_id(tx, simulation_id)
        if found is None:
            raise NotFound("There is no such simulation.")
        result = found.result
        return {
            "row": found,
            "result": result,
            "now": actions.in_force(tx).version,
            "rules": [charts.of_rules(result["rules"], wide) for wide in (charts.WIDE, charts.NARROW)],
            "days": [charts.of_days(result["days"], wide) for wide in (charts.WIDE, charts.NARROW)],
        }

    return await shown(
        request,
        "simulation.html",
        "policy",
        read,
        status=422 if problem else 200,
        problem=problem,
        wants=site.config.policy,
    )
