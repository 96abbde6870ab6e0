"""Following: follow and unfollow (of a group: join and leave), relationships, requests and their answers."""

import re
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.actions import follows as actions
from fedi.callers import bearer, identify, known
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from fedi.mastodon import arguments
from fedi.mastodon.accounts import existing
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.account import account
from fedi.mastodon.entities.relationship import Between, relationship
from fedi.mastodon.paging import Paging, links
from storage import account_notes, actors, blocks, domain_blocks, endorsements, follows, memberships, mutes
from storage.actors import Actor
from storage.follows import Follow
from storage.metadata import Tx

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,3}")
_LANGUAGES = 200


class Following(msgspec.Struct, kw_only=True):
    """The body of POST /api/v1/accounts/ID/follow; what is left out stays as it is."""

    reblogs: bool | None = None
    notify: bool | None = None
    languages: list[str] | None = None


async def follow(request: Request) -> Response:
    """POST /api/v1/accounts/ID/follow. `requested` until the other side, or a group's moderator, agrees.

    A server that asks nobody agrees in a moment, so this answer alone says `following` of its account already, as Mastodon's
    does: clients ask no second time.
    """
    site: Site = request.app.state.site
    account_id = arguments.path_id(request)
    token = bearer(request)
    asked = await arguments.read(request, Following)
    chosen = _languages(asked.languages or [])

    def unit(tx: Tx) -> dict[str, Any]:
        me = known(identify(tx, token, "write:follows")).me
        target = existing(tx, account_id)
        now = follows.find(tx, me.id, target.id)
        reblogs = asked.reblogs if asked.reblogs is not None else now is None or now.reblogs
        notify = asked.notify if asked.notify is not None else now is not None and now.notify
        languages = chosen if asked.languages is not None or now is None else now.languages
        actions.follow(tx, site, me, target, reblogs=reblogs, notify=notify, languages=languages)
        answer = standing(tx, me, [target.id], site.clock())[0]
        if answer["requested"] and now is None and not target.local and not target.approves_followers:
            answer |= {"following": True, "requested": False}
        return answer

    return Json(await site.db.write(unit))


def _languages(given: list[str]) -> list[str] | None:
    """The languages of which posts are wanted; None for all. Raises Invalid for what can't be one."""
    wanted = list(dict.fromkeys(one.strip() for one in given if one.strip()))
    if len(wanted) > _LANGUAGES or any(not _LANGUAGE.fullmatch(one) for one in wanted):
        raise Invalid("Validation failed: Languages is invalid")
    return wanted or None


async def unfollow(request: Request) -> Response:
    """POST /api/v1/accounts/ID/unfollow; also takes a request back."""
    site: Site = request.app.state.site
    account_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        me = known(identify(tx, token, "write:follows")).me
        target = actors.by_id(tx, account_id)
        if target is None:
            raise NotFound
        actions.unfollow(tx, site, me, target)
        return standing(tx, me, [target.id], site.clock())[0]

    return Json(await site.db.write(unit))


async def remove_from_followers(request: Request) -> Response:
    """POST /api/v1/accounts/ID/remove_from_followers: it follows the caller no more."""
    site: Site = request.app.state.site
    account_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        me = known(identify(tx, token, "write:follows")).me
        if actors.by_id(tx, account_id) is None:
            raise NotFound
        edge = follows.find(tx, account_id, me.id)
        if edge is not None:
            actions.reject(tx, site, edge)
        return standing(tx, me, [account_id], site.clock())[0]

    return Json(await site.db.write(unit))


class Relationships(msgspec.Struct, kw_only=True):
    """The query of GET /api/v1/accounts/relationships."""

    id: list[int] = msgspec.field(default_factory=list)
    with_suspended: bool = False


async def relationships(request: Request) -> Response:
    """GET /api/v1/accounts/relationships?id[]=…, in the order asked for; ids of no account are left out, and of suspended
    ones unless they are asked for."""
    site: Site = request.app.state.site
    asked = arguments.query(request, Relationships)
    ids = list(dict.fromkeys(asked.id))[:200]
    states = ("active", "suspended") if asked.with_suspended else ("active",)
    token = bearer(request)

    def unit(tx: Tx) -> list[dict[str, Any]]:
        me = known(identify(tx, token, "read:follows")).me
        there = actors.by_ids(tx, ids)
        return standing(tx, me, [one for one in ids if one in there and there[one].state in states], site.clock())

    return Json(await site.db.read_quickly(unit))


