"""`POST /compose`: publish what was typed: a post, a reply, or a thread in a group."""

import contextlib

from starlette.requests import Request
from starlette.responses import Response

from federation.errors import FederationError
from fedi import fetching
from fedi.actions import posts
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, NotFound
from fedi.forms import number, person, see_other, sent, text
from fedi.html import page
from fedi.web.cards import post_path
from storage import actors
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post


async def compose(request: Request) -> Response:
    """Publish, then show the post; what can't be published comes back with the reason and nothing of it lost."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    typed, title = text(form, "text").replace("\r\n", "\n"), text(form, "title")
    reply_to, group_id = number(form, "reply_to"), number(form, "group")
    visibility = text(form, "visibility") or "public"
    for handle in posts.handles_in(typed)[:20]:
        if "@" in handle:
            with contextlib.suppress(FederationError, NotFound):  # then the handle stays text
                await fetching.actor(site, handle)

    def publish(tx: Tx) -> Post:
        group = actors.by_id(tx, group_id) if group_id is not None else None
        words = typed
        if group is not None and group.is_group and reply_to is None and typed.strip():
            words = _into(group, typed)
        draft = posts.Draft(words, visibility=visibility, reply_to_id=reply_to, title=title.strip() or None)
        return posts.publish(tx, site, me, draft)

    try:
        post = await site.db.write(publish)
    except (Invalid, Forbidden, NotFound) as problem:
        return page(
            request,
            "compose.html",
            problem.status,
            problem=problem.text.removeprefix("Validation failed: "),
            text=typed,
            title=title,
            reply_to=reply_to,
            group=group_id,
            visibility=visibility,
        )
    return see_other(post_path(post, me))


def _into(group: Actor, typed: str) -> str:
    """`typed` with the mention of the group, by which a post goes to it wherever the group is."""
    handle = group.username if group.local else group.handle
    if {handle.lower(), group.handle.lower()} & set(posts.handles_in(typed)):
        return typed
    return f"@{handle} {typed}"
