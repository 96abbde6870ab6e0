"""`/groups/NAME/twins`: the groups elsewhere that a group of this instance is joined with (FEP-d36d), for its moderators:
who asks, who was asked, who is one; to offer, accept, refuse and part."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from federation.errors import FederationError
from fedi import fetching
from fedi.actions import moderation
from fedi.actions import twins as actions
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, NotFound, Problem
from fedi.forms import person, see_other, sent, text
from fedi.html import page
from fedi.languages import N_, _
from fedi.web.handles import local_group
from fedi.web.paths import actor_path
from storage import actors, twins
from storage.actors import Actor
from storage.metadata import Tx

SAID = {
    "joined": N_("is a twin: what is posted in one is in both"),
    "offered": N_("was asked; a moderator there has to agree"),
    "asked": N_("asks to be a twin"),
}
ACTS = {"accept": actions.accept, "refuse": actions.refuse, "part": actions.part}


@dataclass(frozen=True, slots=True)
class Pair:
    """One group elsewhere, in the list."""

    other: Actor
    path: str
    state: str
    said: str


async def show(request: Request) -> Response:
    """The list and the form; POST with `do` and `other` (a handle, or an id of the list) does it and leads back."""
    site: Site = request.app.state.site
    me = await person(request)
    group = await local_group(request)
    await site.db.read(lambda tx: _check(tx, me, group))
    if request.method != "POST":
        return await _page(request, site, me, group)
    form = await sent(request)
    verb, named = text(form, "do", 20), text(form, "other", 400).strip().lstrip("@!")
    try:
        if verb == "offer":
            other = await fetching.actor(site, named)
            await site.db.write(lambda tx: actions.offer(tx, site, me, group, other))
        elif verb in ACTS:
            await site.db.write(lambda tx: _decide(tx, site, me, group, verb, named))
        else:
            raise Invalid(_("This form was not understood; load the page again."), code="do")
    except (Invalid, NotFound, FederationError) as problem:
        said = problem.text if isinstance(problem, Invalid) or verb != "offer" else _not_had(named)
        return await _page(request, site, me, group, problem=said, wanted=named)
    return see_other(f"{actor_path(group)}/twins")


def _not_had(named: str) -> str:
    return _(
        "There is no group to be had as %(name)s. A group's handle looks like name@server.example; its page shows it. Its "
        "server may also not answer right now."
    ) % {"name": named[:100] or _("nothing")}


def _check(tx: Tx, me: Actor, group: Actor) -> None:
    if not moderation.may_moderate(tx, me, group):
        raise Forbidden(_("Which groups are twins of a group is up to its moderators."))


def _decide(tx: Tx, site: Site, me: Actor, group: Actor, verb: str, named: str) -> None:
    other = actors.by_id(tx, int(named)) if named.isascii() and named.isdigit() and len(named) < 19 else None
    if other is None:
        raise Problem(_("This form was not understood; load the page again."), code="other")
    ACTS[verb](tx, site, me, group, other)


async def _page(
    request: Request, site: Site, me: Actor, group: Actor, *, problem: str | None = None, wanted: str = ""
) -> Response:
    pairs = await site.db.read(lambda tx: of_group(tx, group))
    return page(
        request,
        "twins.html",
        200 if problem is None else 422,
        group=group,
        group_path=actor_path(group),
        pairs=pairs,
        problem=problem,
        wanted=wanted,
    )


def of_group(tx: Tx, group: Actor) -> list[Pair]:
    """The groups that a group of this instance is joined with, asked, or is asked by; oldest first."""
    rows = twins.of_group(tx, group.id)
    known = actors.by_ids(tx, [row.other_id for row in rows])
    found = [(known[row.other_id], row.state) for row in rows if row.other_id in known]
    return [Pair(other, actor_path(other), state, _(SAID.get(state, state))) for other, state in found]
