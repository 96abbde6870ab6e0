"""Accounts: show, look up, search, their statuses. Who follows them is in `followers`, following in `follows`, one's own in
`profiles`."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation.peering.probing import NAMES as CANARIES
from fedi import searching, visibility
from fedi.callers import bearer, identify, known
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from fedi.mastodon import arguments, presenting
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.account import account
from fedi.visibility import Viewer
from storage import actors
from storage.actors import Actor
from storage.metadata import Tx

SHOWN = ("active", "suspended")
"""States of the accounts that clients can ask for; of the second only who it is."""


def existing(tx: Tx, account_id: int) -> Actor:
    """The account with this id. Raises NotFound for one that is suspended, gone or never was."""
    found = actors.by_id(tx, account_id)
    if found is None or found.state != "active":
        raise NotFound
    return found


def there(tx: Tx, account_id: int) -> Actor:
    """The account with this id, also when it is suspended: clients show that, and nothing else of it (Mastodon). Raises
    NotFound for one that is gone, waits for approval or never was."""
    found = actors.by_id(tx, account_id)
    if found is None or found.state not in SHOWN:
        raise NotFound
    return found


async def show(request: Request) -> Response:
    """GET /api/v1/accounts/ID."""
    site: Site = request.app.state.site
    account_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> Any:
        identify(tx, token, "read:accounts")
        return presenting.accounts(tx, site, [there(tx, account_id)])[0]

    return Json(await site.db.read_quickly(unit))


class Several(msgspec.Struct, kw_only=True):
    """The query of endpoints that take account ids."""

    id: list[int] = msgspec.field(default_factory=list)


async def several(request: Request) -> Response:
    """GET /api/v1/accounts?id[]=…: up to 40 accounts; ids of none are left out."""
    site: Site = request.app.state.site
    ids = list(dict.fromkeys(arguments.query(request, Several).id))
    if len(ids) > 40:
        raise Invalid("Validation failed: At most 40 ids")
    token = bearer(request)

    def unit(tx: Tx) -> list[Any]:
        identify(tx, token, "read:accounts")
        found = actors.by_ids(tx, ids)
        return presenting.accounts(tx, site, [found[one] for one in ids if one in found and found[one].state in SHOWN])

    return Json(await site.db.read(unit))


class Lookup(msgspec.Struct, kw_only=True):
    """The query of GET /api/v1/accounts/lookup."""

    acct: str


async def lookup(request: Request) -> Response:
    """GET /api/v1/accounts/lookup?acct=name@host: an account that is known here, without asking its server."""
    site: Site = request.app.state.site
    username, _, domain = arguments.query(request, Lookup).acct.strip().lstrip("@!").partition("@")
    domain = domain.lower()
    if domain in ("", site.config.host):
        domain = site.config.handle_domain
    token = bearer(request)

    def unit(tx: Tx) -> Any:
        identify(tx, token, "read:accounts")
        found = actors.by_name(tx, username, domain)
        if found is None or found.state not in SHOWN or _is_canary(found):
            raise NotFound
        return presenting.accounts(tx, site, [found])[0]

    return Json(await site.db.read_quickly(unit))


def _is_canary(actor: Actor) -> bool:
    """Whether an actor is one by which institutions try each other, which is nobody's account."""
    return actor.kind == "Application" and actor.username in CANARIES


class Search(msgspec.Struct, kw_only=True):
    """The query of GET /api/v1/accounts/search."""

    q: str = ""
    limit: int = 40
    offset: int = 0
    resolve: bool = False
    following: bool = False


async def search(request: Request) -> Response:
    """GET /api/v1/accounts/search: accounts whose name or handle matches; with `resolve`, one more from its server."""
    site: Site = request.app.state.site
    asked = arguments.query(request, Search)
    token = bearer(request)
    me = (await site.db.read(lambda tx: known(identify(tx, token, "read:accounts", "read:search")))).me
    limit, offset = max(1, min(asked.limit, 80)), max(asked.offset, 0)
    remote = await searching.resolve(site, me.id, asked.q) if asked.resolve and offset == 0 else None

    def unit(tx: Tx) -> list[Actor]:
        found = searching.accounts(tx, site, me.id, asked.q, limit, offset, following=asked.following)
        if isinstance(remote, Actor) and remote.state == "active" and not asked.following:
            found = [remote, *(one for one in found if one.id != remote.id)][:limit]
        return found

    return Json([account(site.config.origin, one) for one in await site.db.read(unit)])


def may_know(tx: Tx, looks: Viewer, several: list[Actor]) -> list[Actor]:
    """Those of these of whose followers the viewer may know: who is in a group that is not for everyone is known to those who
    may see into it alone."""
    several_groups = [one for one in several if one.is_group]
    seen = visibility.groups_seen(tx, looks, several_groups) if several_groups else set()
    return [one for one in several if not one.is_group or one.id in seen]


async def nothing_of(request: Request) -> Response:
    """Tabs of a profile that stay empty here: featured tags, endorsements, lists it is in, proofs."""
    site: Site = request.app.state.site
    account_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> None:
        identify(tx, token)
        existing(tx, account_id)

    await site.db.read(unit)
    return Json([])


_EMPTY = ("identity_proofs",)

ROUTES = [
    Route("/api/v1/accounts", several),
    Route("/api/v1/accounts/lookup", lookup),
    Route("/api/v1/accounts/search", search),
    Route("/api/v1/accounts/{id}", show),
    *(Route(f"/api/v1/accounts/{{id}}/{name}", nothing_of) for name in _EMPTY),
]