def standing(tx: Tx, me: Actor, ids: list[int], now: int) -> list[dict[str, Any]]:
    """The Relationship of `me` to each of these accounts, at `now` ms."""
    out, back = follows.between(tx, me.id, ids)
    banned = {row.group_id for row in memberships.of_actor(tx, me.id, "banned")}
    blocking, blocked_by = blocks.between(tx, me.id, ids)
    muted = mutes.among(tx, me.id, ids, now)
    domains = domain_blocks.of_person(tx, me.id)
    there = actors.by_ids(tx, ids) if domains else {}
    shunned = {one for one, actor in there.items() if not actor.local and {actor.host, actor.domain} & set(domains)}
    endorsed = endorsements.among(tx, me.id, ids)
    notes = account_notes.among(tx, me.id, ids)
    return [
        relationship(
            one,
            Between(
                out.get(one),
                back.get(one),
                one in blocking,
                one in blocked_by or one in banned,
                muted.get(one),
                one in shunned,
                one in endorsed,
                notes.get(one, ""),
            ),
        )
        for one in ids
    ]


async def requests(request: Request) -> Response:
    """GET /api/v1/follow_requests: who asked to follow the caller, or to join a group that the caller moderates."""
    site: Site = request.app.state.site
    page = arguments.query(request, Paging).page(40, 80)
    token = bearer(request)

    def unit(tx: Tx) -> tuple[list[Actor], list[int]]:
        me = known(identify(tx, token, "read:follows")).me
        edges: list[Follow] = []
        for target in _answers_for(tx, me):
            edges += follows.followers(
                tx, target, page.limit, state="pending", max_id=page.max_id, since_id=page.since_id, min_id=page.min_id
            )
        edges.sort(key=lambda edge: edge.id, reverse=page.min_id is None)
        edges = sorted(edges[: page.limit], key=lambda edge: edge.id, reverse=True)
        found = actors.by_ids(tx, [edge.follower_id for edge in edges])
        shown = [found[one] for one in dict.fromkeys(edge.follower_id for edge in edges) if one in found]
        return [one for one in shown if one.state == "active"], [edge.id for edge in edges]

    shown, cursors = await site.db.read(unit)
    headers = links(request, cursors[0], cursors[-1]) if cursors else None
    return Json([account(site.config.origin, one) for one in shown], headers=headers)


def _answers_for(tx: Tx, me: Actor) -> list[int]:
    """Whose requests `me` answers: their own, and those of the groups they moderate here."""
    moderated = [row.group_id for row in memberships.of_actor(tx, me.id) if row.moderates]
    hosted = [one.id for one in actors.by_ids(tx, moderated).values() if one.local]
    return [me.id, *hosted]


async def authorize(request: Request) -> Response:
    """POST /api/v1/follow_requests/ID/authorize: let the account follow, or join."""
    return await _answer(request, accept=True)


async def reject(request: Request) -> Response:
    """POST /api/v1/follow_requests/ID/reject."""
    return await _answer(request, accept=False)


async def _answer(request: Request, *, accept: bool) -> Response:
    site: Site = request.app.state.site
    account_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        me = known(identify(tx, token, "write:follows")).me
        edges = [follows.find(tx, account_id, target) for target in _answers_for(tx, me)]
        # Clients name the account alone: whoever asked for several groups at once is answered one by one, oldest first.
        waiting = sorted(
            (edge for edge in edges if edge is not None and edge.state == "pending"), key=lambda edge: edge.id
        )
        if not waiting:
            raise NotFound
        if accept:
            actions.accept(tx, site, waiting[0])
        else:
            actions.reject(tx, site, waiting[0])
        return standing(tx, me, [account_id], site.clock())[0]

    return Json(await site.db.write(unit))


ROUTES = [
    Route("/api/v1/accounts/relationships", relationships),
    Route("/api/v1/accounts/{id}/follow", follow, methods=["POST"]),
    Route("/api/v1/accounts/{id}/unfollow", unfollow, methods=["POST"]),
    Route("/api/v1/accounts/{id}/remove_from_followers", remove_from_followers, methods=["POST"]),
    Route("/api/v1/follow_requests", requests),
    Route("/api/v1/follow_requests/{id}/authorize", authorize, methods=["POST"]),
    Route("/api/v1/follow_requests/{id}/reject", reject, methods=["POST"]),
]
