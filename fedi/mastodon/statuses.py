"""Statuses: write, read, edit and delete posts; their threads, histories, and who liked or boosted them.

What one does to a status (favourite, reblog, bookmark) is in `reactions`.
"""

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation.errors import FederationError
from fedi import fetching, visibility
from fedi.actions import media, moderation
from fedi.actions import posts as actions
from fedi.actions.drafts import QUOTE_POLICIES, Draft, PollDraft
from fedi.callers import Caller, bearer, identify, known, viewer
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, NotFound, Problem
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json, moment
from fedi.mastodon.entities.account import account
from fedi.mastodon.entities.attachment import MOST, attachment
from fedi.mastodon.entities.emoji import emojis
from fedi.mastodon.entities.status import content, status, statuses
from fedi.mastodon.load import Shown, bundle, find
from fedi.mastodon.media import described, focused
from fedi.mastodon.threads import around
from storage import actors, people, polls, posts
from storage.metadata import Tx
from storage.posts import Post

TO_ACTIONS = {"public": "public", "unlisted": "unlisted", "private": "followers", "direct": "direct"}
"""Mastodon's visibility -> ours; a group narrows it further (`fedi.actions.posts`)."""

MIN_POLL_SECONDS = 300
"""Mastodon's shortest poll."""

_HANDLES = 20
_KEY = 255


class Polling(msgspec.Struct, kw_only=True):
    """A poll in the body of POST /api/v1/statuses; `expires_in` in seconds."""

    options: list[str] = msgspec.field(default_factory=list)
    expires_in: int | None = None
    multiple: bool = False
    hide_totals: bool = False

    def draft(self, now: int) -> PollDraft:
        """What the actions publish. Raises Invalid."""
        if self.hide_totals:
            raise Invalid("Validation failed: This server doesn't hide how a poll stands")
        if self.expires_in is None:
            raise Invalid("Validation failed: Expires at can't be blank")
        if self.expires_in < MIN_POLL_SECONDS:
            raise Invalid("Validation failed: Expires at is too soon")
        return PollDraft(tuple(self.options), self.multiple, now + 1000 * self.expires_in)


class Describing(msgspec.Struct, kw_only=True):
    """What an edit says of one of a post's files."""

    id: int = 0
    description: str | None = None
    focus: str | None = None


class Writing(msgspec.Struct, kw_only=True):
    """The body of POST /api/v1/statuses and of PUT /api/v1/statuses/ID."""

    status: str = ""
    spoiler_text: str = ""
    sensitive: bool = False
    language: str | None = None
    visibility: str | None = None
    in_reply_to_id: int | None = None
    media_ids: list[str] = msgspec.field(default_factory=list)
    media_attributes: list[Describing] = msgspec.field(default_factory=list)
    poll: Polling | None = None
    scheduled_at: str | None = None
    quoted_status_id: int | None = None
    quote_approval_policy: str | None = None

    def draft(self, visibility: str, now: int, app_id: int | None = None) -> Draft:
        """What the actions publish. Raises Invalid for what isn't offered here yet, rather than leaving it out."""
        if self.scheduled_at:
            raise Invalid("Validation failed: This server doesn't schedule posts yet")
        if self.language is not None and len(self.language) > 35:  # RFC 5646 4.4.1
            raise Invalid("Validation failed: Language is not a language tag")
        if self.quote_approval_policy and self.quote_approval_policy not in QUOTE_POLICIES:
            raise Invalid("Validation failed: Quote approval policy is not included in the list")
        return Draft(
            text=self.status,
            visibility=visibility,
            reply_to_id=self.in_reply_to_id,
            summary=self.spoiler_text,
            sensitive=self.sensitive,
            language=self.language or None,
            app_id=app_id,
            poll=self.poll.draft(now) if self.poll is not None and self.poll.options else None,
            quote_id=self.quoted_status_id,
            quote_policy=self.quote_approval_policy or None,
            media_ids=tuple(medium_id(one) for one in self.media_ids if one),
        )


def medium_id(text: str) -> int:
    """The id of an uploaded file. Raises Invalid for what can't be one."""
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise Invalid(f"Media {text[:40]} not found or already attached to another post")
    return int(text)


