"""Filters, version 2 (with keywords and posts in each) and version 1, in which each keyword is a filter of its own."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.actions import filters as actions
from fedi.actions.filters import KeywordChange
from fedi.callers import bearer, identify, known
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.filter import filter_, filtered_post, keyword, version_1
from fedi.mastodon.load import find
from storage import filters as rows
from storage.filters import Filter, FilteredPost, Keyword
from storage.metadata import Tx

_READ, _WRITE = "read:filters", "write:filters"
_MULTIPLE = (
    "These parameters cannot be changed from this application because they apply to more than one filter keyword. "
    "Use a more recent application or the web interface."
)


class KeywordGiven(msgspec.Struct, kw_only=True):
    """One of `keywords_attributes`, and the body of the endpoints for one keyword."""

    id: int | None = None
    keyword: str | None = None
    whole_word: bool | None = None
    _destroy: bool = False

    def change(self) -> KeywordChange:
        """As the actions take it."""
        return KeywordChange(self.id, self.keyword, self.whole_word, self._destroy)


class Given(msgspec.Struct, kw_only=True):
    """The body of POST and PUT of a filter. `expires_in` in seconds, empty for never."""

    title: str | None = None
    context: list[str] | None = None
    filter_action: str | None = None
    expires_in: str | None = None
    keywords_attributes: list[KeywordGiven] = msgspec.field(default_factory=list)


class Given1(msgspec.Struct, kw_only=True):
    """The same of version 1."""

    phrase: str | None = None
    context: list[str] | None = None
    irreversible: bool | None = None
    whole_word: bool | None = None
    expires_in: str | None = None


class PostGiven(msgspec.Struct, kw_only=True):
    """The body of POST /api/v2/filters/ID/statuses."""

    status_id: int | None = None


async def listed(request: Request) -> Response:
    """GET /api/v2/filters."""
    site: Site = request.app.state.site
    token = bearer(request)

    def unit(tx: Tx) -> list[dict[str, Any]]:
        me = known(identify(tx, token, _READ)).me
        return _whole(tx, rows.of_person(tx, me.id))

    return Json(await site.db.read(unit))


async def show(request: Request) -> Response:
    """GET /api/v2/filters/ID."""
    site: Site = request.app.state.site
    filter_id, token = arguments.path_id(request), bearer(request)
    return Json(await site.db.read(lambda tx: _whole(tx, [_mine(tx, token, _READ, filter_id)])[0]))


async def create(request: Request) -> Response:
    """POST /api/v2/filters."""
    site, token, asked = await _asked(request, Given)
    expires_in = _seconds(asked.expires_in)

    def unit(tx: Tx) -> dict[str, Any]:
        me = known(identify(tx, token, _WRITE)).me
        made = actions.make(
            tx,
            site,
            me.id,
            title=asked.title or "",
            context=asked.context or [],
            action=asked.filter_action or "warn",
            expires_in=expires_in,
            keywords=tuple(one.change() for one in asked.keywords_attributes),
        )
        return _whole(tx, [made])[0]

    return Json(await site.db.write(unit))


async def update(request: Request) -> Response:
    """PUT /api/v2/filters/ID: what is left out stays."""
    filter_id = arguments.path_id(request)
    site, token, asked = await _asked(request, Given)
    expires_in = _seconds(asked.expires_in)

    def unit(tx: Tx) -> dict[str, Any]:
        changed = actions.change(
            tx,
            site,
            _mine(tx, token, _WRITE, filter_id),
            title=asked.title,
            context=asked.context,
            action=asked.filter_action or None,
            expires_in=expires_in,
            ends=asked.expires_in is not None,
            keywords=tuple(one.change() for one in asked.keywords_attributes),
        )
        return _whole(tx, [changed])[0]

    return Json(await site.db.write(unit))


async def delete(request: Request) -> Response:
    """DELETE /api/v2/filters/ID."""
    site: Site = request.app.state.site
    filter_id, token = arguments.path_id(request), bearer(request)
    await site.db.write(lambda tx: actions.remove(tx, _mine(tx, token, _WRITE, filter_id)))
    return Json({})


async def keywords(request: Request) -> Response:
    """GET /api/v2/filters/ID/keywords."""
    site: Site = request.app.state.site
    filter_id, token = arguments.path_id(request), bearer(request)

    def unit(tx: Tx) -> list[Keyword]:
        found = _mine(tx, token, _READ, filter_id)
        return rows.keywords_of(tx, [found.id]).get(found.id, [])

    return Json([keyword(one) for one in await site.db.read(unit)])


async def add_keyword(request: Request) -> Response:
    """POST /api/v2/filters/ID/keywords."""
    filter_id = arguments.path_id(request)
    site, token, asked = await _asked(request, KeywordGiven)
    whole = asked.whole_word is not False

    def unit(tx: Tx) -> Keyword:
        found = _mine(tx, token, _WRITE, filter_id)
        return actions.add_keyword(tx, site, found, asked.keyword or "", whole_word=whole)

    return Json(keyword(await site.db.write(unit)))


async def show_keyword(request: Request) -> Response:
    """GET /api/v2/filters/keywords/ID."""
    site: Site = request.app.state.site
    keyword_id, token = arguments.path_id(request), bearer(request)
    return Json(keyword(await site.db.read(lambda tx: _keyword(tx, token, _READ, keyword_id)[1])))


async def update_keyword(request: Request) -> Response:
    """PUT /api/v2/filters/keywords/ID."""
    keyword_id = arguments.path_id(request)
    site, token, asked = await _asked(request, KeywordGiven)

    def unit(tx: Tx) -> Keyword:
        found, one = _keyword(tx, token, _WRITE, keyword_id)
        return actions.change_keyword(tx, site, found, one, asked.change())

    return Json(keyword(await site.db.write(unit)))


async def remove_keyword(request: Request) -> Response:
    """DELETE /api/v2/filters/keywords/ID."""
    site: Site = request.app.state.site
    keyword_id, token = arguments.path_id(request), bearer(request)

    def unit(tx: Tx) -> None:
        found, one = _keyword(tx, token, _WRITE, keyword_id)
        actions.remove_keyword(tx, site, found, one)

    await site.db.write(unit)
    return Json({})


async def posts(request: Request) -> Response:
    """GET /api/v2/filters/ID/statuses."""
    site: Site = request.app.state.site
    filter_id, token = arguments.path_id(request), bearer(request)

    def unit(tx: Tx) -> list[FilteredPost]:
        found = _mine(tx, token, _READ, filter_id)
        return rows.posts_of(tx, [found.id]).get(found.id, [])

    return Json([filtered_post(one) for one in await site.db.read(unit)])


async def add_post(request: Request) -> Response:
    """POST /api/v2/filters/ID/statuses: of a boost it is the post that is put into the filter."""
    filter_id = arguments.path_id(request)
    site, token, asked = await _asked(request, PostGiven)

    def unit(tx: Tx) -> FilteredPost:
        caller = known(identify(tx, token, _WRITE))
        found = _mine(tx, token, _WRITE, filter_id)
        if asked.status_id is None:
            raise Invalid("Validation failed: Status must exist")
        shown = find(tx, caller.viewer, asked.status_id)
        if shown is None:
            raise NotFound
        return actions.add_post(tx, site, found, shown[1].id)

    return Json(filtered_post(await site.db.write(unit)))


async def show_post(request: Request) -> Response:
    """GET /api/v2/filters/statuses/ID."""
    site: Site = request.app.state.site
    row_id, token = arguments.path_id(request), bearer(request)
    return Json(filtered_post(await site.db.read(lambda tx: _post(tx, token, _READ, row_id)[1])))


async def remove_post(request: Request) -> Response:
    """DELETE /api/v2/filters/statuses/ID."""
    site: Site = request.app.state.site
    row_id, token = arguments.path_id(request), bearer(request)

    def unit(tx: Tx) -> FilteredPost:
        found, one = _post(tx, token, _WRITE, row_id)
        actions.remove_post(tx, site, found, one)
        return one

    return Json(filtered_post(await site.db.write(unit)))


async def listed_1(request: Request) -> Response:
    """GET /api/v1/filters."""
    site: Site = request.app.state.site
    token = bearer(request)

    def unit(tx: Tx) -> list[dict[str, Any]]:
        me = known(identify(tx, token, _READ)).me
        found = rows.of_person(tx, me.id)
        inside = rows.keywords_of(tx, [one.id for one in found])
        return [version_1(row, one) for row in found for one in inside.get(row.id, [])]

    return Json(await site.db.read(unit))


async def show_1(request: Request) -> Response:
    """GET /api/v1/filters/ID."""
    site: Site = request.app.state.site
    keyword_id, token = arguments.path_id(request), bearer(request)
    return Json(await site.db.read(lambda tx: version_1(*_keyword(tx, token, _READ, keyword_id))))


async def create_1(request: Request) -> Response:
    """POST /api/v1/filters: a filter with one keyword, which is its title as well."""
    site, token, asked = await _asked(request, Given1)
    expires_in = _seconds(asked.expires_in)

    def unit(tx: Tx) -> dict[str, Any]:
        me = known(identify(tx, token, _WRITE)).me
        phrase = asked.phrase or ""
        made = actions.make(
            tx,
            site,
            me.id,
            title=phrase[: actions.MAX_TITLE],
            context=asked.context or [],
            action="hide" if asked.irreversible else "warn",
            expires_in=expires_in,
        )
        return version_1(made, actions.add_keyword(tx, site, made, phrase, whole_word=asked.whole_word is not False))

    return Json(await site.db.write(unit))


async def update_1(request: Request) -> Response:
    """PUT /api/v1/filters/ID: not what other keywords have in common with it."""
    keyword_id = arguments.path_id(request)
    site, token, asked = await _asked(request, Given1)
    expires_in = _seconds(asked.expires_in)

    def unit(tx: Tx) -> dict[str, Any]:
        found, one = _keyword(tx, token, _WRITE, keyword_id)
        one = actions.change_keyword(
            tx, site, found, one, KeywordChange(keyword=asked.phrase, whole_word=asked.whole_word)
        )
        action = None if asked.irreversible is None else ("hide" if asked.irreversible else "warn")
        if action == "warn" and found.action != "hide":
            action = None  # `blur`, which version 1 has no word for, stays
        changed = actions.change(
            tx,
            site,
            found,
            title=None if asked.phrase is None else asked.phrase[: actions.MAX_TITLE],
            context=asked.context,
            action=action,
            expires_in=expires_in,
            ends=asked.expires_in is not None,
        )
        shared = len(rows.keywords_of(tx, [found.id])[found.id]) > 1
        if shared and (changed.title, changed.context, changed.action, changed.expires_at) != (
            found.title,
            found.context,
            found.action,
            found.expires_at,
        ):
            raise Invalid(_MULTIPLE)
        return version_1(changed, one)

    return Json(await site.db.write(unit))


async def delete_1(request: Request) -> Response:
    """DELETE /api/v1/filters/ID: the keyword goes, and with the last one the filter."""
    site: Site = request.app.state.site
    keyword_id, token = arguments.path_id(request), bearer(request)

    def unit(tx: Tx) -> None:
        found, one = _keyword(tx, token, _WRITE, keyword_id)
        actions.remove_keyword(tx, site, found, one)
        if not rows.keywords_of(tx, [found.id]) and not rows.posts_of(tx, [found.id]):
            actions.remove(tx, found)

    await site.db.write(unit)
    return Json({})


async def _asked(request: Request, shape: type[arguments.T]) -> tuple[Site, str | None, arguments.T]:
    """The site, the caller's token (that it may change filters was asked before the body was read) and the body."""
    site: Site = request.app.state.site
    token = bearer(request)
    await site.db.read(lambda tx: known(identify(tx, token, _WRITE)).me)
    return site, token, await arguments.read(request, shape)


