"""`/admin/groups`: with which institutions each group of this instance federates, what they may do there, and who can read it."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi.actions import scopes as actions
from fedi.admin.asking import PAGE, admin, before, older, shown
from fedi.context import Site
from fedi.errors import NotFound, Problem
from fedi.forms import see_other, sent, text
from storage import actors, group_scopes, groups, peers
from storage.actors import Actor
from storage.group_scopes import MAY
from storage.metadata import Tx


async def index(request: Request) -> Response:
    """The groups of this instance, newest first."""
    site: Site = request.app.state.site
    await admin(request)
    start = before(request)

    def read(tx: Tx) -> dict[str, Any]:
        every = [one for one in reversed(actors.local(tx, "Group")) if start is None or one.id < start]
        page = every[:PAGE]
        rows = groups.by_ids(tx, [one.id for one in page])
        return {
            "rows": [
                (
                    one,
                    rows.get(one.id),
                    actions.mode_of(tx, one),
                    actions.words(tx, site, one, rows.get(one.id)),
                    [named.host for named in group_scopes.named(tx, one.id)],
                )
                for one in page
            ],
            "older": older(request, page[-1].id) if len(every) > PAGE else None,
        }

    newer = request.url.path if start is not None else None
    return await shown(request, "groups.html", "groups", read, words=actions.MODE_WORDS, newer=newer)


async def scope(request: Request) -> Response:
    """The form that says with whom one group federates."""
    site: Site = request.app.state.site
    me = await admin(request)
    name: str = request.path_params["name"]
    problem, typed = None, None
    if request.method == "POST":
        form = await sent(request)
        mode, may = text(form, "mode", 20), [str(one)[:20] for one in form.getlist("may")]
        hosts = text(form, "peers", 100_000).split()
        typed = (mode, hosts, may)
        try:
            named = hosts if mode == "named" else ()
            await site.db.write(lambda tx: actions.choose(tx, site, me, _find(tx, site, name), mode, named, may))
        except Problem as refusal:
            problem = refusal.text
        else:
            return see_other("/admin/groups?done=scope")

    def read(tx: Tx) -> dict[str, Any]:
        group = _find(tx, site, name)
        row, scope_ = groups.by_id(tx, group.id), group_scopes.of_group(tx, group.id)
        kept = (
            actions.mode_of(tx, group),
            [named.host for named in group_scopes.named(tx, group.id)],
            list(scope_.may) if scope_ is not None else list(MAY),
        )
        chosen = typed or kept
        return {
            "group": group,
            "row": row,
            "readers": actions.words(tx, site, group, row),
            "mode": chosen[0],
            "named": chosen[1],
            "may": chosen[2],
            "agreed": [peer.host for peer in peers.with_stance(tx, ("agreed",))],
        }

    return await shown(
        request,
        "scope.html",
        "groups",
        read,
        status=422 if problem else 200,
        problem=problem,
        modes=list(actions.MODE_WORDS.items()),
        doings=list(actions.MAY_WORDS.items()),
    )


def _find(tx: Tx, site: Site, name: str) -> Actor:
    found = actors.by_name(tx, name, site.config.handle_domain)
    if found is None or not found.local or not found.is_group:
        raise NotFound(f"There is no group {name} here.")
    return found
