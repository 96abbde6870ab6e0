"""What moderators do: `POST /moderate` from a post or a list of members; `/groups/NAME/moderation`: what waits to be decided,
the log of what was done (`fedi.web.moderation_log`), members. Cases are `fedi.web.cases`, reports `fedi.web.reports`, what a
group is like `fedi.web.group_settings`.
"""

from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from fedi import visibility
from fedi.actions import moderation as actions
from fedi.context import Site
from fedi.errors import Forbidden, NotFound, Problem
from fedi.forms import local_path, number, person, see_other, sent, text
from fedi.html import page
from fedi.languages import _
from fedi.web import cards, cases, listing, moderation_log, reports
from fedi.web.days import end_of
from fedi.web.handles import group_of
from fedi.web.paths import actor_path
from storage import actors, memberships, moderations, posts
from storage.actors import Actor
from storage.memberships import Membership
from storage.metadata import Tx
from storage.posts import Post

_MEMBERS = 60
_REASON = 1000

ON_POSTS = ("remove", "restore", "lock", "unlock", "pin", "unpin", "warn")
ON_PEOPLE = ("ban", "unban", "appoint", "dismiss")


async def moderate(request: Request) -> Response:
    """Do `do` to a post, or to somebody in a group, and go back. In a group elsewhere it is asked for."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    verb, back = text(form, "do", 20), local_path(text(form, "next"), "/home")
    post_id, group_id, actor_id = number(form, "post"), number(form, "group"), number(form, "actor")
    reason = text(form, "reason", _REASON).strip()

    def write(tx: Tx) -> None:
        post = posts.by_id(tx, post_id) if post_id is not None else None
        if post_id is not None and (post is None or not _may_know(tx, me, post)):
            raise NotFound(_("This post is not there (any more)."))
        named = post.group_id if post is not None else group_id
        group = actors.by_id(tx, named) if named is not None else None
        if group is None or not group.is_group:
            raise NotFound(_("This group is not there (any more)."))
        if post is not None and verb in ON_POSTS:
            _to_post(tx, site, me, group, post, verb, reason)
        elif verb in ON_PEOPLE:
            whom = actors.by_id(tx, post.author_id if post is not None else actor_id or 0)
            if whom is None:
                raise NotFound(_("Whom this is about is not known here (any more)."))
            _to_person(tx, site, me, group, whom, verb, reason, form)
        else:
            raise Problem(_("This button says nothing that can be done; go back and try again."))

    await site.db.write(write)
    return see_other(back)


def _may_know(tx: Tx, me: Actor, post: Post) -> bool:
    """Whether one may learn that a post exists: one sees it, or moderates its group."""
    group = actors.by_id(tx, post.group_id) if post.group_id is not None else None
    return (group is not None and actions.may_moderate(tx, me, group)) or visibility.may_see(
        tx, visibility.person(me.id), post
    )


def _to_post(tx: Tx, site: Site, me: Actor, group: Actor, post: Post, verb: str, reason: str) -> None:
    if verb == "remove":
        actions.remove(tx, site, me, post, reason)
    elif verb == "restore":
        actions.restore(tx, site, me, post)
    elif verb == "lock":
        actions.lock(tx, site, me, post, reason)
    elif verb == "unlock":
        actions.unlock(tx, site, me, post)
    elif verb == "pin":
        actions.pin(tx, site, me, group, post)
    elif verb == "unpin":
        actions.unpin(tx, site, me, group, post)
    else:
        actions.warn(tx, site, me, post, reason)


def _to_person(
    tx: Tx, site: Site, me: Actor, group: Actor, whom: Actor, verb: str, reason: str, form: FormData
) -> None:
    if verb == "ban":
        until = end_of(text(form, "until", 20).strip())
        actions.ban(tx, site, me, group, whom, reason, until, text(form, "with_posts", 1) == "1")
    elif verb == "unban":
        actions.unban(tx, site, me, group, whom)
    elif verb == "appoint":
        actions.appoint(tx, site, me, group, whom)
    else:
        actions.dismiss(tx, site, me, group, whom)


@dataclass(frozen=True, slots=True)
class _Member:
    """A line of the list of members."""

    row: Membership
    actor: Actor
    path: str


async def show(request: Request) -> Response:
    """`/groups/NAME/moderation`, for who is in the group, and the same of a group elsewhere."""
    site: Site = request.app.state.site
    group = await group_of(request)
    if group.local and "handle" in request.path_params:
        return see_other(f"{actor_path(group)}/moderation")
    me = await person(request)
    before, start = listing.before(request), _start(request)
    found = await site.db.read(lambda tx: _read(tx, site, me, group, before, start))
    return page(request, "moderation.html", group=group, group_path=actor_path(group), **found)


def _start(request: Request) -> int:
    wanted = request.query_params.get("from", "")
    return int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 7 else 0


def _read(tx: Tx, site: Site, me: Actor, group: Actor, before: int | None, start: int) -> dict[str, Any]:
    moderates = actions.may_moderate(tx, me, group)
    membership = memberships.find(tx, group.id, me.id)
    if not moderates and (membership is None or membership.state != "accepted"):
        if not visibility.may_see_group(tx, cards.viewer_of(me), group):
            raise NotFound(_("There is nothing here, or it is for members of the group."))
        raise Forbidden(_("What moderators did is shown to members of the group: join it first."))
    done = moderations.of_group(tx, group.id, moderation_log.LINES + 1, before)
    first = before is None and not start
    path = f"{actor_path(group)}/moderation"
    shown = done[: moderation_log.LINES]
    # A warning is between its writer and the one who is warned.
    kept = [one for one in shown if moderates or one.action != "warn"]
    # Members of a group here have a page of their own.
    inside = memberships.of_group(tx, group.id) if moderates and not group.local else []
    inside.sort(key=lambda one: not one.moderates)
    return {
        "moderates": moderates,
        "log": moderation_log.lines_of(tx, me, kept, moderates=moderates),
        "older": f"{path}?before={shown[-1].id}" if len(done) > moderation_log.LINES else None,
        "newer": path if before is not None or start else None,
        "waiting": cases.listed(tx, site, me, group.id) if moderates and first else [],
        "appeals": reports.appealing(tx, site, me, group.id) if moderates and first else [],
        "members": _named(tx, inside[start : start + _MEMBERS]),
        "more_members": f"{path}?from={start + _MEMBERS}#members" if len(inside) > start + _MEMBERS else None,
        "banned": _named(tx, memberships.of_group(tx, group.id, "banned")[:200]) if moderates else [],
        "now": site.clock(),
    }


def _named(tx: Tx, rows: list[Membership]) -> list[_Member]:
    known = actors.by_ids(tx, [row.actor_id for row in rows])
    return [_Member(row, known[row.actor_id], actor_path(known[row.actor_id])) for row in rows if row.actor_id in known]


def removed(tx: Tx, me: Actor | None, post: Post | None) -> dict[str, Any] | None:
    """What a moderator, and its author, is shown of a removed post; None for anyone else, and for any other post."""
    if me is None or post is None or post.removed_at is None or post.deleted_at is not None or post.group_id is None:
        return None
    group, author = actors.by_id(tx, post.group_id), actors.by_id(tx, post.author_id)
    if group is None or author is None:
        return None
    moderates = actions.may_moderate(tx, me, group)
    if not moderates and me.id != author.id:
        return None
    why = moderations.standing(tx, "remove", group_id=group.id, post_id=post.id)
    return {
        "card": cards.of_posts(tx, me, [post])[0],
        "group": group,
        "group_path": actor_path(group),
        "moderates": moderates,
        "reason": why.reason if why is not None else None,
        "appeal": f"/appeals/{why.id}" if why is not None and me.id == author.id else None,
        "at": post.removed_at,
    }
