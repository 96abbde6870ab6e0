"""`/admin/people`: everybody with an account here, who waits to be let in, and one of them with what an admin can do. The acts are
those of `fedi.actions.staff`, as apps for moderators use them; each stands in the log of moderation."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi.actions import staff
from fedi.admin.asking import PAGE, admin, asked, before, older, shown
from fedi.context import Site
from fedi.errors import Invalid, NotFound, Problem
from fedi.forms import see_other, sent, text
from fedi.languages import N_, _
from storage import accounts, actors, apps, moderations, reports, sessions
from storage.accounts import Account, Wanted
from storage.actors import Actor
from storage.metadata import Tx
from storage.timelines import Page

STATES = {
    "active": N_("active"),
    "pending": N_("waits to be let in"),
    "disabled": N_("can't log in"),
    "suspended": N_("suspended"),
}
ROLES = {"member": N_("member"), "moderator": N_("moderator"), "admin": N_("admin")}
_COLOURS = {"active": "green", "pending": "amber", "disabled": "amber", "suspended": "red"}


def state_of(one: Account) -> str:
    """One of `STATES`."""
    if one.person is not None and one.person.state == "pending":
        return "pending"
    if one.actor.state == "suspended":
        return "suspended"
    return "disabled" if one.disabled else "active"


def coloured(one: Account) -> tuple[str, str]:
    """The colour and the word of an account's state."""
    state = state_of(one)
    return _COLOURS[state], _(STATES[state])


async def index(request: Request) -> Response:
    """People of this instance, newest first, or those whose name or address begins with `?q=`."""
    await admin(request)
    q, state, role = asked(request, "q", 100), asked(request, "state", 20), asked(request, "role", 20)

    def read(tx: Tx) -> dict[str, Any]:
        wanted = Wanted(
            origin="local",
            status=state if state in STATES else None,
            roles=(role,) if role in ROLES else (),
            email=q if "@" in q else "",
            username=q.lstrip("@") if "@" not in q.lstrip("@") else "",
        )
        found = accounts.listed(tx, wanted, Page(limit=PAGE + 1, max_id=before(request)))
        if q and not found and before(request) is None:
            named = Wanted(origin="local", status=wanted.status, roles=wanted.roles, display_name=q)
            found = accounts.listed(tx, named, Page(limit=PAGE + 1))
        pending = accounts.listed(tx, Wanted(origin="local", status="pending"), Page(limit=PAGE))
        return {
            "rows": [(one, coloured(one)) for one in found[:PAGE] if one.person is not None],
            "older": older(request, found[PAGE - 1].actor.id) if len(found) > PAGE else None,
            "pending": pending if not (q or state or role) else [],
        }

    states, roles = [(one, _(said)) for one, said in STATES.items()], [(one, _(said)) for one, said in ROLES.items()]
    return await shown(request, "people.html", "people", read, q=q, state=state, role=role, states=states, roles=roles)


async def show(request: Request) -> Response:
    """One person, what was said and done about them, and the forms for what can be done."""
    site: Site = request.app.state.site
    me = await admin(request)
    name: str = request.path_params["name"]
    if request.method == "POST":
        return await _act(request, site, me, name)
    return await _person(request, name)


async def _person(request: Request, name: str, *, status: int = 200, problem: str | None = None) -> Response:
    site: Site = request.app.state.site
    me: Actor = request.state.me

    def read(tx: Tx) -> dict[str, Any]:
        one = _find(tx, site, name)
        about = reports.about(tx, [one.actor.id], 20)
        instance = actors.by_iri(tx, site.instance_iri)
        done = moderations.about(tx, one.actor.id, [instance.id] if instance is not None else [], 20)
        by = actors.by_ids(tx, [row.moderator_id for row in done if row.moderator_id is not None])
        return {
            "one": one,
            "state": coloured(one),
            "which": state_of(one),
            "own": one.actor.id == me.id,
            "sessions": sessions.of_person(tx, one.actor.id),
            "apps": apps.let_in(tx, one.actor.id, 20),
            "reports": about,
            "done_about": [(row, by.get(row.moderator_id or 0)) for row in done],
        }

    roles = [(word, _(said)) for word, said in ROLES.items()]
    extra = {"problem": problem} if problem else {}
    return await shown(request, "person.html", "people", read, status=status, roles=roles, **extra)


def _find(tx: Tx, site: Site, name: str) -> Account:
    actor = actors.by_name(tx, name, site.config.handle_domain)
    found = accounts.by_ids(tx, [actor.id]) if actor is not None and actor.local and not actor.is_group else {}
    if actor is None or actor.id not in found or found[actor.id].person is None:
        raise NotFound(_("There is nobody of this name here."))
    return found[actor.id]


_Act = Callable[[Tx, Site, Actor, Actor], None]
_Reasoned = Callable[[Tx, Site, Actor, Actor, str], None]
_PLAIN: dict[str, _Act] = {
    "approve": staff.approve,
    "reject": staff.reject,
    "enable": staff.enable,
    "unsuspend": staff.unsuspend,
}
_WITH_REASON: dict[str, _Reasoned] = {"warn": staff.warn, "disable": staff.disable, "suspend": staff.suspend}


async def _act(request: Request, site: Site, me: Actor, name: str) -> Response:
    form = await sent(request)
    does, why = text(form, "do", 20), text(form, "reason", 2000)
    typed, role = text(form, "confirm", 100).strip(), text(form, "role", 20)

    def write(tx: Tx) -> None:
        target = _find(tx, site, name).actor
        if does == "role":
            staff.set_role(tx, site, me, target, role)
        elif does == "erase":
            if typed != target.username:
                raise Invalid(_("Type the name of the account to confirm; nothing was erased."))
            staff.erase(tx, site, me, target)
        elif does == "warn" and not why.strip():
            raise Invalid(_("A warning needs words: they are what the person reads."))
        elif does in _PLAIN:
            _PLAIN[does](tx, site, me, target)
        elif does in _WITH_REASON:
            _WITH_REASON[does](tx, site, me, target, why)
        else:
            raise Invalid(_("Nothing was chosen."))

    try:
        await site.db.write(write)
    except NotFound:
        raise
    except Problem as problem:
        return await _person(request, name, status=problem.status, problem=problem.text)
    gone = does in ("erase", "reject")
    return see_other(f"/admin/people?done=person-{does}" if gone else f"/admin/people/{name}?done=person-{does}")
