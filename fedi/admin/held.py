"""`/admin/held`: what came and the policy wants a person to decide: let it in, or turn it down.

The text of a public post is shown; of what is not public only who sent it, as it is not for admins to read.
"""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from federation.audience import is_public
from fedi.actions import held as acts
from fedi.admin.asking import PAGE, admin, before, older, shown
from fedi.context import Site
from fedi.errors import NotFound, Problem
from fedi.forms import number, see_other, sent, text
from fedi.text import to_text
from fedi.text.mentions import shortened
from storage import decisions
from storage.decisions import DecisionRow
from storage.metadata import Tx
from storage.received import Received

_TEXT = 600


async def held(request: Request) -> Response:
    """What waits, newest first; the form lets one in or turns it down."""
    site: Site = request.app.state.site
    me = await admin(request)
    problem = None
    if request.method == "POST":
        form = await sent(request)
        row_id, verb, reason = number(form, "id"), text(form, "do", 20), text(form, "reason", acts.MAX_REASON)
        try:
            await site.db.write(lambda tx: _act(tx, site, me.username, verb, row_id, reason))
        except Problem as refusal:
            problem = refusal.text
        else:
            return see_other(f"/admin/held?done={'released' if verb == 'release' else 'held-refused'}")
    start = before(request)

    def read(tx: Tx) -> dict[str, Any]:
        found = acts.waiting(tx, PAGE + 1, before=start)
        rows = found[:PAGE]
        more = older(request, rows[-1].id) if len(found) > PAGE else None
        return {"rows": [(row, excerpt(row), _why(tx, row)) for row in rows], "older": more}

    newer = request.url.path if start is not None else None
    return await shown(request, "held.html", "held", read, status=422 if problem else 200, problem=problem, newer=newer)


def _act(tx: Tx, site: Site, who: str, verb: str, row_id: int | None, reason: str) -> None:
    if row_id is None or verb not in ("release", "refuse"):
        raise NotFound("This button says nothing that can be done; go back and try again.")
    if verb == "release":
        acts.release(tx, site, who, row_id)
    else:
        acts.refuse(tx, site, who, row_id, reason)


def _why(tx: Tx, row: Received) -> DecisionRow | None:
    """Why it was held."""
    return next((one for one in decisions.about(tx, row.activity_id, 10) if one.verdict == "hold"), None)


def excerpt(row: Received) -> str | None:
    """What a held activity says, as plain text; None where it is not for everyone, or says nothing."""
    try:
        document = msgspec.json.decode(row.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    body = document.get("object") if isinstance(document, dict) else None
    if not isinstance(body, dict) or not _public(body):
        return None
    said = [
        to_text(value[:20_000]) for name in ("name", "summary", "content") if isinstance(value := body.get(name), str)
    ]
    return shortened(" – ".join(one for one in said if one.strip()), _TEXT) or None


def _public(body: dict[str, Any]) -> bool:
    for name in ("to", "cc"):
        listed = body.get(name)
        if any(is_public(one) for one in (listed if isinstance(listed, list) else [listed]) if isinstance(one, str)):
            return True
    return False
