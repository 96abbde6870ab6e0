"""What buttons do: `POST /react` likes a post, takes that back, or deletes one's own; `/vote` votes in a poll; `/follow`
and `/unfollow` also join and leave groups; `/answer` lets someone in who asked to follow or to join, or does not.
"""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from fedi import visibility
from fedi.actions import follows, polls, posts, reactions, rules
from fedi.context import Site
from fedi.errors import NotFound, Problem
from fedi.forms import local_path, number, person, see_other, sent, text
from fedi.languages import _
from fedi.web.paths import actor_path
from storage import actors, memberships
from storage import follows as follow_rows
from storage.actors import Actor
from storage.metadata import Tx


async def react(request: Request) -> Response:
    """Do to a post what the button says."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    verb = next((name for name in ("like", "unlike", "delete") if name in form), None)
    post_id = number(form, verb) if verb is not None else None
    back = local_path(text(form, "next"), "/home")
    if verb is None or post_id is None:
        raise Problem(_("This button says nothing of a post; go back and try again."))

    def write(tx: Tx) -> None:
        post = visibility.seen(tx, visibility.person(me.id), [post_id]).get(post_id)
        if post is None:
            raise NotFound(_("This post is gone, or not shown to you (any more)."))
        if verb == "like":
            reactions.like(tx, site, me, post)
        elif verb == "unlike":
            reactions.unlike(tx, site, me, post)
        else:
            posts.delete(tx, site, post, me)

    await site.db.write(write)
    return see_other("/home" if verb == "delete" and f"/{post_id}" in back else back)


async def vote(request: Request) -> Response:
    """Vote in a poll; `choice` are positions among its options."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    post_id = number(form, "post")
    choices = [int(one) for one in form.getlist("choice") if isinstance(one, str) and one.isascii() and one.isdigit()][
        :50
    ]

    def write(tx: Tx) -> None:
        post = visibility.seen(tx, visibility.person(me.id), [post_id]).get(post_id) if post_id is not None else None
        if post is None:
            raise NotFound(_("This poll is gone, or not shown to you (any more)."))
        polls.vote(tx, site, me, post, choices)

    await site.db.write(write)
    return see_other(local_path(text(form, "next"), "/home"))


async def follow(request: Request) -> Response:
    """Follow a person; of a group that is joining it."""
    return await _change(request, begin=True)


async def unfollow(request: Request) -> Response:
    """Stop following a person; of a group that is leaving it."""
    return await _change(request, begin=False)


async def _change(request: Request, *, begin: bool) -> Response:
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    target_id = number(form, "id")
    back, ticked = local_path(text(form, "next"), "/home"), text(form, "rules", 80)

    def write(tx: Tx) -> str:
        target = actors.by_id(tx, target_id) if target_id is not None else None
        if target is None:
            raise NotFound(_("Whom you want to follow is not known here (any more)."))
        if not begin:
            follows.unfollow(tx, site, me, target)
        elif target.is_group and not _accepts(tx, site, me, target, ticked):
            return f"{actor_path(target)}/rules?next={quote(back, safe='')}"
        else:
            follows.follow(tx, site, me, target)
        return back

    return see_other(await site.db.write(write))


def _accepts(tx: Tx, site: Site, me: Actor, group: Actor, ticked: str) -> bool:
    """Whether a person accepted the rules of a group, with this form or before; so have they where there are none."""
    if ticked and rules.accept(tx, site, me, group, ticked):
        return True
    return not rules.pending(tx, me, group)


async def answer(request: Request) -> Response:
    """Accept or reject who asks to follow oneself, or to join a group that one moderates."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    accepted, rejected = number(form, "accept"), number(form, "reject")

    def write(tx: Tx) -> None:
        found = follow_rows.by_id(tx, accepted or rejected or 0)
        if found is None or found.state != "pending" or not _may_answer(tx, me.id, found.target_id):
            raise NotFound(_("This request is not there (any more)."))
        if accepted is not None:
            follows.accept(tx, site, found)
        else:
            follows.reject(tx, site, found)

    await site.db.write(write)
    return see_other(local_path(text(form, "next"), "/notifications"))


def _may_answer(tx: Tx, me_id: int, target_id: int) -> bool:
    if target_id == me_id:
        return True
    target = actors.by_id(tx, target_id)
    membership = memberships.find(tx, target_id, me_id)
    return target is not None and target.is_group and target.local and membership is not None and membership.moderates
