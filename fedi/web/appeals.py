"""`/appeals/ID`: what moderators did to somebody, as they read it, with the form for their one appeal (ID is that of the act);
for the moderator who decides about the appeal the same page has the answer.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi.actions import appeals as actions
from fedi.actions.appealed import MAX_TEXT
from fedi.context import Site
from fedi.errors import Invalid, NotFound, Problem
from fedi.forms import person, see_other, sent, text
from fedi.html import page
from fedi.languages import N_, _
from fedi.web import cards
from fedi.web.moderation_log import WITHOUT_NAMES
from fedi.web.paths import actor_path
from storage import actors, appeals, moderations, posts
from storage.actors import Actor
from storage.metadata import Tx
from storage.moderations import Moderation

_NOTHING = N_("There is nothing here for you.")
DONE = {
    "remove": N_("Your post was taken out of the group"),
    "lock": N_("Your thread was locked: only moderators answer"),
    "ban": N_("You are banned from the group"),
    "warn": N_("A moderator warned you"),
}


async def show(request: Request) -> Response:
    """GET."""
    site: Site = request.app.state.site
    me = await person(request)
    done_id: int = request.path_params["done_id"]
    found = await site.db.read(lambda tx: _read(tx, site, me, done_id))
    return page(request, "appeal.html", **found, typed="", problem=None)


async def act(request: Request) -> Response:
    """POST: appeal, or (`uphold`, `overturn`) answer; what can't be done comes back with the reason and the words."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    done_id: int = request.path_params["done_id"]
    verb, words = text(form, "do", 20), text(form, "text", MAX_TEXT + 1)

    def write(tx: Tx) -> None:
        _read(tx, site, me, done_id)
        done = moderations.by_id(tx, done_id)
        made = appeals.about(tx, done_id)
        if done is None:
            raise NotFound(_(_NOTHING))
        if verb == "appeal":
            actions.appeal(tx, site, me, done, words)
        elif verb == "uphold" and made is not None:
            actions.uphold(tx, site, me, made, words)
        elif verb == "overturn" and made is not None:
            actions.overturn(tx, site, me, made, words)
        else:
            raise Problem(_("This button says nothing that can be done; go back and try again."))

    try:
        await site.db.write(write)
    except Invalid as problem:
        found = await site.db.read(lambda tx: _read(tx, site, me, done_id))
        return page(request, "appeal.html", problem.status, **found, typed=words, problem=problem.text)
    return see_other(f"/appeals/{done_id}")


def _read(tx: Tx, site: Site, me: Actor, done_id: int) -> dict[str, Any]:
    """What is shown: to whom it was done, and to who decides (or decided) about the appeal. Raises NotFound for others."""
    done = moderations.by_id(tx, done_id) if done_id < 2**63 else None
    group = actors.by_id(tx, done.group_id) if done is not None and done.group_id is not None else None
    if done is None or group is None or done.action not in DONE:
        raise NotFound(_(_NOTHING))
    made = appeals.about(tx, done.id)
    decides = made is not None and made.state == "open" and actions.may_decide(tx, site, me, made, done)
    decided = made is not None and made.decided_by_id == me.id
    mine = done.actor_id == me.id
    if not (mine or decides or decided):
        raise NotFound(_(_NOTHING))
    post = posts.by_id(tx, done.post_id) if done.post_id is not None else None
    shown = cards.of_posts(tx, me, [post]) if post is not None and post.deleted_at is None else []
    who = actors.by_id(tx, done.actor_id) if done.actor_id is not None else None
    return {
        "done": done,
        "said": _((DONE if mine else WITHOUT_NAMES)[done.action]),
        "group": group,
        "group_path": actor_path(group),
        "appeal": made,
        "decides": decides,
        "mine": mine,
        "may": mine and made is None and _possible(me, done, group),
        "card": shown[0] if shown else None,
        "who": who,
        "who_path": actor_path(who) if who is not None else None,
        "most": MAX_TEXT,
    }


def _possible(me: Actor, done: Moderation, group: Actor) -> bool:
    return actions.may_appeal(me, done) and (group.local or done.action != "warn")
