"""`/admin/policy`: the policy's editor, which checks while one writes, and what one does from there: draft, simulate, apply.

Versions and what differs between them are `fedi.admin.versions`, what a simulation found `fedi.admin.simulations`.
"""

import asyncio
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from federation.errors import FederationError
from fedi import simulating
from fedi.actions import imports
from fedi.actions import policies as actions
from fedi.actions.checking import Checked, check
from fedi.admin.asking import admin, asked, shown
from fedi.context import Site
from fedi.errors import Problem
from fedi.forms import number, see_other, sent, text
from fedi.html import page
from storage import envelopes, policies, simulations
from storage.metadata import Tx

DOCUMENT = 2_200_000
"""Characters of a document that are read: more than may be, so that the check says so."""
FORM = 7_000_000
_DAY = 24 * 3600 * 1000
_DRAFTS = 8
SPANS = (("1", "the last day"), ("3", "three days"), ("7", "a week"), ("14", "two weeks"))


async def edit(request: Request) -> Response:
    """The editor with the policy in force, with a draft (`?draft=`), of a simulation (`?simulation=`), or with what was just sent."""
    site: Site = request.app.state.site
    me = await admin(request)
    if request.method == "POST":
        return await _sent(request, site, me.username)
    draft, simulation = asked(request, "draft", 9), asked(request, "simulation", 19)

    def read(tx: Tx) -> tuple[str, int, str]:
        now = actions.in_force(tx)
        if simulation.isascii() and simulation.isdigit() and len(simulation) < 19:
            tried = simulations.by_id(tx, int(simulation))
            if tried is not None:
                return tried.document, tried.against, ""
        if draft.isascii() and draft.isdigit():
            row = actions.version(tx, int(draft))
            return row.document, now.version, row.message
        return now.document, now.version, ""

    document, parent, message = await site.db.read(read)
    return await _page(request, document, parent, comment=message if draft else "")


async def live(request: Request) -> Response:
    """What a check of a document says, alone: the script puts it into the editor's page."""
    await admin(request)
    document = _document(await sent(request, FORM))
    return page(request, "admin/check.html", checked=await asyncio.to_thread(check, document), written=True)


async def _sent(request: Request, site: Site, me: str) -> Response:
    form = await sent(request, FORM)
    document, verb, comment = _document(form), text(form, "do", 20), text(form, "comment", actions.MESSAGE).strip()
    parent = number(form, "parent")
    days = text(form, "days", 3)
    checked = await asyncio.to_thread(check, document)
    problem = None
    try:
        if verb == "import":
            listed = text(form, "list", DOCUMENT)
            found = await asyncio.to_thread(imports.draft, listed, text(form, "source", 200).strip() or "pasted")
            merged = await asyncio.to_thread(imports.merged, document, found.text)
            several = "1 rule was" if found.rules == 1 else f"{found.rules} rules were"
            told = f"{several} put into the document below. Nothing was saved."
            return await _page(request, merged, parent, comment=comment, done=told)
        if verb == "draft":
            row = await site.db.write(lambda tx: actions.save_draft(tx, site, me, document, comment, parent=parent))
            return see_other(f"/admin/policy/versions/{row.version}?done=draft")
        if verb == "simulate":
            since = site.clock() - _DAY * (int(days) if days in dict(SPANS) else 7)
            made = await simulating.simulate(site, me, document, since=since)
            return see_other(f"/admin/policy/simulations/{made.id}")
        if verb == "apply":
            row = await site.db.write(lambda tx: actions.apply(tx, site, me, document, comment, parent=parent))
            return see_other(f"/admin/policy/versions/{row.version}?done=applied")
    except (Problem, FederationError) as refusal:
        # What the check says stands beside the editor already.
        problem = refusal.text if checked.fine else "Nothing was saved: mend what is marked below first."
    status = 422 if problem else 200
    return await _page(request, document, parent, comment=comment, problem=problem, status=status, checked=checked)


def _document(form: FormData) -> str:
    return text(form, "text", DOCUMENT).replace("\r\n", "\n")


async def _page(
    request: Request,
    document: str,
    parent: int | None,
    *,
    comment: str,
    problem: str | None = None,
    status: int = 200,
    checked: Checked | None = None,
    done: str | None = None,
) -> Response:
    site: Site = request.app.state.site
    found = checked or await asyncio.to_thread(check, document)

    def read(tx: Tx) -> dict[str, Any]:
        now = actions.in_force(tx)
        return {
            "now": now,
            "drafts": [row for row in policies.newest(tx, 40) if row.state == "draft" and row.version > now.version][
                :_DRAFTS
            ],
            "envelopes": envelopes.total(tx),
        }

    return await shown(
        request,
        "policy.html",
        "policy",
        read,
        status=status,
        problem=problem,
        **({"done": done} if done else {}),
        document=document,
        parent=parent,
        comment=comment,
        checked=found,
        written=checked is not None,
        spans=SPANS,
        days="7",
        wants=site.config.policy,
    )
