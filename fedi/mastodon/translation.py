"""Translating a status, where the operator named an engine."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation.errors import FederationError
from fedi.callers import bearer, identify, known
from fedi.context import Site
from fedi.errors import Forbidden, NotFound, Problem
from fedi.fetching.translating import PROVIDER, languages, translate_plain
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.attachment import MOST, attachment
from fedi.mastodon.entities.status import content
from fedi.mastodon.load import find
from storage import people, polls
from storage.metadata import Tx
from storage.polls import Poll
from storage.posts import Post


class Wanted(msgspec.Struct, kw_only=True):
    """The body of POST /api/v1/statuses/ID/translate."""

    lang: str | None = None


async def translate(request: Request) -> Response:
    """POST /api/v1/statuses/ID/translate: a Translation into `lang`, else into the caller's language.

    404 without an engine; 403 for what not everyone may read, which is never given to one, and for a pair of languages
    that it does not know; 503 when it does not answer.
    """
    site: Site = request.app.state.site
    status_id = arguments.path_id(request)
    token = bearer(request)
    await site.db.read(lambda tx: known(identify(tx, token, "read:statuses")).me)
    asked = await arguments.read(request, Wanted)

    def unit(tx: Tx) -> tuple[Post, Poll | None, str]:
        caller = known(identify(tx, token, "read:statuses"))
        found = find(tx, caller.viewer, status_id)
        if found is None or not site.config.translation.url:
            raise NotFound
        post = found[1]
        if post.visibility not in ("public", "unlisted"):
            raise Forbidden("This action is not allowed")
        person = people.by_id(tx, caller.me.id)
        language = asked.lang or (person.settings.get("language") if person is not None else None) or "en"
        return post, polls.by_post(tx, post.id) if post.kind == "Question" else None, str(language)

    post, poll, wanted = await site.db.read(unit)
    pairs = await languages(site)
    if not pairs:
        raise _unavailable()
    source = _among(post.language, list(pairs)) if post.language else None
    target = _among(wanted, sorted({one for targets in pairs.values() for one in targets}))
    if (post.language and source is None) or target is None or (source is not None and target not in pairs[source]):
        raise Forbidden("This action is not allowed")
    files = post.attachments[:MOST]
    options = poll.options if poll is not None else []
    plain = [post.summary or "", *options, *(str(file.get("description") or "") for file in files)]
    body = content(post.title, post.content, post.kind, None, post.event)
    try:
        found = await translate_plain(site, [body], plain, source, target)
    except FederationError as problem:
        raise _unavailable() from problem
    html, summary, *rest = found.texts
    shown: dict[str, Any] = {
        "content": html,
        "spoiler_text": summary,
        "language": target,
        "detected_source_language": found.source,
        "provider": PROVIDER,
        "poll": None
        if poll is None
        else {"id": str(post.id), "options": [{"title": title} for title in rest[: len(options)]]},
        "media_attachments": [
            {"id": attachment(post.id, at, file)["id"], "description": description}
            for at, (file, description) in enumerate(zip(files, rest[len(options) :], strict=True))
            if file.get("description")
        ],
    }
    return Json(shown)


def _among(language: str, known_languages: list[str]) -> str | None:
    """A language as the engine calls it: as it stands, else without its region."""
    by_name = {one.lower(): one for one in known_languages}
    return by_name.get(language.lower()) or by_name.get(language.lower().partition("-")[0])


def _unavailable() -> Problem:
    return Problem("The translation service is not available at the moment; try again later", status=503)


ROUTES = [Route("/api/v1/statuses/{id}/translate", translate, methods=["POST"])]
