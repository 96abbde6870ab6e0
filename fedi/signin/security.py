"""`/settings/security`: the password, the address, codes from an app, recovery codes, and where one is logged in.

Whatever changes how one logs in asks for the password once more. Apps are shut out on `/settings`.
"""

import asyncio
import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import sessions as session_cookies
from fedi.actions import credentials, mailing, sign_ups
from fedi.context import Site
from fedi.errors import Invalid, Problem
from fedi.forms import person, see_other, sent, text
from fedi.guard import guard
from fedi.html import page
from fedi.languages import N_, _
from fedi.signin.entering import confirm_password, hashed
from storage import identities, passkeys, people, second_factors, sessions
from storage import sign_ups as sign_up_rows
from storage.actors import Actor
from storage.apps import hashed as hash_of
from storage.metadata import Tx

DONE = {
    "password": N_("Your password is changed. You are logged out everywhere else."),
    "email": N_("Your address is changed."),
    "mailed": N_("Look into your mail: your new address counts once you opened the link that was sent there."),
    "passkey": N_("Your passkey is kept. From now on you can log in with it."),
    "removed": N_("The passkey is removed."),
    "off": N_("Codes are off. Logging in takes your password alone."),
    "linked": N_("From now on you can log in by your institution."),
    "sessions": N_("That browser is logged out."),
}
SHOWN = 50
"""Browsers that the page lists."""


async def show(request: Request) -> Response:
    """The page."""
    return await shown(request, await person(request))


async def shown(request: Request, me: Actor, problem: Problem | None = None, **typed: Any) -> Response:
    """The page, with what went wrong and what was typed."""
    site: Site = request.app.state.site
    cookie = request.cookies.get(session_cookies.cookie_name(site), "")

    def read(tx: Tx) -> dict[str, Any]:
        row, factor = people.by_id(tx, me.id), second_factors.of_person(tx, me.id)
        how = sign_up_rows.of_person(tx, me.id)
        return {
            "address": row.email if row is not None else "",
            "has_password": row is not None and row.password_hash is not None,
            "unconfirmed": mailing.enabled(site) and how is not None and how.confirmed_at is None,
            "codes_on": factor is not None and factor.confirmed_at is not None,
            "codes_left": second_factors.codes_left(tx, me.id),
            "passkeys": passkeys.of_person(tx, me.id),
            "linked": bool(identities.of_person(tx, me.id)),
            "sessions": sessions.of_person(tx, me.id)[:SHOWN],
        }

    known = await site.db.read(read)
    done = DONE.get(request.query_params.get("done", "")) if problem is None else None
    return page(
        request,
        "security.html",
        200 if problem is None else problem.status,
        problem=problem.text if problem is not None else None,
        at=problem.code if problem is not None else "",
        done=done and _(done),
        here=hash_of(cookie),
        email=typed.get("email", known["address"]),
        browser=browser_of,
        this_browser=browser_of(request.headers.get("user-agent", "")),
        **known,
    )


def browser_of(agent: str) -> str:
    """What a browser is, in words: Firefox on Android."""
    names = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrom", "Chrome"), ("Safari", "Safari"))
    systems = (
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "Mac"),
    )
    name = next((shown for part, shown in names if part in agent), "")
    system = next((shown for part, shown in (*systems, ("Linux", "Linux")) if part in agent), "")
    if name and system:
        return _("%(browser)s on %(system)s") % {"browser": name, "system": system}
    return name or system or _("A browser")


async def password(request: Request) -> Response:
    """POST /settings/security/password: another password. All other sessions end; this browser gets a new one."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    try:
        await confirm_password(request, me, form)
        new = text(form, "password", 1001)
        made = await hashed(request, new)
    except Problem as problem:
        return await shown(request, me, problem)
    await site.db.write(lambda tx: credentials.set_password(tx, site, me, made))
    answer = see_other("/settings/security?done=password")
    await session_cookies.begin(request, answer, me.id)
    return answer


async def email(request: Request) -> Response:
    """POST /settings/security/email: another address, which counts once its link was opened, where mail is sent here."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    wanted = text(form, "email", 300).strip()
    secret = secrets.token_urlsafe(32)
    try:
        await confirm_password(request, me, form)
        if mailing.enabled(site):
            guard(request).check_mail(request)
        counts = await site.db.write(lambda tx: sign_ups.change_address(tx, site, me, wanted, secret))
    except Problem as problem:
        return await shown(request, me, problem, email=wanted)
    return see_other(f"/settings/security?done={'email' if counts else 'mailed'}")


async def ask_again(request: Request) -> Response:
    """POST /settings/security/confirm: mail the link for the address that one has once more."""
    site: Site = request.app.state.site
    me = await person(request)
    await sent(request)
    secret = secrets.token_urlsafe(32)
    try:
        guard(request).check_mail(request)
    except Problem as problem:
        return await shown(request, me, problem)

    def write(tx: Tx) -> None:
        row = people.by_id(tx, me.id)
        if row is not None:
            sign_ups.ask(tx, site, me, row.email, secret)

    await site.db.write(write)
    return see_other("/settings/security?done=mailed")


