"""Groups as the few clients that know them ask for them: the names of mastodon/mastodon#19059, which Soapbox and pl-fe use.

Here are the groups themselves and what is posted in them; who is in them is in `group_members`. All that moderators change
is done by the same actions as everywhere. To post in a group is POST /api/v1/statuses with `visibility=group&group_id=`.
"""

import re
import secrets
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import feeds, searching, visibility
from fedi.actions import groups as actions
from fedi.actions import moderation
from fedi.actions import posts as post_actions
from fedi.callers import bearer, identify, known, viewer
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from fedi.hiding import hidden
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.group import group as entity
from fedi.mastodon.entities.status import status
from fedi.mastodon.faces import taken
from fedi.mastodon.load import Shown, bundle, find
from fedi.mastodon.paging import Paging, fill, links
from fedi.mastodon.timelines import Shows, shows
from fedi.media.processing import FACE_BYTES
from storage import actors, follows, groups, threads
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post
from storage.timelines import Page

_SEE = {"everyone": "public", "members_only": "members"}
_MOST = 200


def existing(tx: Tx, group_id: int) -> Actor:
    """The group with this id; that it exists, and how to join it, is never hidden. Raises NotFound."""
    found = actors.by_id(tx, group_id)
    if found is None or not found.is_group or found.state != "active":
        raise NotFound
    return found


def entities(tx: Tx, site: Site, found: list[Actor]) -> list[dict[str, Any]]:
    """Groups as they are answered."""
    rows = groups.by_ids(tx, [one.id for one in found])
    return [entity(site.config.origin, one, rows.get(one.id)) for one in found]


async def index(request: Request) -> Response:
    """GET /api/v1/groups: those that the caller is in, last joined first."""
    site: Site = request.app.state.site
    page = arguments.query(request, Paging).page(40, _MOST)
    token = bearer(request)

    def unit(tx: Tx) -> tuple[list[dict[str, Any]], list[int]]:
        me = known(identify(tx, token, "read:groups")).me
        edges = follows.joined(tx, me.id, page)
        found = actors.by_ids(tx, [edge.target_id for edge in edges])
        shown = [found[edge.target_id] for edge in edges if edge.target_id in found]
        return entities(tx, site, [one for one in shown if one.state == "active"]), [edge.id for edge in edges]

    found, cursors = await site.db.read(unit)
    return Json(found, headers=links(request, cursors[0], cursors[-1]) if cursors else None)


class Writing(msgspec.Struct, kw_only=True):
    """The body of POST /api/v1/groups and of PUT /api/v1/groups/ID. `name` is the handle's, made of the title without it;
    `group_visibility` says who may read it, `everyone` or `members_only`, and never changes."""

    name: str | None = None
    display_name: str | None = None
    note: str | None = None
    locked: bool | None = None
    group_visibility: str | None = None
    avatar: Any = None
    header: Any = None


async def create(request: Request) -> Response:
    """POST /api/v1/groups: the caller owns it."""
    site: Site = request.app.state.site
    token = bearer(request)
    me = (await site.db.read(lambda tx: known(identify(tx, token, "write:groups")))).me
    async with arguments.uploaded(request, Writing, FACE_BYTES) as asked:
        pictures = await taken(site, me.id, {"avatar": asked.avatar, "header": asked.header})
    see = _SEE.get(asked.group_visibility or "everyone")
    if see is None:
        raise Invalid("Validation failed: Group visibility is not included in the list")

    def unit(tx: Tx) -> dict[str, Any]:
        made = actions.found(
            tx,
            site,
            me,
            name=asked.name or _name(tx, site, asked.display_name or ""),
            title=asked.display_name or asked.name or "",
            join_mode="approval" if asked.locked else "open",
            see=see,
            description=asked.note or "",
        )
        if pictures:
            made = actions.edit(tx, site, me, made, pictures=pictures)
        return entities(tx, site, [made])[0]

    return Json(await site.db.write(unit))


def _name(tx: Tx, site: Site, title: str) -> str:
    """A free name for a group of this title: its letters and digits that a handle can have."""
    plain = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:24] or "group"
    if actors.by_name(tx, plain, site.config.handle_domain) is None:
        return plain
    return f"{plain}_{secrets.token_hex(2)}"