def _seconds(text: str | None) -> int | None:
    """`expires_in`: an empty one is never, which differs from none. Raises Invalid."""
    if text is None or not text.strip():
        return None
    try:
        return int(float(text.strip()[:40]))
    except (ValueError, OverflowError) as problem:
        raise Invalid("Validation failed: Expires in is not a number") from problem


def _mine(tx: Tx, token: str | None, scope: str, filter_id: int) -> Filter:
    found = rows.by_id(tx, known(identify(tx, token, scope)).me.id, filter_id)
    if found is None:
        raise NotFound
    return found


def _keyword(tx: Tx, token: str | None, scope: str, keyword_id: int) -> tuple[Filter, Keyword]:
    me = known(identify(tx, token, scope)).me
    one = rows.keyword_by_id(tx, me.id, keyword_id)
    found = rows.by_id(tx, me.id, one.filter_id) if one is not None else None
    if one is None or found is None:
        raise NotFound
    return found, one


def _post(tx: Tx, token: str | None, scope: str, row_id: int) -> tuple[Filter, FilteredPost]:
    me = known(identify(tx, token, scope)).me
    one = rows.post_by_id(tx, me.id, row_id)
    found = rows.by_id(tx, me.id, one.filter_id) if one is not None else None
    if one is None or found is None:
        raise NotFound
    return found, one


