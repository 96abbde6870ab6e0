"""`/login`, `/logout` and `/join`: by name and password, the way in for instances without a single sign-on.

Attempts are limited for each account and each address before a password is hashed, which costs a fifth of a second.
"""

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation.signatures.keys import generate_rsa
from fedi import sessions
from fedi.actions import people as person_actions
from fedi.context import Site
from fedi.errors import Invalid, Problem
from fedi.forms import client_address, local_path, see_other, sent, text
from fedi.html import page
from fedi.limits import Limits
from fedi.sessions import signed_in
from storage import people
from storage.actors import Actor
from storage.metadata import Tx

WRONG = "This name and this password do not belong together. Mind capital letters, and try again."
_HOW = {
    "invite": "People are invited here: ask someone who is in already, or whoever runs this server.",
    "sso": "Members of the institution have an account already: log in by the institution's own log-in.",
    "closed": "Accounts are made by whoever runs this server; ask there for one.",
}


class Guard:
    """What one process remembers of attempts: buckets by account and address."""

    def __init__(self) -> None:
        self.limits = Limits(50_000)

    def check(self, request: Request, account: str | None) -> None:
        """Raises Problem (429) when there were too many attempts."""
        site: Site = request.app.state.site
        now = site.clock()
        address = client_address(request)
        allowed = self.limits.allow(f"address {address}", 30, 60, now)
        if account is not None:
            # By account and address: a stranger who tries can't shut the owner out, who comes from elsewhere.
            allowed = self.limits.allow(f"pair {account} {address}", 5, 10, now) and allowed
            # By account alone far more: many addresses that try one account.
            allowed = self.limits.allow(f"account {account}", 30, 60, now) and allowed
        if not allowed:
            raise Problem("There were too many attempts. Wait a minute, then try again.", status=429, code="too-many")


def guard(request: Request) -> Guard:
    """The guard of this process."""
    state = request.app.state
    if not hasattr(state, "guard"):
        state.guard = Guard()
    found: Guard = state.guard
    return found


async def log_in(request: Request) -> Response:
    """The form, and what it sends: a session, then on to where the person wanted to go."""
    if request.method != "POST":
        wanted = local_path(request.query_params.get("next", ""), "/home")
        if await signed_in(request) is not None:
            return see_other(wanted)
        return page(request, "login.html", problem=None, name="", next=wanted)
    form = await sent(request)
    name, password = text(form, "name", 300).strip(), text(form, "password", 1001)
    wanted = local_path(text(form, "next"), "/home")
    try:
        person_id = await _check(request, name, password)
    except Problem as problem:
        return page(request, "login.html", problem.status, problem=problem.text, name=name, next=wanted)
    answer = see_other(wanted)
    await sessions.begin(request, answer, person_id)
    return answer


async def _check(request: Request, name: str, password: str) -> int:
    """The id of the person whose name or address and password these are. Raises Problem."""
    site: Site = request.app.state.site
    keeper = guard(request)
    keeper.check(request, name.lower())
    person = await site.db.read(lambda tx: people.by_login(tx, name))
    async with site.hashing:
        hashed = person.password_hash if person is not None else None
        right = await asyncio.to_thread(person_actions.check_password, hashed, password)
    if person is None or not right:
        raise Problem(WRONG, status=422, code="password")
    if person.state == "pending":
        raise Problem(
            "Your account waits for approval. You can log in once it was looked at.", status=403, code="pending"
        )
    if person.state != "active":
        raise Problem("This account is suspended. Ask whoever runs this server.", status=403, code="suspended")
    return person.actor_id


async def log_out(request: Request) -> Response:
    """End this browser's session."""
    await sent(request)
    answer = see_other("/")
    await sessions.end(request, answer)
    return answer


async def join(request: Request) -> Response:
    """The form to sign up where that is allowed, else how to get an account; what it sends: an account, and a session."""
    site: Site = request.app.state.site
    mode = site.config.registrations
    if mode not in ("open", "approval"):
        await signed_in(request)
        return page(request, "join.html", 200 if request.method != "POST" else 403, how=_HOW[mode])
    if request.method != "POST":
        return page(request, "join.html", how=None, problem=None, username="", email="")
    form = await sent(request)
    username, email = text(form, "username", 100).strip(), text(form, "email", 300).strip()
    try:
        actor = await _register(request, username, email, text(form, "password", 1001))
    except Problem as problem:
        return page(
            request, "join.html", problem.status, how=None, problem=problem.text, username=username, email=email
        )
    if mode == "approval":
        return page(
            request,
            "join.html",
            how="Thank you. Your account waits for approval; you can log in once it was looked at.",
        )
    answer = see_other("/home")
    await sessions.begin(request, answer, actor.id)
    return answer


async def _register(request: Request, username: str, email: str, password: str) -> Actor:
    site: Site = request.app.state.site
    keeper = guard(request)
    keeper.check(request, None)
    if not username or not email:
        raise Invalid("A username and an e-mail address are needed.")
    async with site.hashing:
        hashed = await asyncio.to_thread(person_actions.hash_password, password)
    key_pair = await asyncio.to_thread(generate_rsa)
    state = "pending" if site.config.registrations == "approval" else "active"

    def write(tx: Tx) -> Actor:
        actor = person_actions.register(
            tx,
            site,
            username=username,
            email=email,
            password_hash=hashed,
            name=username,
            state=state,
            key_pair=key_pair,
        )
        person_actions.signed_up(tx, site, actor)
        return actor

    return await site.db.write(write)


ROUTES = [
    Route("/login", log_in, methods=["GET", "POST"]),
    Route("/logout", log_out, methods=["POST"]),
    Route("/join", join, methods=["GET", "POST"]),
]
