"""`/admin/decisions`: what the policy decided other than plainly to accept; `/admin/audit`: who changed what."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi.admin.asking import PAGE, admin, asked, before, older, shown
from fedi.languages import N_
from storage import audit, decisions
from storage.audit import AuditRow
from storage.metadata import Tx

VERDICTS = ("reject", "hold", "limit", "accept")


async def index(request: Request) -> Response:
    """The newest decisions, of one host or with one verdict where the form says so."""
    await admin(request)
    host, verdict = asked(request, "host"), asked(request, "verdict")
    start = before(request)

    def read(tx: Tx) -> dict[str, Any]:
        wanted = verdict if verdict in VERDICTS else None
        found = decisions.found(tx, PAGE + 1, host=host or None, verdict=wanted, before=start)
        rows = found[:PAGE]
        return {"rows": rows, "older": older(request, rows[-1].id) if len(found) > PAGE else None}

    newer = request.url.path if start is not None else None
    return await shown(
        request, "decisions.html", "decisions", read, host=host, verdict=verdict, verdicts=VERDICTS, newer=newer
    )


async def log(request: Request) -> Response:
    """The audit log, newest first; of one host, version or person where the form says so."""
    await admin(request)
    about, start = asked(request, "about"), before(request)

    def read(tx: Tx) -> dict[str, Any]:
        found = audit.newest(tx, PAGE + 1, about=about or None, before=start)
        rows = found[:PAGE]
        more = older(request, rows[-1].id) if len(found) > PAGE else None
        return {"rows": [(row, said(row)) for row in rows], "older": more}

    newer = request.url.path if start is not None else None
    return await shown(request, "audit.html", "audit", read, about=about, newer=newer)


DID = {
    "announcement.publish": N_("announced"),
    "announcement.show": N_("announced"),
    "announcement.draft": N_("drafted the announcement"),
    "announcement.end": N_("ended the announcement"),
    "job.drop": N_("dropped a job of the kind"),
    "peer.invite": N_("offered an agreement to"),
    "peer.draft": N_("drafted an agreement with"),
    "peer.review": N_("is looking at the offer of"),
    "peer.sign": N_("signed the agreement with"),
    "peer.confirm": N_("confirmed the key of"),
    "peer.pin": N_("pinned the key of"),
    "peer.refuse": N_("refused the offer of"),
    "peer.withdraw": N_("took back the offer to"),
    "peer.change": N_("offered new terms to"),
    "peer.suspend": N_("suspended"),
    "peer.resume": N_("resumed the peering with"),
    "peer.review-suspension": N_("looked at the suspension of"),
    "peer.notice": N_("gave notice to"),
    "peer.end": N_("ended the peering with"),
    "peer.agree-alone": N_("agreed alone with"),
    "peer.stance": N_("changed the stance to"),
    "peer.tier": N_("changed the tier of"),
    "peer.probe": N_("checked"),
    "peer.probed": N_("reported what its checks found here:"),
    "peer.offered": N_("offered an agreement, from"),
    "peer.signed": N_("signed the agreement, for"),
    "peer.refused": N_("refused our offer, for"),
    "peer.refused-offer": N_("made an offer that could not be taken, from"),
    "peer.withdrawn": N_("took back its offer, from"),
    "peer.noticed": N_("gave us notice, from"),
    "peer.ended": N_("ended the peering, from"),
    "peer.time": N_("did what was due in the agreement with"),
    "peer.remind": N_("reminded of the agreement with"),
    "peer.requested": N_("asked to follow this instance, from"),
    "peer.wished": N_("asked the admins for an agreement with"),
    "peer.request-answered": N_("answered the request of"),
    "policy.apply": N_("applied version"),
    "policy.draft": N_("drafted version"),
    "policy.approve": N_("approved version"),
    "policy.rollback": N_("went back, with version"),
    "pending.propose": N_("proposed an act on"),
    "pending.approve": N_("approved an act on"),
    "pending.drop": N_("dropped an act on"),
    "pending.done": N_("did what was approved on"),
    "pending.expire": N_("let a proposal lapse on"),
    "pending.fail": N_("could not do what was approved on"),
    "held.release": N_("let in what was held of"),
    "held.refuse": N_("turned down what was held of"),
    "group.scope": N_("changed the scope of"),
    "group.closed": N_("put members out of"),
    "directory.follow": N_("follows the directory"),
    "directory.forget": N_("follows no more the directory"),
    "directory.take": N_("took over the entry of"),
    "directory.leave": N_("left out the entry of"),
    "directory.change": N_("found a changed entry of"),
    "directory.refuse": N_("refused what was read of the directory"),
    "directory.publish": N_("published the directory"),
    "directory.unpublish": N_("publishes no more the directory"),
    "audit.head": N_("signed the log, about"),
}
"""What the actions of the log are in words that come before what they are about."""


def said(row: AuditRow) -> str:
    """What an entry holds, as words on one line."""
    shown_ = [
        (name, value)
        for name, value in row.body.items()
        if name not in ("digest", "document") and value not in ("", None)
    ]
    return " · ".join(f"{name.replace('_', ' ')}: {_word(value)}" for name, value in shown_)[:600]


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_word(one) for one in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_word(one)}" for name, one in value.items())
    return str(value)