def _whole(tx: Tx, found: list[Filter]) -> list[dict[str, Any]]:
    ids = [one.id for one in found]
    words, inside = rows.keywords_of(tx, ids), rows.posts_of(tx, ids)
    return [filter_(one, words.get(one.id, []), inside.get(one.id, [])) for one in found]


ROUTES = [
    Route("/api/v2/filters", listed),
    Route("/api/v2/filters", create, methods=["POST"]),
    Route("/api/v2/filters/{id}", show),
    Route("/api/v2/filters/{id}", update, methods=["PUT"]),
    Route("/api/v2/filters/{id}", delete, methods=["DELETE"]),
    Route("/api/v2/filters/{id}/keywords", keywords),
    Route("/api/v2/filters/{id}/keywords", add_keyword, methods=["POST"]),
    Route("/api/v2/filters/{id}/statuses", posts),
    Route("/api/v2/filters/{id}/statuses", add_post, methods=["POST"]),
    Route("/api/v2/filters/keywords/{id}", show_keyword),
    Route("/api/v2/filters/keywords/{id}", update_keyword, methods=["PUT"]),
    Route("/api/v2/filters/keywords/{id}", remove_keyword, methods=["DELETE"]),
    Route("/api/v2/filters/statuses/{id}", show_post),
    Route("/api/v2/filters/statuses/{id}", remove_post, methods=["DELETE"]),
    Route("/api/v1/filters", listed_1),
    Route("/api/v1/filters", create_1, methods=["POST"]),
    Route("/api/v1/filters/{id}", show_1),
    Route("/api/v1/filters/{id}", update_1, methods=["PUT"]),
    Route("/api/v1/filters/{id}", delete_1, methods=["DELETE"]),
]
