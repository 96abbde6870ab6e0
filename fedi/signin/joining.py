"""`/join` and `/join/CODE`: making one's account; `/confirm/…`: the link of the mail that asks whether an address is theirs."""

import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.actions import invitations, sign_ups
from fedi.context import Site
from fedi.errors import Invalid, Problem
from fedi.forms import see_other, sent, text
from fedi.guard import guard
from fedi.html import page
from fedi.languages import _
from fedi.sessions import signed_in
from fedi.signin.entering import enter, hashed, keys
from storage import actors
from storage.metadata import Tx


async def join(request: Request) -> Response:
    """The form to sign up where that is allowed, else how to get an account; what it sends: an account."""
    site: Site = request.app.state.site
    me = await signed_in(request)
    code = request.path_params.get("code", "")
    try:
        invited = await _invited(request, code) if code else None
    except Problem as problem:
        return page(request, "join.html", problem.status, how=problem.text, invited=None, me_there=me is not None)
    if me is not None and request.method != "POST":
        return page(request, "join.html", how=None, invited=invited, me_there=True)
    if invited is None and site.config.registrations in sign_ups.HOW:
        if request.method == "POST":
            await sent(request)
        how = _(sign_ups.HOW[site.config.registrations])
        return page(
            request, "join.html", 200 if request.method != "POST" else 403, how=how, invited=None, me_there=False
        )
    if request.method != "POST":
        return _form(request, invited, code, None, {})
    form = await sent(request)
    typed = {name: text(form, name, 1100).strip() for name in ("username", "email", "reason", "zone")}
    try:
        made = await _sign_up(request, code, text(form, "password", 1001), typed)
    except Problem as problem:
        return _form(request, invited, code, problem, typed)
    if made.state == "in":
        return await enter(request, made.actor.id, "/welcome", sure=True)
    if made.state == "confirm":
        how = _("Look into your mail: we sent a link to %(address)s. Open it to go on.") % {"address": typed["email"]}
    else:
        how = _("Thank you. Your account waits for approval; you can log in once it was looked at.")
    return page(request, "join.html", how=how, invited=None, me_there=False)


async def _invited(request: Request, code: str) -> dict[str, Any]:
    """Who invites and into which groups. Raises Problem for an invitation that does not count."""
    site: Site = request.app.state.site

    def read(tx: Tx) -> dict[str, Any]:
        found = invitations.check(tx, site, code)
        return {"by": actors.by_id(tx, found.by_id), "groups": invitations.into(tx, found)}

    return await site.db.read(read)


def _form(
    request: Request, invited: dict[str, Any] | None, code: str, problem: Problem | None, typed: dict[str, str]
) -> Response:
    return page(
        request,
        "join.html",
        200 if problem is None else problem.status,
        how=None,
        me_there=False,
        invited=invited,
        code=code,
        problem=problem.text if problem is not None else None,
        **({"username": "", "email": "", "reason": "", "zone": ""} | typed),
    )


async def _sign_up(request: Request, code: str, password: str, typed: dict[str, str]) -> sign_ups.SignedUp:
    site: Site = request.app.state.site
    guard(request).check(request, None)
    if not typed["username"] or not typed["email"]:
        raise Invalid(_("A username and an e-mail address are needed."))
    password_hash, key_pair = await hashed(request, password), await keys()
    secret = secrets.token_urlsafe(32)
    return await site.db.write(
        lambda tx: sign_ups.sign_up(
            tx,
            site,
            username=typed["username"],
            email=typed["email"],
            password_hash=password_hash,
            key_pair=key_pair,
            secret=secret,
            reason=typed["reason"],
            code=code,
            zone=typed["zone"],
        )
    )


async def confirm(request: Request) -> Response:
    """The link that was mailed: a page with a button, as programs that look into mail open links as well; the button
    confirms the address, and who only waited for that is in."""
    site: Site = request.app.state.site
    me = await signed_in(request)
    secret = request.path_params["secret"][:100]
    if request.method != "POST":
        address = await site.db.read(lambda tx: sign_ups.pending_confirmation(tx, site, secret))
        return page(request, "confirm.html", 200 if address else 404, address=address, said=None)
    await sent(request)
    try:
        done = await site.db.write(lambda tx: sign_ups.confirm(tx, site, secret))
    except Problem as problem:
        return page(request, "confirm.html", problem.status, address=None, said=problem.text)
    if done is None:
        return page(request, "confirm.html", 404, address=None, said=None)
    if done.now_in:
        return await enter(request, done.actor.id, "/welcome", sure=True)
    if done.waits:
        said = _("Thank you. Your account waits for approval; we write to you once it was looked at.")
        return page(request, "confirm.html", address=None, said=said)
    return see_other("/settings/security?done=email" if me is not None else "/login?done=confirmed")


ROUTES = [
    Route("/join", join, methods=["GET", "POST"]),
    Route("/join/{code}", join, methods=["GET", "POST"]),
    Route("/confirm/{secret}", confirm, methods=["GET", "POST"]),
]
