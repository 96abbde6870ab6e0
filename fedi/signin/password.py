"""`/login`, `/login/second` and `/logout`: by name and password, or by a passkey; then, where somebody wants that, a code.

OAuth's log-in is this one: `/oauth/authorize` leads here and back, so the same bounds hold for apps.
"""

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import sessions
from fedi.actions import credentials
from fedi.actions import passkeys as passkey_actions
from fedi.context import Site
from fedi.errors import Invalid, Problem
from fedi.forms import local_path, see_other, sent, text
from fedi.guard import guard
from fedi.html import page
from fedi.languages import _
from fedi.sessions import signed_in
from fedi.signin.entering import WRONG, by_password, checked_state, enter
from storage import people, tickets
from storage.metadata import Tx

__all__ = ["ROUTES", "WRONG"]

TRIES = 5
"""Wrong codes after which the password is asked for again."""
_DONE = {"reset", "confirmed"}


async def log_in(request: Request) -> Response:
    """The form, and what it sends: a session, then on to where the person wanted to go."""
    if request.method != "POST":
        wanted = local_path(request.query_params.get("next", ""), "/home")
        if await signed_in(request) is not None:
            return see_other(wanted)
        done = request.query_params.get("done", "")
        return page(request, "login.html", problem=None, name="", next=wanted, done=done if done in _DONE else "")
    await signed_in(request)
    form = await sent(request)
    name, password = text(form, "name", 300).strip(), text(form, "password", 1001)
    wanted = local_path(text(form, "next"), "/home")
    answer = text(form, "credential", passkey_actions.LARGEST + 1)
    try:
        if answer:
            return await enter(
                request, await _by_passkey(request, text(form, "ticket", 100), answer), wanted, sure=True
            )
        return await enter(request, await by_password(request, name, password), wanted)
    except Problem as problem:
        return page(request, "login.html", problem.status, problem=problem.text, name=name, next=wanted, done="")


async def _by_passkey(request: Request, ticket: str, answer: str) -> int:
    """The id of the person whose passkey signed what we asked. Raises Problem."""
    site: Site = request.app.state.site
    guard(request).check(request, None)
    await asyncio.to_thread(passkey_actions.ready)

    def write(tx: Tx) -> int:
        known = passkey_actions.log_in(tx, site, ticket, answer)
        person = people.by_id(tx, known.person_id)
        if person is None:
            raise Invalid(_(passkey_actions.REFUSED), code="passkey")
        return checked_state(tx, site, person)

    return await site.db.write(write)


async def second(request: Request) -> Response:
    """The step behind the password: the code of the app, or a recovery code."""
    site: Site = request.app.state.site
    await signed_in(request)
    if request.method != "POST":  # the step has no address of its own: a page that is opened again begins anew
        return see_other("/login")
    form = await sent(request)
    secret, code = text(form, "ticket", 100), text(form, "code", 50)
    ticket = await site.db.read(lambda tx: tickets.find(tx, secret, "second", site.clock()))
    if ticket is None or ticket.person_id is None:
        said = _("That took too long, or the code was wrong too often. Log in again.")
        return page(request, "login.html", 422, problem=said, name="", next="/home", done="")
    person_id, wanted = ticket.person_id, local_path(str(ticket.data.get("next", "")), "/home")
    try:
        guard(request).check_code(request, person_id)
    except Problem as problem:
        return page(request, "second.html", problem.status, problem=problem.text, ticket=secret)

    def write(tx: Tx) -> bool:
        # A wrong code is returned, not raised: that it was tried must stay.
        kept = tickets.find(tx, secret, "second", site.clock())
        if kept is None:
            return False
        if credentials.use_second(tx, site, person_id, code):
            tickets.take(tx, secret, "second", site.clock())
            return True
        tries = int(kept.data.get("tries", 0)) + 1
        if tries >= TRIES:
            tickets.take(tx, secret, "second", site.clock())
        else:
            tickets.change(tx, kept.hash, kept.data | {"tries": tries})
        return False

    if await site.db.write(write):
        return await enter(request, person_id, wanted, sure=True)
    said = _("This code does not fit. Take the one that the app shows now; each counts once.")
    return page(request, "second.html", 422, problem=said, ticket=secret)


async def log_out(request: Request) -> Response:
    """End this browser's session."""
    await sent(request)
    answer = see_other("/")
    await sessions.end(request, answer)
    return answer


ROUTES = [
    Route("/login", log_in, methods=["GET", "POST"]),
    Route("/login/second", second, methods=["GET", "POST"]),
    Route("/logout", log_out, methods=["POST"]),
]
