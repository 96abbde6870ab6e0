"""`/admin`: what waits for an admin, and how federation is doing."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi import health
from fedi.actions import peer_requests
from fedi.actions import pending as pending_acts
from fedi.admin.asking import admin, shown, waits_here
from fedi.admin.decisions import DID
from fedi.admin.health import traffic
from fedi.context import Site
from fedi.languages import _
from storage import agreements, audit, decisions, links, peers, pending_actions, policies, samples
from storage.metadata import Tx

_DAY = 24 * 3600 * 1000
_LATELY = 8
_LOOKED_AT = 60
"""Institutions whose health is looked at for this page; that of all is on the page of peers."""


async def overview(request: Request) -> Response:
    """Requests, proposals and peers that need somebody; the policy in force; what was done last."""
    site: Site = request.app.state.site
    me = await admin(request)

    def read(tx: Tx) -> dict[str, Any]:
        asked = [row for row in agreements.in_state(tx, "offered", "review") if waits_here(row)]
        proposed = [row for row in pending_actions.in_state(tx, "proposed") if row.proposer != me.username]
        failing = [link for link in links.everyone(tx) if link.failures or link.state == "suspended"]
        stances = peers.with_stance(tx, ("agreed", "limited", "suspended", "blocked"))
        refused = [
            row for row in decisions.newest(tx, 500) if row.created_at > site.clock() - _DAY and row.verdict == "reject"
        ]
        close = [peer.host for peer in stances if peer.stance == "agreed"][:_LOOKED_AT]
        judged = [one for one in (health.of_peer(tx, site, each) for each in close) if one is not None]
        return {
            "ill": [one for one in judged if one.colour == "red"],
            "asked": asked,
            "proposed": [(row, pending_acts.said(row)) for row in proposed],
            "failing": failing[:5],
            "suspended": [peer for peer in stances if peer.stance == "suspended"],
            "agreed": sum(1 for peer in stances if peer.stance == "agreed"),
            "kept_out": sum(1 for peer in stances if peer.stance in ("limited", "blocked")),
            "refused": len(refused),
            "policy": policies.in_force(tx),
            "reviews": [(peer, row) for peer, row in pending_acts.to_review(tx) if row.who != me.username],
            "requests": [actor.host for actor in peer_requests.requests(tx, site)],
            "traffic": traffic(samples.since(tx, site.clock() - _DAY, ("received", "refused", "head"))),
            "lately": [(row, _(DID.get(row.action, row.action))) for row in audit.newest(tx, _LATELY)],
        }

    return await shown(request, "overview.html", "overview", read, mode=site.config.federation.mode)
