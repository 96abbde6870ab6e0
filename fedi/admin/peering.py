"""What an admin does to a peering: invite, suspend, resume, change the terms, give notice, end, purge, check.

What would be paused or lost is shown before. Ending and purging are only proposed here: `fedi.actions.pending`.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from federation.errors import FederationError
from federation.peering import agreement as documents
from fedi.actions import peer_requests as acts_on_requests
from fedi.actions import peers as acts
from fedi.actions import pending, suspensions
from fedi.actions import probes as probe_acts
from fedi.admin import peers as pages
from fedi.admin import terms
from fedi.admin.asking import admin, asked, host, shown
from fedi.context import Site
from fedi.errors import Invalid, NotFound, Problem
from fedi.fetching import institutions
from fedi.forms import local_path, see_other, sent, text
from storage import agreements, peers
from storage.metadata import Tx

_DAY = 24 * 3600 * 1000
_REASON = 2000


async def invite(request: Request) -> Response:
    """Ask who an institution is, then offer it an agreement, or agree alone with a server that speaks of none."""
    site: Site = request.app.state.site
    me = await admin(request)
    wanted = asked(request, "institution")
    form = await sent(request) if request.method == "POST" else None
    if form is not None:
        wanted = text(form, "institution", 300).strip()
    found, problem = None, None
    if wanted:
        try:
            found = await institutions.look_up(site, wanted)
        except (Problem, FederationError) as refusal:
            problem = f"{wanted}: {refusal.text}"
    values = terms.fields(acts.our_terms(site))
    if form is not None and found is not None and text(form, "do", 10) in ("offer", "alone"):
        values = terms.kept(form)
        try:
            offered, alone, there = terms.read(form), text(form, "do", 10) == "alone", found

            def write(tx: Tx) -> int | None:
                if alone:
                    acts.agree_alone(tx, site, me.username, there.host, offered)
                    return None
                told = text(form, "fingerprint", 300).strip() or None
                return acts.invite(tx, site, me.username, there, offered, fingerprint=told).id

            made = await site.db.write(write)
        except (Problem, FederationError) as refusal:
            problem = refusal.text
        else:
            return see_other(
                f"/admin/agreements/{made}?done=invited" if made else f"/admin/peers/{found.host}?done=alone"
            )
    return await shown(
        request,
        "invite.html",
        "peers",
        lambda tx: {"ours": acts.our_fingerprint(tx, site)},
        status=422 if problem else 200,
        problem=problem,
        found=found,
        wanted=wanted,
        values=values,
        fingerprint=text(form, "fingerprint", 300) if form is not None else "",
    )


async def change(request: Request) -> Response:
    """Offer a new version of the agreement in force; nothing widens before both have signed it. What we alone agreed to is
    changed at once."""
    site: Site = request.app.state.site
    me = await admin(request)
    name = host(request)

    def read(tx: Tx) -> dict[str, Any]:
        current = agreements.in_force(tx, name)
        if current is None:
            raise NotFound(f"There is no agreement with {name} that could be changed.")
        peer = peers.by_host(tx, name)
        alone = peer is not None and peer.one_sided
        return {"current": current, "before": documents.read(current.document).terms, "alone": alone}

    known = await site.db.read(read)
    values, problem = terms.fields(known["before"]), None
    if request.method == "POST":
        form = await sent(request)
        values = terms.kept(form)
        try:
            offered = terms.read(form)
            act = acts.agree_alone if known["alone"] else acts.change
            row = await site.db.write(lambda tx: act(tx, site, me.username, name, offered))
        except (Problem, FederationError) as refusal:
            problem = refusal.text
        else:
            return see_other(f"/admin/agreements/{row.id}?done={'alone' if known['alone'] else 'changed'}")
    return await shown(
        request, "change.html", "peers", read, status=422 if problem else 200, problem=problem, values=values, host=name
    )


async def suspend(request: Request) -> Response:
    """What would be paused, and the form; at once, as it can be taken back."""

    def act(tx: Tx, site: Site, who: str, name: str, reason: str, until: int | None) -> None:
        acts.suspend(tx, site, who, name, reason, until)

    return await _act(request, "suspend", "suspended", act)


async def notice(request: Request) -> Response:
    """The form: from when the agreement shall end."""

    def act(tx: Tx, site: Site, who: str, name: str, reason: str, until: int | None) -> None:
        if until is None:
            raise Invalid("Say until when the agreement stays in force.", code="at")
        acts.notice(tx, site, who, name, until, reason)

    return await _act(request, "notice", "notice", act)


async def end(request: Request) -> Response:
    """What would be lost, and the form, which proposes it."""

    def act(tx: Tx, site: Site, who: str, name: str, reason: str, until: int | None) -> None:
        pending.propose(tx, site, who, "peer.end", {"host": name}, reason)

    return await _act(request, "end", "proposed", act)


async def purge(request: Request) -> Response:
    """The form that proposes to delete everything that came from a host."""

    def act(tx: Tx, site: Site, who: str, name: str, reason: str, until: int | None) -> None:
        pending.propose(tx, site, who, "peer.purge", {"host": name}, reason)

    return await _act(request, "purge", "proposed", act)


async def resume(request: Request) -> Response:
    """End a suspension."""
    return await _at_once(request, "resumed", acts.resume)


async def probe(request: Request) -> Response:
    """Check whether the peer keeps what it signs."""
    return await _at_once(
        request, "probing", lambda tx, site, who, name: probe_acts.wanted(tx, site, name, f"asked for by {who}")
    )


async def follow(request: Request) -> Response:
    """Answer the request of another instance's actor to follow ours."""
    form = await sent(request)
    accept = text(form, "do", 10) == "accept"

    def act(tx: Tx, site: Site, who: str, name: str) -> None:
        acts_on_requests.answer_request(tx, site, who, name, accept=accept)

    return await _at_once(request, "saved", act)


