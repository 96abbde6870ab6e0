"""What the script for passkeys asks before a device is asked: `/login/passkey` and `/settings/security/passkeys/new`; and adding
and removing one. What a device answers for a log-in comes with the form of `/login`.
"""

import asyncio
import secrets

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fedi.actions import passkeys as actions
from fedi.context import Site
from fedi.errors import Problem
from fedi.forms import number, person, see_other, sent, text
from fedi.guard import guard
from fedi.html import PASSKEY_SCRIPT, PASSKEY_SCRIPT_PATH
from fedi.sessions import signed_in
from fedi.signin import security
from fedi.signin.entering import confirm_password
from storage import passkeys, tickets
from storage.metadata import Tx


def _refused(problem: Problem) -> Response:
    return JSONResponse({"problem": problem.text}, problem.status, {"cache-control": "no-store"})


async def begin(request: Request) -> Response:
    """POST /login/passkey: a challenge for whoever logs in, and the ticket that goes back with the answer."""
    site: Site = request.app.state.site
    await signed_in(request)
    try:
        await sent(request)
        guard(request).check(request, None)
    except Problem as problem:
        return _refused(problem)
    secret, challenge = secrets.token_urlsafe(32), actions.challenge()
    now = site.clock()
    await site.db.write(
        lambda tx: tickets.insert(tx, secret, "passkey", None, {"challenge": challenge}, now, actions.LIFE)
    )
    options = actions.login_options(site, challenge)
    return JSONResponse({"options": options, "ticket": secret}, headers={"cache-control": "no-store"})


async def begin_new(request: Request) -> Response:
    """POST /settings/security/passkeys/new: the same for a new passkey, for who proves by their password who they are."""
    site: Site = request.app.state.site
    me = await person(request)
    try:
        form = await sent(request)
        await confirm_password(request, me, form)
        secret, challenge = secrets.token_urlsafe(32), actions.challenge()

        def write(tx: Tx) -> object:
            options = actions.adding_options(tx, site, me, challenge)
            data = {"challenge": challenge}
            tickets.insert(tx, secret, "new-passkey", me.id, data, site.clock(), actions.LIFE, alone=True)
            return options

        options = await site.db.write(write)
    except Problem as problem:
        return _refused(problem)
    return JSONResponse({"options": options, "ticket": secret}, headers={"cache-control": "no-store"})


async def add(request: Request) -> Response:
    """POST /settings/security/passkeys: what the device made."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    ticket, name = text(form, "ticket", 100), text(form, "name", 200)
    answer = text(form, "credential", actions.LARGEST + 1)
    try:
        await asyncio.to_thread(actions.ready)
        await site.db.write(lambda tx: actions.add(tx, site, me, ticket, answer, name))
    except Problem as problem:
        return await security.shown(request, me, problem)
    return see_other("/settings/security?done=passkey")


async def remove(request: Request) -> Response:
    """POST /settings/security/passkeys/remove."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    wanted = number(form, "id") or 0
    await site.db.write(lambda tx: passkeys.remove(tx, me.id, wanted))
    return see_other("/settings/security?done=removed")


async def script(request: Request) -> Response:
    """The script that asks the device; its address names its content."""
    return Response(
        PASSKEY_SCRIPT,
        media_type="text/javascript",
        headers={"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"},
    )


ROUTES = [
    Route("/login/passkey", begin, methods=["POST"]),
    Route("/settings/security/passkeys/new", begin_new, methods=["POST"]),
    Route("/settings/security/passkeys", add, methods=["POST"]),
    Route("/settings/security/passkeys/remove", remove, methods=["POST"]),
    Route(PASSKEY_SCRIPT_PATH, script),
]
