"""What moderators did in a group, as a log: with names for moderators and members, and without any at `/groups/NAME/log` for
whoever may see the group. What they do is `fedi.web.moderation`."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi import visibility
from fedi.context import Site
from fedi.errors import NotFound
from fedi.forms import see_other
from fedi.html import page
from fedi.languages import N_, _
from fedi.sessions import signed_in
from fedi.text import to_text
from fedi.text.mentions import shortened
from fedi.web import cards, listing
from fedi.web.handles import group_of
from fedi.web.paths import actor_path, post_path
from storage import actors, moderations, posts
from storage.actors import Actor
from storage.metadata import Tx
from storage.moderations import Moderation
from storage.posts import Post

LINES = 40
"""Acts on a page of a log."""

UNDOING = {"remove": "restore", "lock": "unlock", "pin": "unpin", "ban": "unban", "appoint": "dismiss"}
"""What takes back which act; a warning was read, and who was dismissed is appointed anew."""
DONE = {
    "remove": N_("took a post out"),
    "lock": N_("locked a thread"),
    "pin": N_("pinned a thread"),
    "ban": N_("banned"),
    "warn": N_("warned"),
    "appoint": N_("made a moderator of"),
    "dismiss": N_("took the office of moderator from"),
}
WITHOUT_NAMES = {
    "remove": N_("A post was taken out"),
    "lock": N_("A thread was locked"),
    "ban": N_("Somebody was banned"),
    "warn": N_("Somebody was warned"),
    "appoint": N_("A moderator was appointed"),
    "dismiss": N_("A moderator was dismissed"),
}
"""What the log without names says; pins are seen anyway."""


@dataclass(frozen=True, slots=True)
class Done:
    """A line of the log with names."""

    row: Moderation
    said: str
    by: Actor | None
    by_path: str | None
    whom: Actor | None
    whom_path: str | None
    post_name: str | None
    post_path: str | None
    undoing: str | None


async def show(request: Request) -> Response:
    """`/groups/NAME/log`: what was done, without names, for who may see the group, and the same of a group elsewhere."""
    site: Site = request.app.state.site
    group = await group_of(request)
    if group.local and "handle" in request.path_params:
        return see_other(f"{actor_path(group)}/log")
    me = await signed_in(request)
    before = listing.before(request)
    found = await site.db.read(lambda tx: _without_names(tx, me, group, before))
    return page(request, "log.html", group=group, group_path=actor_path(group), **found)


@dataclass(frozen=True, slots=True)
class _Nameless:
    """A line of the log without names."""

    said: str
    at: int
    rule: str | None
    host: str | None
    undone: bool


def _without_names(tx: Tx, me: Actor | None, group: Actor, before: int | None) -> dict[str, Any]:
    """No names, no titles, no free words, which may have names in them: the act, its day, its rule, the institution."""
    if not visibility.may_see_group(tx, cards.viewer_of(me), group):
        raise NotFound(_("There is nothing here, or it is for members of the group."))
    done = moderations.of_group(tx, group.id, LINES + 1, before)
    shown = done[:LINES]
    by = actors.by_ids(tx, list({one.moderator_id for one in shown if one.moderator_id is not None}))
    path = f"{actor_path(group)}/log"
    lines = [
        _Nameless(
            _(WITHOUT_NAMES[one.action]),
            one.created_at,
            one.rule,
            by[one.moderator_id].host if one.moderator_id in by else None,
            one.undone_at is not None,
        )
        for one in shown
        if one.action in WITHOUT_NAMES
    ]
    return {
        "log": lines,
        "older": f"{path}?before={shown[-1].id}" if len(done) > LINES else None,
        "newer": path if before is not None else None,
    }


def lines_of(tx: Tx, me: Actor, done: list[Moderation], *, moderates: bool) -> list[Done]:
    """What a removed post said is for moderators; of others the title, for who may see them."""
    ids = {one for each in done for one in (each.moderator_id, each.actor_id) if one is not None}
    about = [each.post_id for each in done if each.post_id is not None]
    known_posts = posts.by_ids(tx, about)
    seen = visibility.seen(tx, cards.viewer_of(me), about)
    known = actors.by_ids(tx, list(ids | {post.author_id for post in known_posts.values()}))
    lines = []
    for each in done:
        post = known_posts.get(each.post_id or 0)
        author = known.get(post.author_id) if post is not None else None
        by, whom = known.get(each.moderator_id or 0), known.get(each.actor_id or 0)
        visible = post is not None and (moderates or post.id in seen)
        lines.append(
            Done(
                each,
                _(DONE.get(each.action, each.action)),
                by,
                None if by is None else actor_path(by),
                whom,
                None if whom is None else actor_path(whom),
                _name(post) if post is not None and visible else None,
                post_path(post, author) if post is not None and author is not None and visible else None,
                UNDOING.get(each.action) if each.undone_at is None and moderates else None,
            )
        )
    return lines


def _name(post: Post) -> str:
    return shortened(post.title or to_text(post.content[:4000]) or _("a post"), 90)