async def show(request: Request) -> Response:
    """GET /api/v1/groups/ID."""
    site: Site = request.app.state.site
    group_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        identify(tx, token, "read:groups")
        return entities(tx, site, [existing(tx, group_id)])[0]

    return Json(await site.db.read(unit))


async def edit(request: Request) -> Response:
    """PUT /api/v1/groups/ID, by a moderator: what is left out stays."""
    site: Site = request.app.state.site
    group_id = arguments.path_id(request)
    token = bearer(request)

    def allowed(tx: Tx) -> Actor:
        me = known(identify(tx, token, "write:groups")).me
        actions.edit(tx, site, me, existing(tx, group_id))  # changes nothing, and says who may not
        return me

    me = await site.db.read(allowed)
    async with arguments.uploaded(request, Writing, FACE_BYTES) as asked:
        pictures = await taken(site, me.id, {"avatar": asked.avatar, "header": asked.header})

    def unit(tx: Tx) -> dict[str, Any]:
        changed = actions.edit(
            tx,
            site,
            me,
            existing(tx, group_id),
            title=asked.display_name,
            description=asked.note,
            join_mode=None if asked.locked is None else ("approval" if asked.locked else "open"),
            pictures=pictures,
        )
        return entities(tx, site, [changed])[0]

    return Json(await site.db.write(unit))


async def delete(request: Request) -> Response:
    """DELETE /api/v1/groups/ID, by its owner: closed for good."""
    site: Site = request.app.state.site
    group_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> None:
        me = known(identify(tx, token, "write:groups")).me
        actions.delete(tx, site, me, existing(tx, group_id))

    await site.db.write(unit)
    return Json({})


class Named(msgspec.Struct, kw_only=True):
    """The query of GET /api/v1/groups/lookup."""

    name: str


async def lookup(request: Request) -> Response:
    """GET /api/v1/groups/lookup?name=…: a group known here by its name or handle."""
    site: Site = request.app.state.site
    username, _, domain = arguments.query(request, Named).name.strip().lstrip("@!").partition("@")
    domain = domain.lower()
    if domain in ("", site.config.host):
        domain = site.config.handle_domain
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        identify(tx, token, "read:groups")
        found = actors.by_name(tx, username, domain)
        if found is None:
            raise NotFound
        return entities(tx, site, [existing(tx, found.id)])[0]

    return Json(await site.db.read(unit))


class Search(msgspec.Struct, kw_only=True):
    """The query of GET /api/v1/groups/search."""

    q: str = ""
    limit: int = 20
    offset: int = 0


async def search(request: Request) -> Response:
    """GET /api/v1/groups/search?q=…: groups whose name or handle matches; all that want to be found, without words."""
    site: Site = request.app.state.site
    asked = arguments.query(request, Search)
    limit, offset = max(1, min(asked.limit, 40)), max(0, min(asked.offset, 10_000))
    token = bearer(request)

    def unit(tx: Tx) -> list[dict[str, Any]]:
        person_id = viewer(identify(tx, token, "read:groups", "read:search")).person_id
        if asked.q.strip():
            many = searching.accounts(tx, site, person_id, asked.q, _MOST)
            found = [one for one in many if one.is_group]
        else:
            found = groups.listed(tx, limit + offset, local=True)
        return entities(tx, site, found[offset : offset + limit])

    return Json(await site.db.read(unit))


class Timeline(Paging, kw_only=True):
    """The query of GET /api/v1/timelines/group/ID."""

    only_media: bool = False


