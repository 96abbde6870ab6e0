"""`/admin/decisions`: what the policy decided other than plainly to accept; `/admin/audit`: who changed what."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi.admin.asking import PAGE, admin, asked, before, older, shown
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
    "announcement.publish": "announced",
    "announcement.show": "announced",
    "announcement.draft": "drafted the announcement",
    "announcement.end": "ended the announcement",
    "job.drop": "dropped a job of the kind",
    "peer.invite": "offered an agreement to",
    "peer.draft": "drafted an agreement with",
    "peer.review": "is looking at the offer of",
    "peer.sign": "signed the agreement with",
    "peer.confirm": "confirmed the key of",
    "peer.pin": "pinned the key of",
    "peer.refuse": "refused the offer of",
    "peer.withdraw": "took back the offer to",
    "peer.change": "offered new terms to",
    "peer.suspend": "suspended",
    "peer.resume": "resumed the peering with",
    "peer.review-suspension": "looked at the suspension of",
    "peer.notice": "gave notice to",
    "peer.end": "ended the peering with",
    "peer.agree-alone": "agreed alone with",
    "peer.stance": "changed the stance to",
    "peer.tier": "changed the tier of",
    "peer.probe": "checked",
    "peer.probed": "reported what its checks found here:",
    "peer.offered": "offered an agreement, from",
    "peer.signed": "signed the agreement, for",
    "peer.refused": "refused our offer, for",
    "peer.refused-offer": "made an offer that could not be taken, from",
    "peer.withdrawn": "took back its offer, from",
    "peer.noticed": "gave us notice, from",
    "peer.ended": "ended the peering, from",
    "peer.time": "did what was due in the agreement with",
    "peer.remind": "reminded of the agreement with",
    "peer.requested": "asked to follow this instance, from",
    "peer.request-answered": "answered the request of",
    "policy.apply": "applied version",
    "policy.draft": "drafted version",
    "policy.approve": "approved version",
    "policy.rollback": "went back, with version",
    "pending.propose": "proposed an act on",
    "pending.approve": "approved an act on",
    "pending.drop": "dropped an act on",
    "pending.done": "did what was approved on",
    "pending.expire": "let a proposal lapse on",
    "pending.fail": "could not do what was approved on",
    "held.release": "let in what was held of",
    "held.refuse": "turned down what was held of",
    "group.scope": "changed the scope of",
    "group.closed": "put members out of",
    "directory.follow": "follows the directory",
    "directory.forget": "follows no more the directory",
    "directory.take": "took over the entry of",
    "directory.leave": "left out the entry of",
    "directory.change": "found a changed entry of",
    "directory.refuse": "refused what was read of the directory",
    "directory.publish": "published the directory",
    "directory.unpublish": "publishes no more the directory",
    "audit.head": "signed the log, about",
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
