"""Web sessions: who is logged in with this browser. A random value in a cookie, its hash in `storage.sessions`.

Rows rather than signed cookies, so that a session can be listed and ended.
"""

import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi import languages
from fedi.actions import notified
from fedi.context import Site
from storage import actors, people, sessions
from storage.actors import Actor
from storage.apps import hashed
from storage.metadata import Tx
from storage.sessions import Session

_DAY = 24 * 3600 * 1000
IDLE = 30 * _DAY
"""Milliseconds without a request after which a session ends."""
LONGEST = 365 * _DAY
"""Milliseconds after which a session ends however busy."""


def cookie_name(site: Site) -> str:
    """The cookie's name. Cookies know no ports, so the port is in it; `__Host-` lets no other host set it (RFC 6265bis)."""
    port = site.config.host.rpartition(":")[2] if ":" in site.config.host.rpartition("]")[2] else ""
    secure = "__Host-" if _is_secure(site) else ""
    return f"{secure}fedi{'-' if port else ''}{port}"


def _is_secure(site: Site) -> bool:
    return site.config.origin.startswith("https:")


async def signed_in(request: Request) -> Actor | None:
    """The local person whose browser this is; None for everyone else, and for who is suspended or waits for approval.

    Asked once a request, then remembered in `request.state.me`; from then on words are in their language (`fedi.languages`),
    by the setting `locale` or else by what the browser wants. `request.state.unread`: how many notifications are new.
    """
    if not hasattr(request.state, "me"):
        found = await _look_up(request)
        request.state.me, settings, request.state.unread = found if found is not None else (None, {}, 0)
        wanted = request.headers.get("accept-language", "")
        languages.use(settings.get("locale") or languages.choose(wanted), settings.get("time_zone") or "")
    me: Actor | None = request.state.me
    return me


async def _look_up(request: Request) -> tuple[Actor, dict[str, Any], int] | None:
    site: Site = request.app.state.site
    cookie = request.cookies.get(cookie_name(site))
    if not cookie:
        return None
    now = site.clock()

    def read(tx: Tx) -> tuple[Session, Actor, dict[str, Any], int] | None:
        session = sessions.by_cookie(tx, cookie, now)
        if session is None:
            return None
        person = people.by_id(tx, session.person_id)
        actor = actors.by_id(tx, session.person_id)
        if person is None or person.state != "active" or actor is None or actor.state != "active":
            return None
        # A form is answered by leading on to a page, which asks then.
        new = notified.unread(tx, actor) if request.method == "GET" else 0
        return session, actor, person.settings, new

    found = await site.db.read(read)
    if found is None:
        return None
    session, actor, settings, new = found
    if now - session.seen_at > _DAY:  # not at each request: a page would cost a write
        until = min(now + IDLE, session.created_at + LONGEST)
        await site.db.write(lambda tx: sessions.touch(tx, session.cookie_hash, now, until))
    return actor, settings, new


async def begin(request: Request, response: Response, person_id: int) -> None:
    """Log a person in with this browser: a new session each time, whatever cookie came; an older one of it ends."""
    site: Site = request.app.state.site
    now = site.clock()
    value = secrets.token_urlsafe(32)
    agent = request.headers.get("user-agent", "")[:200]
    before = request.cookies.get(cookie_name(site))

    def write(tx: Tx) -> None:
        if before:
            sessions.remove(tx, cookie_hash=hashed(before))
        sessions.insert(tx, Session(hashed(value), person_id, now, now, now + IDLE, agent))

    await site.db.write(write)
    response.set_cookie(
        cookie_name(site),
        value,
        max_age=LONGEST // 1000,
        path="/",
        secure=_is_secure(site),
        httponly=True,
        # Lax, not Strict: who comes from an app or a mail to /oauth/authorize is logged in.
        samesite="lax",
    )


async def end(request: Request, response: Response) -> None:
    """Log this browser out."""
    site: Site = request.app.state.site
    cookie = request.cookies.get(cookie_name(site))
    if cookie:
        await site.db.write(lambda tx: sessions.remove(tx, cookie_hash=hashed(cookie)))
    response.delete_cookie(cookie_name(site), path="/", secure=_is_secure(site), httponly=True, samesite="lax")
