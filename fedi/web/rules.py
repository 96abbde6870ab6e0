"""`/groups/NAME/rules` and `/@NAME@DOMAIN/rules`: the rules of a group, which one accepts once to join it or to post there."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi import visibility
from fedi.actions import follows, rules
from fedi.context import Site
from fedi.errors import NotFound
from fedi.forms import local_path, person, see_other, sent, text
from fedi.html import page
from fedi.languages import _
from fedi.web import cards
from fedi.web.handles import NO_GROUP, group_of
from fedi.web.paths import actor_path
from storage import actors
from storage import follows as follow_rows
from storage.actors import Actor
from storage.metadata import Tx


async def show(request: Request) -> Response:
    """What they are, and the form that accepts them."""
    group = await group_of(request)
    site: Site = request.app.state.site
    me = await person(request)
    back = local_path(request.query_params.get("next", ""), actor_path(group))
    if request.method == "POST":
        form = await sent(request)
        back = local_path(text(form, "next"), actor_path(group))
        ticked, joins = text(form, "rules", 80), text(form, "join", 1) == "1"

        def write(tx: Tx) -> bool:
            _may_read(tx, me, group)
            if not rules.accept(tx, site, me, group, ticked):
                return False
            if joins:
                follows.follow(tx, site, me, actors.by_id(tx, group.id) or group)
            return True

        if await site.db.write(write):
            return see_other(back)
    found = await site.db.read(lambda tx: _read(tx, me, group))
    return page(request, "rules-page.html", **found, back=back, missed=request.method == "POST")


def _may_read(tx: Tx, me: Actor, group: Actor) -> None:
    """Rules are no secret of a group that one may join; of one that is not even known to one they are."""
    if not group.discoverable and not visibility.may_see_group(tx, cards.viewer_of(me), group):
        raise NotFound(_(NO_GROUP))


def _read(tx: Tx, me: Actor, group: Actor) -> dict[str, Any]:
    _may_read(tx, me, group)
    found = rules.of(tx, group)
    return {
        "group": group,
        "group_path": actor_path(group),
        "rules": found,
        "pending": rules.pending(tx, me, group),
        "version": rules.version(found),
        "inside": follow_rows.find(tx, me.id, group.id) is not None,
    }