async def timeline(request: Request) -> Response:
    """GET /api/v1/timelines/group/ID: what opens its threads, newest first, as posts and not as boosts; 404 for who may not
    read the group."""
    site: Site = request.app.state.site
    group_id = arguments.path_id(request)
    asked = arguments.query(request, Timeline)
    token = bearer(request)

    def unit(tx: Tx) -> Shows:
        looks = viewer(identify(tx, token, "read:groups", "read:statuses"))
        group = existing(tx, group_id)
        if not visibility.may_see_group(tx, looks, group):
            raise NotFound
        gate = visibility.visible_to(looks)
        hides = hidden(tx, looks.person_id, site.clock())
        seen: dict[int, Post] = {}

        def fetch(at: Page) -> list[int]:
            return threads.begun(tx, group.id, gate, at, media=asked.only_media)

        def keep(ids: list[int]) -> list[int]:
            found = visibility.seen(tx, looks, ids)
            kept = feeds.shown_to(tx, hides, [found[one] for one in ids if one in found])
            seen.update({post.id: post for post in kept})
            return [post.id for post in kept]

        filled = fill(asked.page(), fetch, lambda one: one, keep)
        return shows(tx, site, looks, [Shown(one, one) for one in filled.items], filled, seen)

    found, first, last = await site.db.read(unit)
    return Json(found, headers=links(request, first, last))


async def remove_status(request: Request) -> Response:
    """DELETE /api/v1/groups/ID/statuses/STATUS: out of the group, by a moderator, or deleted by its author; as it was."""
    site: Site = request.app.state.site
    token = bearer(request)

    def unit(tx: Tx) -> msgspec.Raw:
        caller = known(identify(tx, token, "write:groups"))
        post, shown = _in_group(tx, site, request, caller.viewer)
        if post.author_id == caller.me.id:
            post_actions.delete(tx, site, post, caller.me)
        else:
            moderation.remove(tx, site, caller.me, post, "")
        return shown

    return Json(await site.db.write(unit))


async def pin(request: Request) -> Response:
    """POST /api/v1/groups/ID/statuses/STATUS/pin: first in the group."""
    return await _pin(request, pinned=True)


async def unpin(request: Request) -> Response:
    """POST /api/v1/groups/ID/statuses/STATUS/unpin."""
    return await _pin(request, pinned=False)


async def _pin(request: Request, *, pinned: bool) -> Response:
    site: Site = request.app.state.site
    token = bearer(request)

    def unit(tx: Tx) -> msgspec.Raw:
        caller = known(identify(tx, token, "write:groups"))
        group = existing(tx, arguments.path_id(request))
        post, shown = _in_group(tx, site, request, caller.viewer)
        (moderation.pin if pinned else moderation.unpin)(tx, site, caller.me, group, post)
        return shown

    return Json(await site.db.write(unit))


def _in_group(tx: Tx, site: Site, request: Request, looks: Any) -> tuple[Post, msgspec.Raw]:
    """The post of the group that the path names, and as it is shown. Raises NotFound."""
    group_id, status_id = arguments.path_id(request), arguments.path_id(request, "status_id")
    found = find(tx, looks, status_id)
    if found is None or found[1].group_id != existing(tx, group_id).id:
        raise NotFound
    one = Shown(found[1].id, found[1].id)
    shown = status(bundle(tx, site, looks, [one]), one)
    if shown is None:
        raise NotFound
    return found[1], shown


def posted_in(tx: Tx, site: Site, group_id: int | None, text: str) -> str:
    """The text of a status with `visibility=group`: a group is posted to by its name, as from every client, which is put
    first where the text does not name it as its first group. Raises Invalid without a group, NotFound for what is none."""
    if group_id is None:
        raise Invalid("Validation failed: Group can't be blank")
    group = existing(tx, group_id)
    first = next((one for one in post_actions.mentioned(tx, site, text) if one.is_group), None)
    return text if first is not None and first.id == group.id else f"@{group.handle} {text}"


ROUTES = [
    Route("/api/v1/groups", index),
    Route("/api/v1/groups", create, methods=["POST"]),
    Route("/api/v1/groups/lookup", lookup),
    Route("/api/v1/groups/search", search),
    Route("/api/v1/groups/{id}", show),
    Route("/api/v1/groups/{id}", edit, methods=["PUT"]),
    Route("/api/v1/groups/{id}", delete, methods=["DELETE"]),
    Route("/api/v1/groups/{id}/statuses/{status_id}", remove_status, methods=["DELETE"]),
    Route("/api/v1/groups/{id}/statuses/{status_id}/pin", pin, methods=["POST"]),
    Route("/api/v1/groups/{id}/statuses/{status_id}/unpin", unpin, methods=["POST"]),
    Route("/api/v1/timelines/group/{id}", timeline),
]