async def create(request: Request) -> Response:
    """POST /api/v1/statuses. With an Idempotency-Key the same request again gives the same status."""
    site: Site = request.app.state.site
    token = bearer(request)

    def who(tx: Tx) -> tuple[Caller, dict[str, Any]]:
        caller = known(identify(tx, token, "write:statuses"))
        person = people.by_id(tx, caller.me.id)
        return caller, person.settings if person is not None else {}

    caller, settings = await site.db.read(who)
    asked = await arguments.read(request, Writing)
    key = request.headers.get("idempotency-key") or None
    if key is not None and len(key) > _KEY:
        raise Problem("The Idempotency-Key is longer than 255 characters")
    wanted = asked.visibility
    if wanted is not None and wanted not in TO_ACTIONS:
        raise Invalid("Validation failed: Visibility is not included in the list")
    chosen = TO_ACTIONS[wanted] if wanted is not None else settings.get("visibility", "public")
    draft = asked.draft(chosen, site.clock(), caller.app_id)
    draft = replace(
        draft,
        language=draft.language or settings.get("language"),
        quote_policy=draft.quote_policy or settings.get("quote_policy"),
    )
    await _meet(site, draft.text)

    def unit(tx: Tx) -> msgspec.Raw:
        wanted = draft
        if draft.quote_id is not None:
            found = find(tx, caller.viewer, draft.quote_id)  # a client may quote by the id of a boost
            if found is None:
                raise NotFound
            wanted = replace(draft, quote_id=found[1].id)
        post = actions.publish(tx, site, caller.me, wanted, idempotency_key=key)
        return _shown(tx, site, caller, post)

    return Json(await site.db.write(unit))


async def _meet(site: Site, text: str) -> None:
    """Ask for the actors that a text mentions and we don't know, at once; one that can't be had stays text."""

    async def one(handle: str) -> None:
        try:
            async with asyncio.timeout(10):
                await fetching.actor(site, handle)
        except (FederationError, NotFound, TimeoutError):
            return

    handles = [handle for handle in dict.fromkeys(actions.handles_in(text)) if "@" in handle]
    await asyncio.gather(*(one(handle) for handle in handles[:_HANDLES]))


async def show(request: Request) -> Response:
    """GET /api/v1/statuses/ID; 404 for one that there is not and for one the caller may not see."""
    site: Site = request.app.state.site
    status_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> msgspec.Raw:
        looks = viewer(identify(tx, token, "read:statuses"))
        found = find(tx, looks, status_id)
        if found is None:
            raise NotFound
        shown = status(bundle(tx, site, looks, [found[0]], seen={found[1].id: found[1]}), found[0])
        if shown is None:
            raise NotFound
        return shown

    return Json(await site.db.read(unit))


class Several(msgspec.Struct, kw_only=True):
    """The query of GET /api/v1/statuses."""

    id: list[int] = msgspec.field(default_factory=list)


async def several(request: Request) -> Response:
    """GET /api/v1/statuses?id[]=…: up to 20 statuses; those the caller may not see are left out."""
    site: Site = request.app.state.site
    ids = list(dict.fromkeys(arguments.query(request, Several).id))
    if len(ids) > 20:
        raise Invalid("Validation failed: At most 20 ids")
    token = bearer(request)

    def unit(tx: Tx) -> list[msgspec.Raw]:
        looks = viewer(identify(tx, token, "read:statuses"))
        found = [one[0] for status_id in ids if (one := find(tx, looks, status_id)) is not None]
        return statuses(bundle(tx, site, looks, found), found)

    return Json(await site.db.read(unit))


async def context(request: Request) -> Response:
    """GET /api/v1/statuses/ID/context: the posts above it in its thread, and those below in tree order."""
    site: Site = request.app.state.site
    status_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        looks = viewer(identify(tx, token, "read:statuses"))
        found = find(tx, looks, status_id)
        if found is None:
            raise NotFound
        above, below = around(tx, looks, found[1])
        items = [Shown(post.id, post.id) for post in (*above, *below)]
        rows = bundle(tx, site, looks, items, seen={post.id: post for post in (*above, *below)})
        shown = statuses(rows, items)
        return {"ancestors": shown[: len(above)], "descendants": shown[len(above) :]}

    return Json(await site.db.read(unit))


async def edit(request: Request) -> Response:
    """PUT /api/v1/statuses/ID: the author changes the text, warning, language, and the files shown: those of `media_ids`."""
    site: Site = request.app.state.site
    status_id = arguments.path_id(request)
    token = bearer(request)
    caller = await site.db.read(lambda tx: known(identify(tx, token, "write:statuses")))
    asked = await arguments.read(request, Writing)
    poll, asked.poll, asked.quoted_status_id = asked.poll, None, None
    draft = asked.draft("public", site.clock())
    said = [(one.id, described(one.description), focused(one.focus)) for one in asked.media_attributes]
    post = await site.db.read(lambda tx: _own(tx, caller, status_id))
    await _meet(site, draft.text)

    def unit(tx: Tx) -> msgspec.Raw:
        current = _own(tx, caller, post.id)
        _same_poll(tx, current, poll)
        for file_id, description, focus in said:
            if file_id in draft.media_ids:
                media.describe(tx, caller.me, current.id, file_id, description, focus)
        changed = actions.edit(tx, site, current, replace(draft, visibility=_kept(current)), with_media=True)
        return _shown(tx, site, caller, changed)

    return Json(await site.db.write(unit))


