"""Suggestions: whom one might follow (docs.joinmastodon.org/methods/suggestions); and the directory of who wants to be found."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import hiding
from fedi.callers import bearer, identify, known
from fedi.context import Site
from fedi.errors import NotFound
from fedi.mastodon import arguments, presenting
from fedi.mastodon.answers import Json
from storage import actors, endorsements, follows, suggestions
from storage.actors import Actor
from storage.metadata import Tx

_LEGACY = {"featured": "staff", "most_followed": "global"}
"""What was said for a source before 4.3; all others are of whom one dealt with before."""


class Suggested(msgspec.Struct, kw_only=True):
    """The query of GET /api/v2/suggestions."""

    limit: int = 40
    offset: int = 0


async def v2(request: Request) -> Response:
    """GET /api/v2/suggestions: each account with the reasons why it is here, those with most reasons first."""
    site: Site = request.app.state.site
    asked = arguments.query(request, Suggested)
    token = bearer(request)

    def unit(tx: Tx) -> list[dict[str, Any]]:
        several = found(tx, site, known(identify(tx, token, "read:accounts")).me, asked)
        shown = presenting.accounts(tx, site, [one for one, _ in several])
        return [
            {"source": _LEGACY.get(why[0], "past_interactions"), "sources": why, "account": account}
            for account, (_, why) in zip(shown, several, strict=True)
        ]

    return Json(await site.db.read(unit))


async def v1(request: Request) -> Response:
    """GET /api/v1/suggestions: the same accounts, without reasons."""
    site: Site = request.app.state.site
    asked = arguments.query(request, Suggested)
    token = bearer(request)

    def unit(tx: Tx) -> list[Any]:
        several = found(tx, site, known(identify(tx, token, "read:accounts")).me, asked)
        return presenting.accounts(tx, site, [one for one, _ in several])

    return Json(await site.db.read(unit))


def found(tx: Tx, site: Site, me: Actor, asked: Suggested) -> list[tuple[Actor, list[str]]]:
    """(account, reasons) for `me`: nobody who is followed or asked, hidden or dismissed, or does not want to be found."""
    limit, offset = max(1, min(asked.limit, 80)), max(0, min(asked.offset, 1000))
    reasons: dict[int, list[str]] = {}
    for one in suggestions.near(tx, me.id, 200):
        why = reasons.setdefault(one.actor_id, [])
        if one.source not in why:
            why.append(one.source)
    ids = list(reasons)
    out, _ = follows.between(tx, me.id, ids)
    unwanted = hiding.hidden(tx, me.id, site.clock())
    left_out = {me.id, *out, *endorsements.dismissed(tx, me.id)}
    there = suggestions.of(tx, ids)
    kept = [there[one] for one in ids if one in there and one not in left_out and unwanted.reads(there[one])]
    kept.sort(key=lambda one: -len(reasons[one.id]))
    return [(one, reasons[one.id]) for one in kept[offset : offset + limit]]


async def dismiss(request: Request) -> Response:
    """DELETE /api/v1/suggestions/ID: the account is not suggested to the caller again; done also when it never was."""
    site: Site = request.app.state.site
    account_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> None:
        me = known(identify(tx, token, "write:accounts")).me
        if actors.by_id(tx, account_id) is None:
            raise NotFound
        endorsements.dismiss(tx, me.id, account_id)

    await site.db.write(unit)
    return Json({})


class Directory(msgspec.Struct, kw_only=True):
    """The query of GET /api/v1/directory."""

    limit: int = 40
    offset: int = 0
    order: str = "active"
    local: bool = False


async def directory(request: Request) -> Response:
    """GET /api/v1/directory: people and groups who want to be found, last active first or the newest."""
    site: Site = request.app.state.site
    asked = arguments.query(request, Directory)
    token = bearer(request)
    limit, offset = max(1, min(asked.limit, 80)), max(0, min(asked.offset, 100_000))

    def unit(tx: Tx) -> list[Any]:
        caller = identify(tx, token, "read:accounts")
        person_id = caller.person.id if caller is not None and caller.person is not None else None
        unwanted = hiding.hidden(tx, person_id, site.clock())
        without = sorted(unwanted.blocked | unwanted.muted)
        new = asked.order == "new"
        listed = suggestions.directory(
            tx, new=new, local=asked.local, limit=limit, offset=offset, without=without, hosts=sorted(unwanted.domains)
        )
        return presenting.accounts(tx, site, listed)

    return Json(await site.db.read(unit))


ROUTES = [
    Route("/api/v1/suggestions", v1),
    Route("/api/v2/suggestions", v2),
    Route("/api/v1/suggestions/{id}", dismiss, methods=["DELETE"]),
    Route("/api/v1/directory", directory),
]
