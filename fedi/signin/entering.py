"""Who one is, once that is proved: checking a password for the steps that need one, and beginning the session."""

import asyncio
import secrets

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from federation.signatures.keys import KeyPair, generate_rsa
from fedi import sessions
from fedi.actions import credentials, mailing
from fedi.actions import people as person_actions
from fedi.actions import sign_ups as sign_up_actions
from fedi.context import Site
from fedi.errors import Invalid, Problem
from fedi.forms import see_other, text
from fedi.guard import guard
from fedi.html import page
from fedi.languages import N_, _
from storage import people, sign_ups, tickets
from storage import sessions as session_rows
from storage.actors import Actor
from storage.metadata import Tx
from storage.people import Person

WRONG = N_("This name and this password do not belong together. Mind capital letters, and try again.")
WRONG_PASSWORD = N_("This is not your password. Nothing was changed.")
JUST = 15 * 60 * 1000
"""Ms after a log-in in which who has no password may change how they log in."""
SECOND_LIFE = 10 * 60 * 1000
"""Ms within which the code must follow the password."""


def checked_state(tx: Tx, site: Site, person: Person) -> int:
    """The id of somebody who may log in. Raises Problem for who waits and who is suspended."""
    if person.state == "pending":
        how = sign_ups.of_person(tx, person.actor_id)
        if mailing.enabled(site) and how is not None and how.confirmed_at is None:
            said = _("Look into your mail first: we sent you a link, which confirms your address.")
        else:
            said = _("Your account waits for approval. You can log in once it was looked at.")
        raise Problem(said, status=403, code="pending")
    if person.state != "active":
        raise Problem(_("This account is suspended. Ask whoever runs this server."), status=403, code="suspended")
    return person.actor_id


async def by_password(request: Request, name: str, password: str) -> int:
    """The id of the person whose name or address and password these are. Raises Problem."""
    site: Site = request.app.state.site
    guard(request).check(request, name.lower())
    person = await site.db.read(lambda tx: people.by_login(tx, name))
    async with site.hashing:
        hashed = person.password_hash if person is not None else None
        right = await asyncio.to_thread(person_actions.check_password, hashed, password)
    if person is None or not right:
        raise Problem(_(WRONG), status=422, code="password")
    known, secret = person, secrets.token_urlsafe(32)
    if known.state == "pending":
        await site.db.write(lambda tx: sign_up_actions.ask_again(tx, site, known.actor_id, secret))
    return await site.db.read(lambda tx: checked_state(tx, site, known))


async def confirm_password(request: Request, me: Actor, form: FormData) -> None:
    """Whoever changes how one logs in proves again who they are: by the field `current`, or, who comes by the institution's
    log-in or a passkey alone, by having just logged in. Raises Problem."""
    site: Site = request.app.state.site
    person = await site.db.read(lambda tx: people.by_id(tx, me.id))
    if person is None or person.password_hash is None:
        cookie, now = request.cookies.get(sessions.cookie_name(site), ""), site.clock()
        session = await site.db.read(lambda tx: session_rows.by_cookie(tx, cookie, now))
        if session is None or now - session.created_at > JUST:
            raise Invalid(_("For this, log in again first, so that we know that it is you."), code="password")
        return
    guard(request).check(request, me.username.lower())
    async with site.hashing:
        right = await asyncio.to_thread(
            person_actions.check_password, person.password_hash, text(form, "current", 1001)
        )
    if not right:
        raise Invalid(_(WRONG_PASSWORD), code="password")


async def hashed(request: Request, password: str) -> str:
    """The hash of a new password, made in a thread. Raises Invalid for one that is too short or too long."""
    site: Site = request.app.state.site
    async with site.hashing:
        return await asyncio.to_thread(person_actions.hash_password, password)


async def keys() -> KeyPair:
    """Keys of somebody new, made in a thread."""
    return await asyncio.to_thread(generate_rsa)


async def enter(request: Request, person_id: int, wanted: str, *, sure: bool = False) -> Response:
    """Log this browser in and go on to `wanted`; where codes are on, ask for one before, unless `sure`."""
    site: Site = request.app.state.site
    if not sure:
        secret = secrets.token_urlsafe(32)

        def write(tx: Tx) -> bool:
            if not credentials.wants_second(tx, person_id):
                return False
            tickets.insert(tx, secret, "second", person_id, {"next": wanted, "tries": 0}, site.clock(), SECOND_LIFE)
            return True

        if await site.db.read(lambda tx: credentials.wants_second(tx, person_id)) and await site.db.write(write):
            return page(request, "second.html", problem=None, ticket=secret)
    answer = see_other(wanted)
    await sessions.begin(request, answer, person_id)
    return answer
