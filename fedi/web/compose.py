"""`POST /compose`: publish what was typed, with up to four pictures: a post, a reply, or a thread in a group."""

import contextlib

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from federation.errors import FederationError
from fedi import fetching
from fedi.actions import media, posts, scopes
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, NotFound
from fedi.forms import number, person, see_other, sent_with_files, text, upload
from fedi.html import page
from fedi.media import processing
from fedi.web.cards import post_path
from storage import actors
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post


async def compose(request: Request) -> Response:
    """Publish, then show the post; what can't be published comes back with the reason and nothing of it lost."""
    me = await person(request)
    async with sent_with_files(request, media.MOST) as form:
        return await _compose(request, me, form)


async def _compose(request: Request, me: Actor, form: FormData) -> Response:
    site: Site = request.app.state.site
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
        if group is not None and group.is_group and reply_to is None and (typed.strip() or pictures):
            words = _into(group, typed)
        draft = posts.Draft(
            words,
            visibility=visibility,
            reply_to_id=reply_to,
            title=title.strip() or None,
            media_ids=tuple(pictures),
        )
        return posts.publish(tx, site, me, draft)

    pictures = [int(one) for one in form.getlist("media") if isinstance(one, str) and one.isdecimal() and len(one) < 19]
    try:
        await _take(site, me, form, pictures)
        post = await site.db.write(publish)
    except (Invalid, Forbidden, NotFound) as problem:
        readers = await site.db.read(lambda tx: _readers(tx, site, group_id))
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
            pictures=pictures,
            readers=readers,
        )
    return see_other(post_path(post, me))


def _readers(tx: Tx, site: Site, group_id: int | None) -> str | None:
    group = actors.by_id(tx, group_id) if group_id is not None else None
    return scopes.words(tx, site, group) if group is not None and group.is_group else None


async def _take(site: Site, me: Actor, form: FormData, pictures: list[int]) -> None:
    """Add the pictures that came to `pictures`, each with the words beside it. Raises Invalid for what is no picture."""
    for number_ in range(media.MOST):
        picture = upload(form, f"picture{number_}")
        if picture is None:
            continue
        processing.check(site, picture)
        said = text(form, f"alt{number_}", media.MAX_DESCRIPTION).strip() or None
        medium = await processing.receive(site, me.id, picture, description=said)
        pictures.append((await processing.finish(site, medium, 3 * processing.SECONDS)).id)


def _into(group: Actor, typed: str) -> str:
    """`typed` with the mention of the group, by which a post goes to it wherever the group is."""
    handle = group.username if group.local else group.handle
    if {handle.lower(), group.handle.lower()} & set(posts.handles_in(typed)):
        return typed
    return f"@{handle} {typed}"