async def begin_codes(request: Request) -> Response:
    """POST /settings/security/codes/new: begin with an app for codes."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    secret = credentials.new_secret()
    try:
        await confirm_password(request, me, form)
        await site.db.write(lambda tx: credentials.begin_second(tx, site, me, secret))
    except Problem as problem:
        return await shown(request, me, problem)
    return see_other("/settings/security/codes")


async def codes(request: Request) -> Response:
    """`/settings/security/codes`: the picture for the app, and its first code, which turns codes on; then the recovery codes,
    which are shown this once."""
    site: Site = request.app.state.site
    me = await person(request)
    factor = await site.db.read(lambda tx: second_factors.of_person(tx, me.id))
    if factor is None or factor.confirmed_at is not None:
        if request.method == "POST":
            await sent(request)
        return see_other("/settings/security")
    if request.method != "POST":
        return await _setting_up(request, site, me, factor.secret)
    form = await sent(request)
    made, code = credentials.new_codes(), text(form, "code", 20)
    try:
        guard(request).check_code(request, me.id)
        if not await site.db.write(lambda tx: credentials.confirm_second(tx, site, me, code, made)):
            raise Invalid(_("This code does not fit. Is the clock of your phone right? Take the code it shows now."))
    except Problem as problem:
        return await _setting_up(request, site, me, factor.secret, problem)
    return _secret_page(page(request, "codes.html", recovery=made, secret=None, picture=None, problem=None))


async def _setting_up(request: Request, site: Site, me: Actor, secret: str, problem: Problem | None = None) -> Response:
    picture = await asyncio.to_thread(drawn, credentials.address_of(site, me, secret))
    status = 200 if problem is None else problem.status
    said = problem.text if problem is not None else None
    spaced = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return _secret_page(
        page(request, "codes.html", status, recovery=None, secret=spaced, picture=picture, problem=said)
    )


def drawn(text: str) -> str:
    """A QR code as SVG that stands in a page: without a size or a style of its own."""
    import segno

    made: str = segno.make(text, error="m", micro=False).svg_inline(omitsize=True, border=3, light="#fff")
    return made


def _secret_page(answer: Response) -> Response:
    answer.headers["cache-control"] = "no-store"
    return answer


async def new_recovery(request: Request) -> Response:
    """POST /settings/security/recovery: new recovery codes in the place of the old ones."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    made = credentials.new_codes()

    def write(tx: Tx) -> None:
        if not credentials.wants_second(tx, me.id):
            raise Invalid(_("Recovery codes go with codes from an app, which are off."), code="off")
        credentials.put_codes(tx, me, made)

    try:
        await confirm_password(request, me, form)
        await site.db.write(write)
    except Problem as problem:
        return await shown(request, me, problem)
    return _secret_page(page(request, "codes.html", recovery=made, secret=None, picture=None, problem=None))


async def codes_off(request: Request) -> Response:
    """POST /settings/security/codes/off."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    try:
        await confirm_password(request, me, form)
    except Problem as problem:
        return await shown(request, me, problem)
    await site.db.write(lambda tx: credentials.second_off(tx, site, me))
    return see_other("/settings/security?done=off")


async def end_sessions(request: Request) -> Response:
    """POST /settings/security/sessions: log one browser out, or `all` but this one."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    which = text(form, "session", 70)
    here = hash_of(request.cookies.get(session_cookies.cookie_name(site), ""))

    def write(tx: Tx) -> None:
        for one in sessions.of_person(tx, me.id):
            if (which == "all" and one.cookie_hash != here) or one.cookie_hash == which:
                sessions.remove(tx, cookie_hash=one.cookie_hash)

    await site.db.write(write)
    return see_other("/settings/security?done=sessions#sessions")


async def change_password(request: Request) -> Response:
    """Where managers of passwords lead to (W3C: A well-known URL for changing passwords)."""
    return see_other("/settings/security")


ROUTES = [
    Route("/.well-known/change-password", change_password),
    Route("/settings/security", show),
    Route("/settings/security/password", password, methods=["POST"]),
    Route("/settings/security/email", email, methods=["POST"]),
    Route("/settings/security/confirm", ask_again, methods=["POST"]),
    Route("/settings/security/codes/new", begin_codes, methods=["POST"]),
    Route("/settings/security/codes", codes, methods=["GET", "POST"]),
    Route("/settings/security/codes/off", codes_off, methods=["POST"]),
    Route("/settings/security/recovery", new_recovery, methods=["POST"]),
    Route("/settings/security/sessions", end_sessions, methods=["POST"]),
]