def _same_poll(tx: Tx, post: Post, wanted: Polling | None) -> None:
    """Raises Invalid when an edit would change the poll: clients send it again as it was (Tusky, the official app)."""
    if wanted is None or not wanted.options:
        return
    known = polls.by_post(tx, post.id)
    options = [" ".join(one.split()) for one in wanted.options]
    if known is None or known.options != options or known.multiple != wanted.multiple:
        raise Invalid("Validation failed: A poll can't be changed: votes were given for what it said")


def _kept(post: Post) -> str:
    """The visibility of a post as a draft says it: an edit changes none, but a draft has to name one."""
    return post.visibility if post.visibility in TO_ACTIONS.values() else "public"


class Deleting(msgspec.Struct, kw_only=True):
    """What DELETE /api/v1/statuses/ID may say."""

    delete_media: bool = False


async def delete(request: Request) -> Response:
    """DELETE /api/v1/statuses/ID: the status as it was, with its `text`, so that a client can offer to write it anew.

    Its files can be used again for a day then, unless the client says `delete_media`.

    Of another's post in a group that the caller moderates it is a removal, which can be taken back.
    """
    site: Site = request.app.state.site
    status_id = arguments.path_id(request)
    token = bearer(request)
    asked = await arguments.read(request, Deleting)

    def unit(tx: Tx) -> dict[str, Any]:
        caller = known(identify(tx, token, "write:statuses"))
        found = find(tx, caller.viewer, status_id)
        if found is None:
            raise NotFound
        post = found[1]
        shown = _shown(tx, site, caller, post)
        own = post.author_id == caller.me.id
        try:
            if own:
                actions.delete(tx, site, post, caller.me, keep_media=not asked.delete_media)
            else:
                moderation.remove(tx, site, caller.me, post, "")
        except Forbidden as problem:
            # Mastodon answers as if there were none.
            raise NotFound from problem
        return {**msgspec.json.decode(shown), "text": post.source or "" if own else ""}

    return Json(await site.db.write(unit))


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
        found = find(tx, viewer(identify(tx, token, "read:statuses")), status_id)
        if found is None:
            raise NotFound
        post = found[1]
        author = actors.by_id(tx, post.author_id)
        if author is None:
            raise NotFound
        shown = account(site.config.origin, author)
        said = [(*_said(one), one.created_at) for one in posts.revisions_of(tx, post.id)]
        said.append((*_said(post), post.edited_at or post.published_at))
        return [
            {
                "content": content(title, body, post.kind, None),
                "spoiler_text": summary or "",
                "sensitive": sensitive,
                "created_at": moment(at),
                "account": shown,
                "media_attachments": [attachment(post.id, index, file) for index, file in enumerate(files[:MOST])],
                "emojis": emojis(post.emoji),
                "quote": None,
            }
            for title, body, summary, sensitive, files, at in said
        ]

    return Json(await site.db.read(unit))


def _said(one: Any) -> tuple[str | None, str, str | None, bool, list[dict[str, Any]]]:
    return one.title, one.content, one.summary, one.sensitive, one.attachments


def _own(tx: Tx, caller: Caller, status_id: int) -> Post:
    """The caller's own post with this id. Raises NotFound for all else, as Mastodon."""
    post = visibility.seen(tx, caller.viewer, [status_id]).get(status_id)
    if post is None or post.author_id != caller.me.id:
        raise NotFound
    return post


def _shown(tx: Tx, site: Site, caller: Caller, post: Post) -> msgspec.Raw:
    """A post that the caller just wrote, as it will be answered."""
    one = Shown(post.id, post.id)
    shown = status(bundle(tx, site, caller.viewer, [one]), one)
    if shown is None:
        raise NotFound
    return shown


ROUTES = [
    Route("/api/v1/statuses", create, methods=["POST"]),
    Route("/api/v1/statuses", several),
    Route("/api/v1/statuses/{id}", show),
    Route("/api/v1/statuses/{id}", edit, methods=["PUT"]),
    Route("/api/v1/statuses/{id}", delete, methods=["DELETE"]),
    Route("/api/v1/statuses/{id}/context", context),
    Route("/api/v1/statuses/{id}/source", source),
    Route("/api/v1/statuses/{id}/history", history),
]
