"""Editing a status: the edit itself, the source for an editor, and what the status said before."""

from dataclasses import replace
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import visibility
from fedi.actions import media
from fedi.actions import posts as actions
from fedi.actions.drafts import Draft
from fedi.callers import Caller, bearer, identify, known, viewer
from fedi.context import Site
from fedi.errors import NotFound
from fedi.fetching.mentioned import meet
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json, moment
from fedi.mastodon.entities.account import account
from fedi.mastodon.entities.attachment import MOST, attachment
from fedi.mastodon.entities.emoji import emojis
from fedi.mastodon.entities.status import content, status, whole_quote
from fedi.mastodon.load import Shown, bundle, find
from fedi.mastodon.media import described, focused
from fedi.mastodon.writing import TO_ACTIONS, MediumSaid, Writing
from storage import polls, revisions
from storage.metadata import Tx
from storage.posts import Post
from storage.revisions import Revision


async def edit(request: Request) -> Response:
    """PUT /api/v1/statuses/ID: text, warning, language, media and poll as they are from now on.

    As in Mastodon what is left out is taken away (media, poll), and other options void the votes. Visibility, what it
    answers and what it quotes stay.
    """
    site: Site = request.app.state.site
    status_id = arguments.path_id(request)
    token = bearer(request)
    caller = await site.db.read(lambda tx: known(identify(tx, token, "write:statuses")))
    asked = await arguments.read(request, Writing)
    said = [(one, described(one.description), focused(one.focus)) for one in asked.media_attributes]
    await site.db.read(lambda tx: _own(tx, caller, status_id))
    await meet(site, caller.me.id, asked.status)

    def unit(tx: Tx) -> msgspec.Raw:
        current = _own(tx, caller, status_id)
        _describe(tx, caller, current, asked.files(), said)
        draft = Draft(
            text=asked.status,
            visibility=current.visibility if current.visibility in TO_ACTIONS.values() else "public",
            summary=asked.spoiler_text,
            sensitive=bool(asked.sensitive),
            language=asked.said_language(),
            poll=asked.edited_poll(site.clock()),
            quote_policy=asked.said_policy(),
            media_ids=asked.files(),
        )
        if not draft.text.strip() and draft.summary.strip():
            draft = replace(draft, text=draft.summary, summary="")  # as in a new one
        # Pictures that are no files here (a post that was filled in by a command) can't be named by a client.
        named = bool(draft.media_ids) or all("id" in one for one in current.attachments)
        return _shown(tx, site, caller, actions.edit(tx, site, current, draft, with_media=named, with_poll=True))

    return Json(await site.db.write(unit))


def _describe(
    tx: Tx,
    caller: Caller,
    post: Post,
    files: tuple[int, ...],
    said: list[tuple[MediumSaid, str | None, tuple[float, float] | None]],
) -> None:
    for one, description, focus in said:
        if one.id is not None and one.id in files:
            media.describe(tx, caller.me, post.id, one.id, description, focus)


async def source(request: Request) -> Response:
    """GET /api/v1/statuses/ID/source: what the author typed, for an editor."""
    site: Site = request.app.state.site
    status_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> Post:
        return _own(tx, known(identify(tx, token, "read:statuses")), status_id)

    post = await site.db.read(unit)
    return Json({"id": str(post.id), "text": post.source or "", "spoiler_text": post.summary or ""})


async def history(request: Request) -> Response:
    """GET /api/v1/statuses/ID/history: what it said before each edit, and says now; oldest first."""
    site: Site = request.app.state.site
    status_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> list[dict[str, Any]]:
        looks = viewer(identify(tx, token, "read:statuses"))
        found = find(tx, looks, status_id)
        if found is None:
            raise NotFound
        post = found[1]
        rows = bundle(tx, site, looks, [Shown(post.id, post.id)], seen={post.id: post})
        author = rows.actors.get(post.author_id)
        if author is None:
            raise NotFound
        shown = account(site.config.origin, author)
        quote = whole_quote(rows, post)
        poll = polls.by_post(tx, post.id) if post.kind == "Question" else None
        return [
            {
                "content": content(one.title, one.content, post.kind, None),
                "spoiler_text": one.summary or "",
                "sensitive": one.sensitive,
                "created_at": moment(one.created_at),
                "account": shown,
                "media_attachments": [attachment(post.id, at, file) for at, file in enumerate(one.attachments[:MOST])],
                "emojis": emojis(post.emoji),
                "quote": quote,
                **({} if one.poll is None else {"poll": {"options": [{"title": title} for title in one.poll]}}),
            }
            for one in [*revisions.of_post(tx, post.id), _now(post, poll.options if poll is not None else None)]
        ]

    return Json(await site.db.read(unit))


def _now(post: Post, options: list[str] | None) -> Revision:
    """What a post says, in the form of what it said."""
    return Revision(
        0,
        post.id,
        post.title,
        post.content,
        post.summary,
        post.sensitive,
        post.edited_at or post.published_at,
        post.attachments,
        options,
    )


def _own(tx: Tx, caller: Caller, status_id: int) -> Post:
    """The caller's own post with this id. Raises NotFound for all else, as Mastodon."""
    post = visibility.seen(tx, caller.viewer, [status_id]).get(status_id)
    if post is None or post.author_id != caller.me.id:
        raise NotFound
    return post


def _shown(tx: Tx, site: Site, caller: Caller, post: Post) -> msgspec.Raw:
    one = Shown(post.id, post.id)
    shown = status(bundle(tx, site, caller.viewer, [one]), one)
    if shown is None:
        raise NotFound
    return shown


ROUTES = [
    Route("/api/v1/statuses/{id}", edit, methods=["PUT"]),
    Route("/api/v1/statuses/{id}/source", source),
    Route("/api/v1/statuses/{id}/history", history),
]
