"""Versions of the policy: the history, one version with who brought each rule, what differs, approving, applying, going back."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from federation.errors import FederationError
from fedi.actions import forecasts, versions
from fedi.actions import policies as actions
from fedi.admin.asking import admin, asked, shown
from fedi.context import Site
from fedi.errors import NotFound, Problem
from fedi.forms import see_other, sent, text
from storage import policies, simulations
from storage.metadata import Tx

_SHOWN = 60


async def history(request: Request) -> Response:
    """Every version, newest first."""
    await admin(request)

    def read(tx: Tx) -> dict[str, Any]:
        return {"rows": policies.newest(tx, _SHOWN), "now": actions.in_force(tx).version}

    return await shown(request, "history.html", "policy", read)


async def version(request: Request) -> Response:
    """One version; the form approves or applies a draft, or goes back to it."""
    site: Site = request.app.state.site
    me = await admin(request)
    wanted: int = min(request.path_params["version"], 2**31 - 1)  # larger ones no database has
    if request.method != "POST":
        return await _page(request, wanted)
    form = await sent(request)
    verb, comment = text(form, "do", 20), text(form, "comment", actions.MESSAGE).strip()

    def write(tx: Tx) -> tuple[int, str]:
        if verb == "approve":
            return actions.approve(tx, site, me.username, wanted).version, "approved"
        if verb == "apply":
            return actions.apply_version(tx, site, me.username, wanted, comment).version, "applied"
        if verb == "rollback":
            return actions.rollback(tx, site, me.username, wanted, comment).version, "back"
        raise NotFound("This button says nothing that can be done; go back and try again.")

    try:
        made, done = await site.db.write(write)
    except (Problem, FederationError) as refusal:
        return await _page(request, wanted, problem=refusal.text)
    return see_other(f"/admin/policy/versions/{made}?done={done}")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a document, with the version that brought the rule that begins there."""

    number: int
    text: str
    by: str = ""
    version: int | None = None


async def _page(request: Request, wanted: int, *, problem: str | None = None) -> Response:
    site: Site = request.app.state.site
    me = request.state.me.username

    def read(tx: Tx) -> dict[str, Any]:
        row, now = actions.version(tx, wanted), actions.in_force(tx)
        blamed = {one.rule: one for one in versions.blame(tx)} if row.version == now.version else {}
        return {
            "row": row,
            "now": now.version,
            "lines": list(_lines(row.document, blamed)),
            "blamed": bool(blamed),
            "simulated": simulations.newest(tx, 1, digest=row.digest),
            "may_approve": row.state == "draft" and row.author != me and me not in actions.approvers(row),
            "beside": forecasts.compare(tx, site, wanted) if row.state == "applied" and row.version else None,
            "missing": max(0, site.config.policy.approvals - len(row.approvals)),
        }

    return await shown(request, "version.html", "policy", read, status=422 if problem else 200, problem=problem)


def _lines(document: str, blamed: dict[str, versions.Blame]) -> "list[Line]":
    """The lines; beside the line that names a rule's id stands which version brought it as it is."""
    found = []
    for at, line in enumerate(document.splitlines(), 1):
        key, _, value = line.partition("=")
        rule = value.strip().split('"')[1] if key.strip() == "id" and value.count('"') >= 2 else None
        by = blamed.get(rule) if rule is not None else None
        found.append(Line(at, line, f"{by.author}" if by else "", by.version if by else None))
    return found


async def diff(request: Request) -> Response:
    """What differs between the versions `a` and `b`."""
    await admin(request)
    first, second = asked(request, "a", 9), asked(request, "b", 9)
    if not (first.isascii() and first.isdigit() and second.isascii() and second.isdigit()):
        raise NotFound("Say which versions to compare, as ?a=3&b=4.")

    def read(tx: Tx) -> dict[str, Any]:
        found = versions.diff(tx, int(first), int(second))
        return {
            "difference": found,
            "lines": [(_kind(line), line) for line in found.text.splitlines()[2:]],
            "rows": policies.newest(tx, _SHOWN),
        }

    return await shown(request, "diff.html", "policy", read)


def _kind(line: str) -> str:
    return {"+": "added", "-": "removed", "@": "at"}.get(line[:1], "")
