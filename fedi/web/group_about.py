"""What a group of this instance is like: `/groups/NAME/about`, its charter; `/groups/NAME/members` with inviting; and
`/groups/NAME/health` for who moderates it."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from federation.errors import FederationError
from fedi import searching, visibility
from fedi.actions import inviting, scopes, thriving
from fedi.actions.moderation import may_moderate
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, NotFound, Problem
from fedi.forms import person, see_other, sent, text
from fedi.html import page
from fedi.languages import _
from fedi.sessions import signed_in
from fedi.web import cards, listing
from fedi.web.discovering import languages_of
from fedi.web.group_words import tabs_of, words_of
from fedi.web.handles import local_group
from fedi.web.paths import actor_path
from storage import actors, cases, memberships
from storage import groups as group_rows
from storage.actors import Actor
from storage.metadata import Tx
from storage.timelines import Page

_MEMBERS = 30


def _frame(tx: Tx, me: Actor | None, group: Actor) -> dict[str, Any]:
    """What every page of a group has. Raises Forbidden for who may not see what is in it."""
    moderates = me is not None and may_moderate(tx, me, group)
    mine = memberships.find(tx, group.id, me.id) if me is not None else None
    inside = moderates or (mine is not None and mine.state == "accepted")
    waiting = cases.waiting(tx, group.id) if moderates else 0
    row = group_rows.by_id(tx, group.id)
    return {
        "group": group,
        "group_path": actor_path(group),
        "row": row,
        "moderates": moderates,
        "inside": inside,
        "tabs": tabs_of(group, inside=inside, moderates=moderates, waiting=waiting),
        **words_of(group, row),
    }


def _seen(tx: Tx, me: Actor | None, group: Actor) -> None:
    if not visibility.may_see_group(tx, cards.viewer_of(me), group):
        raise Forbidden(_("Who is in %(group)s is shown to its members: join it first.") % {"group": group.name})


async def about(request: Request) -> Response:
    """The charter: what it is for, rules, moderators with their universities, who reads and keeps what is written. How to get in is
    never hidden; who is in it is."""
    site: Site = request.app.state.site
    me = await signed_in(request)
    group = await local_group(request)

    def read(tx: Tx) -> dict[str, Any]:
        frame = _frame(tx, me, group)
        seen = visibility.may_see_group(tx, cards.viewer_of(me), group)
        known = actors.by_ids(tx, memberships.moderators(tx, group.id)[:30]) if seen else {}
        inside = memberships.hosts(tx, group.id) if seen else {}
        row = frame["row"]
        return frame | {
            "rules": row.rules if row is not None else [],
            "seen": seen,
            "languages": languages_of(tx, group),
            "moderators": [(one, actor_path(one)) for one in known.values()],
            "readers": scopes.words(tx, site, group, row) if seen else None,
            "elsewhere": sorted(host for host in inside if host != site.config.host)[:100],
            "moderators_only": row is not None and row.post == "moderators",
        }

    return page(request, "group-about.html", **await site.db.read(read))


async def members(request: Request) -> Response:
    """Who is in it, with their universities; inviting, for who moderates it."""
    site: Site = request.app.state.site
    me = await signed_in(request)
    group = await local_group(request)
    return await _members(request, site, me, group)


async def _members(
    request: Request, site: Site, me: Actor | None, group: Actor, problem: Problem | None = None, typed: str = ""
) -> Response:
    cursor = listing.before(request)

    def read(tx: Tx) -> dict[str, Any]:
        _seen(tx, me, group)
        frame = _frame(tx, me, group)
        rows = memberships.page_of(tx, group.id, Page(limit=_MEMBERS + 1, max_id=cursor))
        shown = rows[:_MEMBERS]
        known = actors.by_ids(tx, [row.actor_id for row in shown])
        last = shown[-1].actor_id if len(rows) > _MEMBERS else None
        invited = memberships.of_group(tx, group.id, "invited")[:50] if frame["moderates"] else []
        waiting = actors.by_ids(tx, [row.actor_id for row in invited])
        return frame | {
            "people": [
                (row, known[row.actor_id], actor_path(known[row.actor_id]))
                for row in shown
                if row.actor_id in known and known[row.actor_id].state == "active"
            ],
            "invited": [(one, actor_path(one)) for one in waiting.values() if one.state == "active"],
            "asked": cards.asking(tx, group.id) if frame["moderates"] else [],
            "universities": thriving.members_by_host(tx, group.id),
            "older": f"{actor_path(group)}/members?before={last}" if last is not None else None,
            "newer": f"{actor_path(group)}/members" if cursor is not None else None,
        }

    found = await site.db.read(read)
    return page(
        request,
        "group-members.html",
        problem.status if problem is not None else 200,
        **found,
        problem=problem.text if problem is not None else None,
        unpeered=typed.rpartition("@")[2] if problem is not None and problem.code == "scope" else None,
        typed=typed,
        done=request.query_params.get("done", "") if problem is None else "",
    )


async def invite(request: Request) -> Response:
    """`POST /groups/NAME/invite`: invite who is named, here or anywhere."""
    site: Site = request.app.state.site
    me = await person(request)
    group = await local_group(request)
    form = await sent(request)
    typed = text(form, "who", 300).strip()
    try:
        whom = await _whom(site, me, typed)
        await site.db.write(lambda tx: inviting.invite(tx, site, me, group, whom))
    except (Invalid, NotFound, Forbidden) as problem:
        return await _members(request, site, me, group, problem, typed)
    return see_other(f"{actor_path(group)}/members?done=invited")


async def _whom(site: Site, me: Actor, typed: str) -> Actor:
    """Who is meant by a name or handle. Raises NotFound with what to write."""
    name = typed.lstrip("@!")
    found: object = None
    if name and "@" not in name and "/" not in name:
        found = await site.db.read(lambda tx: actors.by_name(tx, name, site.config.handle_domain))
    elif name:
        try:
            found = await searching.resolve(site, me.id, typed if "/" in typed else f"@{name}")
        except FederationError:
            found = None
    if not isinstance(found, Actor) or found.state != "active":
        raise NotFound(
            _("Nobody was found by “%(typed)s”. Write a name here, or name@university.example for somebody elsewhere.")
            % {"typed": typed[:80]}
        )
    return found


async def health(request: Request) -> Response:
    """How the group does, for who moderates it."""
    site: Site = request.app.state.site
    me = await person(request)
    group = await local_group(request)

    def read(tx: Tx) -> dict[str, Any]:
        frame = _frame(tx, me, group)
        if not frame["moderates"]:
            raise Forbidden(_("How a group does is shown to its moderators."))
        return frame | {"waiting": cases.waiting(tx, group.id), "health": thriving.of(tx, site, me, group)}

    return page(request, "group-health.html", **await site.db.read(read))
