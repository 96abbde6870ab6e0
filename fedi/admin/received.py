"""`/admin/received`: what other servers sent, what became of it and why; one of them as it came, to take again. As `fedi received`."""

import json
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from federation.meaning import describe_safely
from fedi.admin.asking import PAGE, admin, asked, before, older, shown
from fedi.context import Site
from fedi.errors import Conflict, NotFound
from fedi.forms import see_other, sent
from fedi.languages import N_, _
from storage import decisions, received
from storage.metadata import Tx
from storage.received import Received

STATES = {
    "new": N_("waits"),
    "done": N_("taken"),
    "refused": N_("refused"),
    "failed": N_("failed"),
    "held": N_("held"),
    "unverified": N_("not proven"),
}
_COLOURS = {"done": "green", "refused": "red", "failed": "red", "held": "amber", "new": "grey", "unverified": "amber"}
_BODY = 40_000


def coloured(row: Received) -> tuple[str, str]:
    """The colour and the word of a row's state."""
    return _COLOURS.get(row.state, "grey"), _(STATES.get(row.state, row.state))


async def index(request: Request) -> Response:
    """What came, newest first; `?state=` and `?host=` choose."""
    site: Site = request.app.state.site
    await admin(request)
    state, host = asked(request, "state", 20), asked(request, "host")

    def read(tx: Tx) -> dict[str, Any]:
        found = received.newest(
            tx, PAGE + 1, state=state if state in STATES else None, host=host or None, max_id=before(request)
        )
        return {
            "rows": [(row, coloured(row)) for row in found[:PAGE]],
            "older": older(request, found[PAGE - 1].id) if len(found) > PAGE else None,
            "totals": received.totals(tx, site.clock() - 24 * 3_600_000),
        }

    states = [(word, _(said)) for word, said in STATES.items()]
    return await shown(request, "received.html", "received", read, state=state, host=host, states=states)


async def show(request: Request) -> Response:
    """One of them: as it came, what it means, and what was decided of it. The form takes it again from the start."""
    site: Site = request.app.state.site
    await admin(request)
    row_id: int = min(request.path_params["row_id"], 2**63 - 1)  # larger ones no database has
    if request.method == "POST":
        await sent(request)
        if not await site.db.write(lambda tx: received.replay(tx, row_id, site.clock())):
            raise Conflict(
                _("This can't be taken again: its signature was never proven, or its body was dropped by age.")
            )
        return see_other(f"/admin/received/{row_id}?done=again")

    def read(tx: Tx) -> dict[str, Any]:
        row = received.by_id(tx, row_id)
        if row is None:
            raise NotFound(_("There is no such row. What was settled is forgotten after some weeks."))
        body = _read_body(row.body)
        return {
            "row": row,
            "state": coloured(row),
            "means": describe_safely(body) if isinstance(body, dict) else "",
            "body": _shown(body),
            "decided": decisions.about(tx, row.activity_id, 20),
        }

    return await shown(request, "received_one.html", "received", read)


def _read_body(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return body[:_BODY].decode("utf-8", "replace")


def _shown(body: Any) -> str:
    if isinstance(body, str):
        return body
    try:
        text = json.dumps(body, indent=1, ensure_ascii=False)
    except RecursionError:
        return _("It is nested too deeply to be shown.")
    # Bidirectional controls are shown as what they are: in a source they must not turn the rest.
    text = "".join(one if one.isprintable() or one == "\n" else f"\\u{ord(one):04x}" for one in text[:_BODY])
    return text if len(text) < _BODY else f"{text}…"
