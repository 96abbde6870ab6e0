"""`/settings`: how somebody reads their groups, in the home here and in every client. A group's own settings are `settings`."""

from starlette.requests import Request
from starlette.responses import Response

from fedi.actions import lists
from fedi.context import Site
from fedi.forms import person, see_other, sent, text
from fedi.html import page
from storage.metadata import Tx


async def preferences(request: Request) -> Response:
    """The form, and what it sends: a box that is not ticked is not sent."""
    site: Site = request.app.state.site
    me = await person(request)
    if request.method != "POST":

        def read(tx: Tx) -> dict[str, bool]:
            return {
                "group_lists": lists.wants_group_lists(tx, me.id),
                "groups_in_home": lists.wants_groups_in_home(tx, me.id),
            }

        known = await site.db.read(read)
        return page(request, "preferences.html", saved=request.query_params.get("saved") == "1", **known)
    form = await sent(request)

    def write(tx: Tx) -> None:
        wanted = bool(text(form, "group_lists", 10))
        if wanted != lists.wants_group_lists(tx, me.id):
            lists.set_group_lists(tx, site, me, on=wanted)
        lists.set_groups_in_home(tx, site, me, on=bool(text(form, "groups_in_home", 10)))

    await site.db.write(write)
    return see_other("/settings?saved=1")