async def review(request: Request) -> Response:
    """Say that it was right to suspend a peer."""
    return await _at_once(request, "saved", pending.review)


async def stance(request: Request) -> Response:
    """Limit or block a host that nothing is agreed with, or take that back."""
    site: Site = request.app.state.site
    me = await admin(request)
    form = await sent(request)
    name, wanted, reason = host(request), text(form, "stance", 20), text(form, "reason", _REASON).strip()
    try:
        await site.db.write(lambda tx: acts.set_stance(tx, site, me.username, name, wanted, reason))
    except (Problem, FederationError) as refusal:
        return await pages.page(request, name, problem=refusal.text, status=422)
    return see_other(f"/admin/peers/{name}?done=saved")


async def _at_once(request: Request, done: str, act: Callable[[Tx, Site, str, str], object]) -> Response:
    site: Site = request.app.state.site
    me = await admin(request)
    form = await sent(request)
    name = host(request)
    back = local_path(text(form, "next", 300), f"/admin/peers/{name}")
    try:
        await site.db.write(lambda tx: act(tx, site, me.username, name))
    except (Problem, FederationError) as refusal:
        return await pages.page(request, name, problem=refusal.text, status=getattr(refusal, "status", 422))
    return see_other(f"{back}?done={done}")


async def _act(
    request: Request, verb: str, done: str, act: Callable[[Tx, Site, str, str, str, int | None], None]
) -> Response:
    """A page of its own for an act: what it would cost, a reason, a date; then the act."""
    site: Site = request.app.state.site
    me = await admin(request)
    name = host(request)
    problem, typed = None, ("", "")
    if request.method == "POST":
        form = await sent(request)
        typed = (text(form, "reason", _REASON).strip(), text(form, "until", 20).strip())
        reason, until = typed[0], _until(typed[1])
        try:
            if not reason:
                raise Invalid("Say why: the log keeps it, and who asks is told.", code="reason")
            await site.db.write(lambda tx: act(tx, site, me.username, name, reason, until))
        except (Problem, FederationError) as refusal:
            problem = refusal.text
        else:
            return see_other(f"/admin/peers/{name}?done={done}")

    def read(tx: Tx) -> dict[str, Any]:
        peer = peers.by_host(tx, name)
        if peer is None:
            raise NotFound(f"No host {name} was met.")
        there = pending.admins(tx)
        return {
            "peer": peer,
            "current": agreements.in_force(tx, name),
            "impact": suspensions.impact(tx, name),
            "others": [one for one in there if one != me.username],
        }

    return await shown(
        request,
        "act.html",
        "peers",
        read,
        status=422 if problem else 200,
        problem=problem,
        verb=verb,
        typed=typed,
        hours=site.config.federation.time_lock,
        longer=pending.ALONE,
    )


def _until(day: str) -> int | None:
    """The end (ms) of the day that a date field names, in UTC; None for an empty one."""
    try:
        return int(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp() * 1000) + _DAY - 1
    except (ValueError, OverflowError):
        return None
