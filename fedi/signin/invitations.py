"""`/settings/invitations`: make links that let people in, see who came by them, end them; `/sign-ups`: who waits for approval, with
what they wrote, for the staff.
"""

import secrets
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.actions import invitations as actions
from fedi.actions import staff
from fedi.context import Site
from fedi.errors import Forbidden, Problem
from fedi.forms import number, person, see_other, sent, text
from fedi.html import page
from fedi.languages import _
from storage import actors, people, sign_ups
from storage.actors import Actor
from storage.metadata import Tx
from storage.people import Person
from storage.sign_ups import SignUp

WAITING = 100
"""Sign-ups that the page shows at once."""


async def show(request: Request) -> Response:
    """The page, and what its form sends: an invitation."""
    site: Site = request.app.state.site
    me = await person(request)
    typed: dict[str, Any] = {"note": "", "most": "1", "days": "7", "chosen": []}
    problem: Problem | None = None
    if request.method == "POST":
        form = await sent(request)
        chosen = [
            int(one) for one in form.getlist("group") if isinstance(one, str) and one.isdecimal() and len(one) < 19
        ]
        typed = {
            "note": text(form, "note", 300).strip(),
            "most": text(form, "most", 10).strip(),
            "days": text(form, "days", 10).strip(),
            "chosen": chosen,
        }
        code = secrets.token_urlsafe(12)
        most, days = number(form, "most"), number(form, "days") or 0
        try:
            made = await site.db.write(
                lambda tx: actions.create(
                    tx, site, me, code, note=typed["note"], group_ids=chosen, most=most or None, days=days
                )
            )
            return see_other(f"/settings/invitations?made={made.id}")
        except Problem as refused:
            problem = refused

    def read(tx: Tx) -> dict[str, Any]:
        row = people.by_id(tx, me.id)
        may = actions.may_invite(tx, site, me)
        return {
            "may": may,
            "admin": row is not None and row.role == "admin",
            "groups": actions.choices(tx, me) if may else [],
            "shown": actions.listed(tx, site, me),
        }

    known = await site.db.read(read)
    status = 200 if problem is None else problem.status
    said = problem.text if problem is not None else None
    made_now = request.query_params.get("made", "")
    return page(request, "invitations.html", status, problem=said, made=made_now, **known, **typed)


async def end(request: Request) -> Response:
    """POST /settings/invitations/end."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    wanted = number(form, "id") or 0
    await site.db.write(lambda tx: actions.end(tx, site, me, wanted))
    return see_other("/settings/invitations")


@dataclass(frozen=True, slots=True)
class _Waiting:
    actor: Actor
    person: Person
    row: SignUp


async def waiting(request: Request) -> Response:
    """`/sign-ups`: who waits for approval. For moderators and admins of this instance."""
    site: Site = request.app.state.site
    me = await person(request)

    def read(tx: Tx) -> list[_Waiting]:
        _for_staff(tx, me)
        rows = sign_ups.waiting(tx, WAITING)
        ids = [one.person_id for one in rows]
        known, of_people = actors.by_ids(tx, ids), people.by_ids(tx, ids)
        return [
            _Waiting(known[one.person_id], of_people[one.person_id], one)
            for one in rows
            if one.person_id in known and one.person_id in of_people
        ]

    return page(request, "sign_ups.html", waiting=await site.db.read(read))


def _for_staff(tx: Tx, me: Actor) -> None:
    row = people.by_id(tx, me.id)
    if row is None or row.role not in staff.STAFF:
        raise Forbidden(_("Who may join is up to the moderators of this server."), code="not-staff")


async def decide(request: Request) -> Response:
    """POST /sign-ups: let one in, or turn them down."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    let_in, turned_down = number(form, "accept"), number(form, "reject")

    def write(tx: Tx) -> None:
        _for_staff(tx, me)
        target = actors.by_id(tx, let_in or turned_down or 0)
        if target is None:
            return
        row = people.by_id(tx, target.id)
        if row is None or row.state != "pending":
            return  # somebody else was quicker
        (staff.approve if let_in else staff.reject)(tx, site, me, target)

    await site.db.write(write)
    return see_other("/sign-ups")


ROUTES = [
    Route("/settings/invitations", show, methods=["GET", "POST"]),
    Route("/settings/invitations/end", end, methods=["POST"]),
    Route("/sign-ups", waiting),
    Route("/sign-ups", decide, methods=["POST"]),
]
