"""Conversations: the direct messages of the caller, by thread and people. Keeping them is `fedi.actions.direct_messages`."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import hiding, visibility
from fedi.actions import direct_messages as actions
from fedi.callers import bearer, identify, known
from fedi.context import Site
from fedi.errors import NotFound
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.conversation import conversation, conversations
from fedi.mastodon.paging import Paging, fill, links
from storage import actors
from storage import conversations as rows
from storage.conversations import Conversation
from storage.metadata import Tx


async def listed(request: Request) -> Response:
    """GET /api/v1/conversations: newest first, paged by the ids of their last posts; without those of who is hidden."""
    site: Site = request.app.state.site
    page = arguments.query(request, Paging).page()
    token = bearer(request)

    def unit(tx: Tx) -> tuple[list[msgspec.Raw], int | None, int | None]:
        me = known(identify(tx, token, "read:statuses")).me
        filled = fill(
            page,
            lambda asked: rows.page(tx, me.id, asked),
            lambda one: one.last_post_id,
            lambda found: _wanted(tx, site, me.id, found),
        )
        return conversations(tx, site, me.id, filled.items), filled.first, filled.last

    found, first, last = await site.db.read(unit)
    return Json(found, headers=links(request, first, last))


def _wanted(tx: Tx, site: Site, person_id: int, found: list[Conversation]) -> list[Conversation]:
    """Those whose last post the person may see, and whose author they want to meet."""
    seen = visibility.seen(tx, visibility.person(person_id), [one.last_post_id for one in found])
    hidden = hiding.hidden(tx, person_id, site.clock())
    authors = actors.by_ids(tx, list({post.author_id for post in seen.values()})) if hidden else {}
    return [
        one
        for one in found
        if (post := seen.get(one.last_post_id)) is not None
        and (not hidden or ((author := authors.get(post.author_id)) is not None and hidden.reads(author)))
    ]


async def delete(request: Request) -> Response:
    """DELETE /api/v1/conversations/ID: off the caller's list; its posts stay."""
    site: Site = request.app.state.site
    conversation_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> None:
        me = known(identify(tx, token, "write:conversations")).me
        found = rows.by_id(tx, me.id, conversation_id)
        if found is None:
            raise NotFound
        rows.remove(tx, found.id)

    await site.db.write(unit)
    return Json({})


async def read(request: Request) -> Response:
    """POST /api/v1/conversations/ID/read."""
    return await _mark(request, unread=False)


async def unread(request: Request) -> Response:
    """POST /api/v1/conversations/ID/unread."""
    return await _mark(request, unread=True)


async def _mark(request: Request, *, unread: bool) -> Response:
    site: Site = request.app.state.site
    conversation_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> msgspec.Raw:
        me = known(identify(tx, token, "write:conversations")).me
        found = rows.by_id(tx, me.id, conversation_id)
        if found is None:
            raise NotFound
        actions.read(tx, found, unread=unread)
        shown = conversation(tx, site, me.id, found.id)
        if shown is None:
            raise NotFound
        return shown

    return Json(await site.db.write(unit))


ROUTES = [
    Route("/api/v1/conversations", listed),
    Route("/api/v1/conversations/{id}", delete, methods=["DELETE"]),
    Route("/api/v1/conversations/{id}/read", read, methods=["POST"]),
    Route("/api/v1/conversations/{id}/unread", unread, methods=["POST"]),
]
