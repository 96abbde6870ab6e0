"""`/login/sso`: to the institution's own log-in and back, and at the first time the page on which somebody new sees what was
received of them and chooses their name.
"""

import hmac
import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from fedi import sessions
from fedi.actions import identities as actions
from fedi.context import Site
from fedi.errors import NotFound, Problem
from fedi.forms import local_path, sent, text
from fedi.guard import guard
from fedi.html import page
from fedi.languages import _
from fedi.sessions import signed_in
from fedi.signin import oidc, security
from fedi.signin.entering import checked_state, confirm_password, enter, keys
from storage import identities, people, tickets
from storage.apps import hashed
from storage.metadata import Tx

LIFE = 15 * 60 * 1000
"""Ms for the way there and back, and for the page after it."""


def _cookie(site: Site) -> str:
    return f"{sessions.cookie_name(site)}-sso"


async def leave(request: Request) -> Response:
    """POST /login/sso: to the provider, with what must come back from it kept (state, nonce, PKCE) and bound to this browser."""
    site: Site = request.app.state.site
    me = await signed_in(request)
    form = await sent(request)
    if not site.config.sso.issuer:
        raise NotFound
    guard(request).check(request, None)
    known = await oidc.provider(request)
    linked = me is None or await site.db.read(
        lambda tx: any(one.issuer == known.issuer for one in identities.of_person(tx, me.id))
    )
    if me is not None and not linked:  # another way to log in: whoever found this browser open must not make one
        try:
            await confirm_password(request, me, form)
        except Problem as problem:
            return await security.shown(request, me, problem)
    state, nonce, verifier, browser = (secrets.token_urlsafe(32) for _each in range(4))
    wanted = local_path(text(form, "next"), "/home")
    data = {"nonce": nonce, "verifier": verifier, "browser": hashed(browser), "next": wanted, "links": not linked}
    me_id = me.id if me is not None else None
    await site.db.write(lambda tx: tickets.insert(tx, state, "sso", me_id, data, site.clock(), LIFE))
    to = oidc.address(site, known, state=state, nonce=nonce, verifier=verifier)
    answer = RedirectResponse(to, 303, {"cache-control": "no-store"})
    secure = site.config.origin.startswith("https:")
    answer.set_cookie(
        _cookie(site), browser, max_age=LIFE // 1000, path="/", secure=secure, httponly=True, samesite="lax"
    )
    return answer


async def back(request: Request) -> Response:
    """GET /login/sso/back: the provider sends the browser back with a code, or with why not."""
    site: Site = request.app.state.site
    await signed_in(request)
    try:
        return await _back(request, site)
    except Problem as problem:
        return page(request, "sso.html", problem.status, problem=problem.text, claims=None)


async def _back(request: Request, site: Site) -> Response:
    guard(request).check(request, None)
    asked = request.query_params
    state, code = asked.get("state", "")[:200], asked.get("code", "")[:4000]
    ticket = await site.db.write(lambda tx: tickets.take(tx, state, "sso", site.clock()))
    browser = hashed(request.cookies.get(_cookie(site), ""))
    if ticket is None or not hmac.compare_digest(browser, str(ticket.data["browser"])):
        raise Problem(_("This log-in was begun in another browser, or too long ago. Begin again."), code="state")
    if not code:
        oidc.log.info("the institution's log-in said %r", asked.get("error", "")[:200])
        raise Problem(_("Your institution did not let you in. Begin again, or ask its help desk."), code="denied")
    if asked.get("iss") not in (None, site.config.sso.issuer):  # RFC 9207
        raise oidc.refused(f"the answer comes from {asked['iss'][:200]!r}")
    known = await oidc.provider(request)
    claims = await oidc.claims_for(
        request, known, code, nonce=str(ticket.data["nonce"]), verifier=str(ticket.data["verifier"])
    )
    kept, wanted = actions.kept(site, claims), local_path(str(ticket.data["next"]), "/home")
    me = await signed_in(request)
    if me is not None and ticket.person_id == me.id:
        if not ticket.data.get("links"):
            # Who they are already; of somebody else there nobody proved here that it is them.
            there = await site.db.read(lambda tx: identities.find(tx, known.issuer, str(kept["sub"])))
            if there is None:
                raise Problem(_("For this, log in again first, so that we know that it is you."), code="password")
        new = await site.db.write(lambda tx: actions.link(tx, site, known.issuer, kept, me))
        return await enter(request, me.id, "/settings/security?done=linked" if new else wanted, sure=True)
    secret = secrets.token_urlsafe(32)

    def write(tx: Tx) -> int | None:
        person_id = actions.come(tx, site, known.issuer, kept)
        if person_id is not None:
            row = people.by_id(tx, person_id)
            return checked_state(tx, site, row) if row is not None else None
        if site.config.registrations == "sso":
            data = {"issuer": known.issuer, "claims": kept, "next": wanted}
            tickets.insert(tx, secret, "sso-new", None, data, site.clock(), LIFE)
        return None

    person_id = await site.db.write(write)
    if person_id is not None:
        return await enter(request, person_id, wanted, sure=True)  # how sure the provider is, is up to the institution
    if site.config.registrations != "sso":
        said = _(
            "You have no account here yet. Whoever has one logs in by password once and connects it in the settings."
        )
        raise Problem(said, status=403, code="nobody")
    return await _first(request, secret, kept, None, {})


async def _first(
    request: Request, secret: str, claims: dict[str, Any], problem: Problem | None, typed: dict[str, Any]
) -> Response:
    site: Site = request.app.state.site
    name = await site.db.read(lambda tx: actions.proposed(tx, site, claims))
    shown = {"username": name, "name": claims.get("name") or "", "email": "", "show": True} | typed
    answer = page(
        request,
        "sso.html",
        200 if problem is None else problem.status,
        problem=problem.text if problem is not None else None,
        claims=claims,
        received=claims.get("email") or "",
        affiliation=actions.affiliation_of(claims),
        ticket=secret,
        **shown,
    )
    answer.headers["cache-control"] = "no-store"
    return answer


async def first(request: Request) -> Response:
    """POST /login/sso/new: the account of somebody who is here for the first time."""
    site: Site = request.app.state.site
    await signed_in(request)
    form = await sent(request)
    guard(request).check(request, None)
    secret = text(form, "ticket", 100)
    typed = {name: text(form, name, 300).strip() for name in ("username", "name", "email")}
    show = bool(text(form, "show", 10))
    ticket = await site.db.read(lambda tx: tickets.find(tx, secret, "sso-new", site.clock()))
    if ticket is None or site.config.registrations != "sso":
        said = _("That took too long. Log in by your institution again.")
        return page(request, "sso.html", 422, problem=said, claims=None)
    claims, issuer = dict(ticket.data["claims"]), str(ticket.data["issuer"])
    pair, link = await keys(), secrets.token_urlsafe(32)

    def write(tx: Tx) -> int:
        made = actions.create(tx, site, issuer, claims, **typed, show=show, key_pair=pair, secret=link)
        tickets.take(tx, secret, "sso-new", site.clock())
        return made.id

    try:
        person_id = await site.db.write(write)
    except Problem as problem:
        return await _first(request, secret, claims, problem, typed | {"show": show})
    return await enter(request, person_id, "/welcome", sure=True)


ROUTES = [
    Route("/login/sso", leave, methods=["POST"]),
    Route("/login/sso/back", back),
    Route("/login/sso/new", first, methods=["POST"]),
]
