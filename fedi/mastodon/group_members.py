"""Who is in a group, under the names of mastodon/mastodon#19059: join, leave, members and their roles, requests, bans."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import visibility
from fedi.actions import follows as follow_actions
from fedi.actions import memberships as actions
from fedi.actions import moderation
from fedi.callers import bearer, identify, known, viewer
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, NotFound
from fedi.mastodon import arguments, presenting
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.group import membership, relationship, role_asked
from fedi.mastodon.groups import existing
from fedi.mastodon.paging import Paging, links
from storage import actors, follows, memberships, mutes
from storage.actors import Actor
from storage.metadata import Tx


class Several(msgspec.Struct, kw_only=True):
    """The query of GET /api/v1/groups/relationships."""

    id: list[int] = msgspec.field(default_factory=list)


async def relationships(request: Request) -> Response:
    """GET /api/v1/groups/relationships?id[]=…, in the order asked for; ids of no group are left out."""
    site: Site = request.app.state.site
    ids = list(dict.fromkeys(arguments.query(request, Several).id))[:200]
    token = bearer(request)

    def unit(tx: Tx) -> list[dict[str, Any]]:
        me = known(identify(tx, token, "read:groups")).me
        there = actors.by_ids(tx, ids)
        return standing(tx, site, me, [there[one] for one in ids if one in there and there[one].is_group])

    return Json(await site.db.read(unit))


def standing(tx: Tx, site: Site, me: Actor, groups: list[Actor]) -> list[dict[str, Any]]:
    """The GroupRelationship of `me` to each of these groups."""
    ids = [one.id for one in groups]
    edges, _ = follows.between(tx, me.id, ids)
    rows = {row.group_id: row for row in memberships.everything_of(tx, me.id)}
    muted = mutes.of_person(tx, me.id, site.clock())
    managed = [one for one in ids if one in rows and rows[one].moderates]
    waiting = follows.awaited(tx, managed)
    found = []
    for group_id in ids:
        edge, row = edges.get(group_id), rows.get(group_id)
        banned = actions.banned(site, row)
        followed = edge is not None and edge.state == "accepted"
        found.append(
            relationship(
                group_id,
                row,
                member=not banned and (followed or (row is not None and row.state == "accepted")),
                requested=edge is not None and edge.state == "pending",
                banned=banned,
                notifying=followed and edge is not None and edge.notify,
                muting=group_id in muted,
                waiting=group_id in waiting,
            )
        )
    return found


async def join(request: Request) -> Response:
    """POST /api/v1/groups/ID/join: `requested` until a moderator agrees, where that is needed."""
    return await _membership(request, joins=True)


async def leave(request: Request) -> Response:
    """POST /api/v1/groups/ID/leave; also takes a request back."""
    return await _membership(request, joins=False)


async def _membership(request: Request, *, joins: bool) -> Response:
    site: Site = request.app.state.site
    group_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        me = known(identify(tx, token, "write:groups")).me
        group = existing(tx, group_id)
        if not joins:
            follow_actions.unfollow(tx, site, me, group)
        elif follows.find(tx, me.id, group.id) is None:
            follow_actions.follow(tx, site, me, group)
        return standing(tx, site, me, [group])[0]

    return Json(await site.db.write(unit))


class Members(Paging, kw_only=True):
    """The query of GET /api/v1/groups/ID/memberships."""

    role: str | None = None


async def members(request: Request) -> Response:
    """GET /api/v1/groups/ID/memberships?role=…: of a group elsewhere those that are known here; none for who may not know.

    The cursor, as the id of a membership, is the id of the account.
    """
    site: Site = request.app.state.site
    group_id = arguments.path_id(request)
    asked = arguments.query(request, Members)
    role = None if not asked.role else role_asked(asked.role)
    if asked.role and role is None:
        raise Invalid("Validation failed: Role is not included in the list")
    page = asked.page(40, 80)
    token = bearer(request)

    def unit(tx: Tx) -> tuple[list[dict[str, Any]], list[int]]:
        looks = viewer(identify(tx, token, "read:groups"))
        group = existing(tx, group_id)
        if not visibility.may_see_group(tx, looks, group):
            return [], []
        rows = memberships.page_of(tx, group.id, page, role=role)
        return _shown(tx, site, rows), [row.actor_id for row in rows]

    found, cursors = await site.db.read(unit)
    return Json(found, headers=links(request, cursors[0], cursors[-1]) if cursors else None)


def _shown(tx: Tx, site: Site, rows: list[memberships.Membership]) -> list[dict[str, Any]]:
    known_here = actors.by_ids(tx, [row.actor_id for row in rows])
    there = [row for row in rows if row.actor_id in known_here and known_here[row.actor_id].state == "active"]
    accounts = presenting.accounts(tx, site, [known_here[row.actor_id] for row in there])
    return [membership(row, account) for row, account in zip(there, accounts, strict=True)]


class Whom(msgspec.Struct, kw_only=True):
    """Whom it is done to, and for `promote` and `demote` the role that they get."""

    account_ids: list[int] = msgspec.field(default_factory=list)
    role: str | None = None


async def kick(request: Request) -> Response:
    """POST /api/v1/groups/ID/kick: members are out, and may ask again."""
    site: Site = request.app.state.site
    asked, token = await arguments.read(request, Whom), bearer(request)

    def unit(tx: Tx) -> None:
        _, group, several = _managed(tx, request, token, asked)
        for actor in several:
            row = memberships.find(tx, group.id, actor.id)
            edge = follows.find(tx, actor.id, group.id)
            if edge is None or edge.state != "accepted":
                raise NotFound
            if row is not None and row.moderates:
                raise Forbidden("A moderator is dismissed first.", code="moderator")
            follow_actions.reject(tx, site, edge)

    await site.db.write(unit)
    return Json({})


async def promote(request: Request) -> Response:
    """POST /api/v1/groups/ID/promote: members become moderators (`role` admin or moderator)."""
    return await _appoint(request, up=True)


async def demote(request: Request) -> Response:
    """POST /api/v1/groups/ID/demote: moderators become members (`role` user)."""
    return await _appoint(request, up=False)


async def _appoint(request: Request, *, up: bool) -> Response:
    site: Site = request.app.state.site
    group_id = arguments.path_id(request)
    asked, token = await arguments.read(request, Whom), bearer(request)
    if role_asked(asked.role or ("admin" if up else "user")) != ("moderator" if up else "member"):
        raise Invalid("Validation failed: Role is not included in the list")

    def unit(tx: Tx) -> list[dict[str, Any]]:
        me = known(identify(tx, token, "write:groups")).me
        group = existing(tx, group_id)
        several = _accounts(tx, asked)
        for actor in several:
            (moderation.appoint if up else moderation.dismiss)(tx, site, me, group, actor)
        rows = [memberships.find(tx, group.id, actor.id) for actor in several]
        return _shown(tx, site, [row for row in rows if row is not None])

    return Json(await site.db.write(unit))


async def requests(request: Request) -> Response:
    """GET /api/v1/groups/ID/membership_requests: the accounts that wait, for its moderators."""
    site: Site = request.app.state.site
    page = arguments.query(request, Paging).page(40, 80)
    token = bearer(request)

    def unit(tx: Tx) -> tuple[list[Any], list[int]]:
        _, group = _of_moderator(tx, request, token, "read:groups")
        edges = follows.followers(
            tx,
            group.id,
            page.limit,
            state="pending",
            max_id=page.max_id,
            since_id=page.since_id,
            min_id=page.min_id,
        )
        found = actors.by_ids(tx, [edge.follower_id for edge in edges])
        there = [found[edge.follower_id] for edge in edges if edge.follower_id in found]
        shown = presenting.accounts(tx, site, [one for one in there if one.state == "active"])
        return shown, [edge.id for edge in edges]

    found, cursors = await site.db.read(unit)
    return Json(found, headers=links(request, cursors[0], cursors[-1]) if cursors else None)


async def authorize(request: Request) -> Response:
    """POST /api/v1/groups/ID/membership_requests/ACCOUNT/authorize."""
    return await _answer(request, accept=True)


async def reject(request: Request) -> Response:
    """POST /api/v1/groups/ID/membership_requests/ACCOUNT/reject."""
    return await _answer(request, accept=False)


async def _answer(request: Request, *, accept: bool) -> Response:
    site: Site = request.app.state.site
    account_id = arguments.path_id(request, "account_id")
    token = bearer(request)

    def unit(tx: Tx) -> None:
        _, group = _of_moderator(tx, request, token, "write:groups")
        edge = follows.find(tx, account_id, group.id)
        if edge is None or edge.state != "pending":
            raise NotFound
        if accept:
            follow_actions.accept(tx, site, edge)
        else:
            follow_actions.reject(tx, site, edge)

    await site.db.write(unit)
    return Json({})


async def bans(request: Request) -> Response:
    """GET /api/v1/groups/ID/blocks: who is banned, for its moderators."""
    site: Site = request.app.state.site
    page = arguments.query(request, Paging).page(40, 80)
    token = bearer(request)

    def unit(tx: Tx) -> tuple[list[Any], list[int]]:
        _, group = _of_moderator(tx, request, token, "read:groups")
        rows = memberships.page_of(tx, group.id, page, state="banned")
        found = actors.by_ids(tx, [row.actor_id for row in rows if actions.banned(site, row)])
        there = [found[row.actor_id] for row in rows if row.actor_id in found]
        return presenting.accounts(tx, site, there), [row.actor_id for row in rows]

    found, cursors = await site.db.read(unit)
    return Json(found, headers=links(request, cursors[0], cursors[-1]) if cursors else None)


async def ban(request: Request) -> Response:
    """POST /api/v1/groups/ID/blocks: out for good."""
    return await _ban(request, on=True)


async def unban(request: Request) -> Response:
    """DELETE /api/v1/groups/ID/blocks: they may join again."""
    return await _ban(request, on=False)


async def _ban(request: Request, *, on: bool) -> Response:
    site: Site = request.app.state.site
    asked, token = await arguments.read(request, Whom), bearer(request)

    def unit(tx: Tx) -> None:
        me, group, several = _managed(tx, request, token, asked)
        for actor in several:
            if on:
                moderation.ban(tx, site, me, group, actor, "", None, remove_posts=False)
            else:
                moderation.unban(tx, site, me, group, actor)

    await site.db.write(unit)
    return Json({})


def _of_moderator(tx: Tx, request: Request, token: str | None, scope: str) -> tuple[Actor, Actor]:
    """(caller, group) of the path, where the caller moderates it. Raises Forbidden for others."""
    me = known(identify(tx, token, scope)).me
    group = existing(tx, arguments.path_id(request))
    if not group.local or not actions.moderates(tx, me, group):
        raise Forbidden(f"Only moderators of {group.name} can do that, on its own server.", code="not-a-moderator")
    return me, group


def _managed(tx: Tx, request: Request, token: str | None, asked: Whom) -> tuple[Actor, Actor, list[Actor]]:
    return *_of_moderator(tx, request, token, "write:groups"), _accounts(tx, asked)


def _accounts(tx: Tx, asked: Whom) -> list[Actor]:
    """The accounts of a body, all of them there. Raises NotFound."""
    ids = list(dict.fromkeys(asked.account_ids))[:100]
    found = actors.by_ids(tx, ids)
    if not all(one in found and found[one].state == "active" and not found[one].is_group for one in ids):
        raise NotFound
    return [found[one] for one in ids]


ROUTES = [
    Route("/api/v1/groups/relationships", relationships),
    Route("/api/v1/groups/{id}/join", join, methods=["POST"]),
    Route("/api/v1/groups/{id}/leave", leave, methods=["POST"]),
    Route("/api/v1/groups/{id}/kick", kick, methods=["POST"]),
    Route("/api/v1/groups/{id}/promote", promote, methods=["POST"]),
    Route("/api/v1/groups/{id}/demote", demote, methods=["POST"]),
    Route("/api/v1/groups/{id}/memberships", members),
    Route("/api/v1/groups/{id}/membership_requests", requests),
    Route("/api/v1/groups/{id}/membership_requests/{account_id}/authorize", authorize, methods=["POST"]),
    Route("/api/v1/groups/{id}/membership_requests/{account_id}/reject", reject, methods=["POST"]),
    Route("/api/v1/groups/{id}/blocks", bans),
    Route("/api/v1/groups/{id}/blocks", ban, methods=["POST"]),
    Route("/api/v1/groups/{id}/blocks", unban, methods=["DELETE"]),
]
