"""`/settings`: how somebody reads their groups, in the home here and in every client, and which apps use their account.

A group's own settings are `settings`.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi.actions import lists
from fedi.callers import meaning
from fedi.context import Site
from fedi.forms import number, person, see_other, sent, text
from fedi.html import page
from storage import apps, people
from storage.metadata import Tx

APPS = 100
"""Apps that the page names, those let in last."""


async def preferences(request: Request) -> Response:
    """The form, and what it sends: a box that is not ticked is not sent."""
    site: Site = request.app.state.site
    me = await person(request)
    if request.method != "POST":

        def read(tx: Tx) -> dict[str, Any]:
            return {
                "let_in": apps.let_in(tx, me.id, APPS),
                "group_lists": lists.wants_group_lists(tx, me.id),
                "groups_in_home": lists.wants_groups_in_home(tx, me.id),
                "admin": me.id in people.by_role(tx, "admin"),
            }

        known = await site.db.read(read)
        done = request.query_params.get("saved")
        return page(request, "preferences.html", done=done, meaning=meaning, **known)
    form = await sent(request)

    def write(tx: Tx) -> None:
        wanted = bool(text(form, "group_lists", 10))
        if wanted != lists.wants_group_lists(tx, me.id):
            lists.set_group_lists(tx, site, me, on=wanted)
        lists.set_groups_in_home(tx, site, me, on=bool(text(form, "groups_in_home", 10)))

    await site.db.write(write)
    return see_other("/settings?saved=1")


async def shut_out(request: Request) -> Response:
    """POST /settings/apps: every token that an app has of whoever sends this is revoked; of `all`, those of every app."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    app_id = number(form, "app")
    which = {"person_id": me.id} if text(form, "app", 20) == "all" else {"person_id": me.id, "app_id": app_id or 0}
    await site.db.write(lambda tx: apps.revoke(tx, site.clock(), **which))
    return see_other("/settings?saved=apps#apps")
