"""`/welcome`: three short steps for somebody new: you, your groups, your phone. Each may be left out; nothing is asked twice."""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import languages
from fedi.actions import mailing, profiles, suggesting
from fedi.context import Site
from fedi.errors import Invalid, Problem
from fedi.forms import person, see_other, sent, text
from fedi.html import page
from fedi.languages import _
from fedi.signin.security import drawn
from storage import actors, memberships, people
from storage.actors import Actor
from storage.metadata import Tx

SUGGESTED = 5
EVERY = ("day", "week", "never")
HOUR = 18
"""The hour of mail for who says nothing: after lectures."""


async def you(request: Request) -> Response:
    """The name that is shown, the language, the time zone, and when mail may come."""
    site: Site = request.app.state.site
    me = await person(request)
    kept = await site.db.read(lambda tx: people.by_id(tx, me.id))
    settings = kept.settings if kept is not None else {}
    digest = settings.get("digest")
    digest = digest if isinstance(digest, dict) else {}
    typed: dict[str, Any] = {
        "name": me.name or me.username,
        "locale": settings.get("locale") or languages.reader().language,
        "time_zone": settings.get("time_zone") or "",
        "every": digest.get("every", "week"),
        "hour": digest.get("hour", HOUR),
    }
    problem: Problem | None = None
    if request.method == "POST":
        form = await sent(request)
        typed |= {name: text(form, name, 200).strip() for name in ("name", "locale", "time_zone", "every")}
        wanted = text(form, "hour", 4).strip()
        typed["hour"] = int(wanted) if wanted.isdecimal() and int(wanted) < 24 else HOUR
        try:
            await _keep(request, me, typed)
            return see_other("/welcome/groups")
        except Problem as refused:
            problem = refused
    status = 200 if problem is None else problem.status
    said = problem.text if problem is not None else None
    spoken = [(code, languages.named(code)) for code in languages.available()]
    mailed = mailing.enabled(site)
    return page(request, "welcome.html", status, step=1, problem=said, spoken=spoken, mailed=mailed, **typed)


async def _keep(request: Request, me: Actor, typed: dict[str, Any]) -> None:
    site: Site = request.app.state.site
    zone = typed["time_zone"]
    if zone and not languages.is_zone(zone):
        raise Invalid(
            _("There is no time zone %(zone)s. Write it as Europe/Berlin, or leave it empty.")
            % {"zone": repr(zone[:40])},
            code="time_zone",
        )
    locale = typed["locale"] if typed["locale"] in languages.available() else ""

    def write(tx: Tx) -> None:
        row = people.by_id(tx, me.id)
        if row is None:
            return
        settings = row.settings | {"locale": locale, "time_zone": zone}
        if mailing.enabled(site):
            kept = row.settings.get("digest")
            weekday = kept.get("weekday", 0) if isinstance(kept, dict) else 0
            every = typed["every"] if typed["every"] in EVERY else "week"
            settings["digest"] = {"every": every, "hour": typed["hour"], "weekday": weekday}
        people.change(tx, me.id, settings=settings)
        if typed["name"] and typed["name"] != me.name:
            profiles.update_profile(tx, site, me, name=typed["name"])

    await site.db.write(write)


async def groups(request: Request) -> Response:
    """The groups that one is in already, by invitation, and some that one might join."""
    site: Site = request.app.state.site
    me = await person(request)

    def read(tx: Tx) -> dict[str, Any]:
        joined = [one.group_id for one in memberships.of_actor(tx, me.id) if one.state == "accepted"]
        known = actors.by_ids(tx, joined[:20])
        return {
            "joined": [known[one] for one in joined if one in known],
            "suggested": suggesting.groups(tx, site, me, SUGGESTED),
        }

    return page(request, "welcome.html", step=2, problem=None, **await site.db.read(read))


async def phone(request: Request) -> Response:
    """What an app for phones needs: the server's name, and a picture that opens it."""
    site: Site = request.app.state.site
    await person(request)
    picture = await asyncio.to_thread(drawn, site.config.origin + "/home")
    return page(request, "welcome.html", step=3, problem=None, picture=picture)


ROUTES = [
    Route("/welcome", you, methods=["GET", "POST"]),
    Route("/welcome/groups", groups),
    Route("/welcome/phone", phone),
]
