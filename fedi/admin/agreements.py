"""`/admin/agreements/ID`: one version of an agreement: their terms beside ours row by row, and what an admin can say to it."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from federation.errors import FederationError
from federation.peering import agreement as documents
from federation.peering.terms import Terms
from fedi.actions import peers as acts
from fedi.actions import probes as probe_acts
from fedi.admin import terms
from fedi.admin.asking import admin, shown
from fedi.context import Site
from fedi.errors import NotFound, Problem
from fedi.forms import see_other, sent, text
from storage import agreement_events, agreements, peers
from storage.agreements import AgreementRow
from storage.metadata import Tx

_VERBS = ("review", "sign", "refuse", "withdraw")


async def show(request: Request) -> Response:
    """The terms, beside those in force or, where nothing is, beside our own."""
    await admin(request)
    return await _page(request, min(request.path_params["agreement_id"], 2**63 - 1))  # larger ones no database has


async def answer(request: Request) -> Response:
    """What the form says to it: `review`, `sign`, `refuse` or `withdraw`."""
    site: Site = request.app.state.site
    me = await admin(request)
    form = await sent(request)
    agreement_id: int = min(request.path_params["agreement_id"], 2**63 - 1)
    verb, reason = text(form, "do", 20), text(form, "reason", 2000).strip()
    fingerprint = text(form, "fingerprint", 300).strip() or None

    def write(tx: Tx) -> None:
        if verb == "review":
            acts.review(tx, site, me.username, agreement_id)
        elif verb == "sign":
            acts.sign(tx, site, me.username, agreement_id, fingerprint=fingerprint)
        elif verb == "refuse":
            acts.refuse(tx, site, me.username, agreement_id, reason)
        elif verb == "withdraw":
            acts.withdraw(tx, site, me.username, agreement_id)
        else:
            raise NotFound("This button says nothing that can be done; go back and try again.")

    try:
        await site.db.write(write)
    except Problem as problem:
        return await _page(
            request, agreement_id, problem=problem.text, status=problem.status, typed=(fingerprint, reason)
        )
    except FederationError as refusal:
        return await _page(request, agreement_id, problem=refusal.text, status=422, typed=(fingerprint, reason))
    done = {"sign": "signed", "refuse": "refused", "withdraw": "withdrawn"}.get(verb, verb)
    return see_other(f"/admin/agreements/{agreement_id}?done={done}")


async def _page(
    request: Request,
    agreement_id: int,
    *,
    problem: str | None = None,
    status: int = 200,
    typed: tuple[str | None, str] = (None, ""),
) -> Response:
    site: Site = request.app.state.site

    def read(tx: Tx) -> dict[str, Any]:
        row = agreements.by_id(tx, agreement_id)
        if row is None:
            raise NotFound("There is no such agreement.")
        theirs = documents.read(row.document).terms
        before, label = _beside(tx, site, row)
        peer = peers.by_host(tx, row.host)
        rows = terms.beside(before, theirs) if before is not None else []
        return {
            "row": row,
            "peer": peer,
            "compared": rows,
            "label": label,
            "differ": sum(1 for one in rows if one["relation"] != "equal"),
            "wider": sum(1 for one in rows if one["relation"] == "wider"),
            "listed": terms.listed(theirs),
            "events": agreement_events.of_agreement(tx, row.id)[::-1],
            "probes": probe_acts.state(tx, row.host),
            "pinned": peer.pinned_key if peer is not None else None,
            "ours": acts.our_fingerprint(tx, site),
            "document": row.document.decode("utf-8", "replace"),
        }

    return await shown(request, "agreement.html", "peers", read, status=status, problem=problem, typed=typed)


def _beside(tx: Tx, site: Site, row: AgreementRow) -> tuple[Terms | None, str]:
    """What this version is compared with, and what that is."""
    current = agreements.in_force(tx, row.host)
    if current is not None and current.id != row.id:
        return documents.read(current.document).terms, f"In force (version {current.version})"
    if row.replaces is not None:
        earlier = agreements.by_iri(tx, row.replaces)
        if earlier is not None:
            return documents.read(earlier.document).terms, f"Version {earlier.version}"
    if row.ours:
        return None, ""
    return acts.our_terms(site), "Ours"
