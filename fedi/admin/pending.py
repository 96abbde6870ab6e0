"""`/admin/pending`: acts that can't be taken back, which wait for a second admin and for their time."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi.actions import pending as actions
from fedi.admin.asking import admin, shown
from fedi.context import Site
from fedi.errors import NotFound, Problem
from fedi.forms import number, see_other, sent, text
from storage import pending_actions
from storage.metadata import Tx

_SHOWN = 30
_DONE = {"approve": "approved", "drop": "dropped", "export": "proposed"}


async def pending(request: Request) -> Response:
    """What waits and what became of the last ones; the form approves or drops one."""
    site: Site = request.app.state.site
    me = await admin(request)
    if request.method != "POST":
        return await _page(request, me.username)
    form = await sent(request)
    action_id, verb, reason = number(form, "id"), text(form, "do", 20), text(form, "reason", 1000)

    def write(tx: Tx) -> None:
        if verb == "export":
            actions.propose(tx, site, me.username, "export.all", {}, reason)
            return
        if action_id is None or verb not in ("approve", "drop"):
            raise NotFound("This button says nothing that can be done; go back and try again.")
        if verb == "approve":
            actions.approve(tx, site, me.username, action_id)
        else:
            actions.drop(tx, site, me.username, action_id, reason)

    try:
        await site.db.write(write)
    except Problem as problem:
        return await _page(request, me.username, problem=problem.text, status=problem.status)
    return see_other(f"/admin/pending?done={_DONE[verb]}")


async def _page(request: Request, me: str, *, problem: str | None = None, status: int = 200) -> Response:
    site: Site = request.app.state.site

    def read(tx: Tx) -> dict[str, Any]:
        there = actions.admins(tx)
        waits = pending_actions.in_state(tx, "proposed", "approved")
        past = pending_actions.in_state(tx, "done", "dropped", "expired")[::-1][:_SHOWN]
        return {
            "rows": [(row, actions.said(row), row.proposer != me or len(there) < 2) for row in waits],
            "past": [(row, actions.said(row)) for row in past],
            "alone": len(there) < 2,
            "hours": site.config.federation.time_lock,
            "times": actions.ALONE,
        }

    return await shown(request, "pending.html", "pending", read, status=status, problem=problem, now=site.clock())
