"""The admin API for moderators' tools: how this instance stands to hosts, and lists that it does not keep.

A blocked domain (`suspend`) is a peer that is blocked, a limited one (`silence`) one that is limited, an allowed one one
with an agreement, as `fedi peer list` shows them. One host has one stance, for whatever reason it got it.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation.errors import FederationError
from federation.hosts import host_of
from fedi.actions import staff as actions
from fedi.callers import bearer
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from fedi.mastodon import arguments
from fedi.mastodon.admin import staff
from fedi.mastodon.answers import Json
from fedi.mastodon.door import Endpoint
from fedi.mastodon.entities.admin import SEVERITIES, domain_allow, domain_block, host_id
from storage import peers
from storage.metadata import Tx
from storage.peers import Peer

_STANCES = {severity: stance for stance, severity in SEVERITIES.items()}


class Listing(msgspec.Struct, kw_only=True):
    """The query of the lists, which come whole."""

    limit: int | None = None


class Block(msgspec.Struct, kw_only=True):
    """The body of POST and PUT of a block. The reason is public; media, reports and names follow from the severity."""

    domain: str = ""
    severity: str | None = None
    public_comment: str | None = None
    private_comment: str | None = None


class Allow(msgspec.Struct, kw_only=True):
    """The body of POST of an allow."""

    domain: str


def _host(text: str) -> str:
    try:
        return host_of(f"https://{text.strip()}")
    except FederationError as problem:
        raise Invalid("Validation failed: Domain is not a valid domain name", code="domain") from problem


def _listing(
    kind: str, stances: tuple[str, ...], entity: Callable[[Peer], dict[str, Any]]
) -> tuple[Endpoint, Endpoint]:
    """(the list, one of it) of hosts with these stances."""

    async def index(request: Request) -> Response:
        site: Site = request.app.state.site
        token = bearer(request)
        asked = arguments.query(request, Listing)

        def unit(tx: Tx) -> list[Peer]:
            staff(tx, token, f"admin:read:{kind}", admin=True)
            return peers.with_stance(tx, stances)

        found = await site.db.read(unit)
        return Json([entity(one) for one in found[: asked.limit if asked.limit and asked.limit > 0 else None]])

    async def show(request: Request) -> Response:
        site: Site = request.app.state.site
        token = bearer(request)

        def unit(tx: Tx) -> Peer:
            staff(tx, token, f"admin:read:{kind}", admin=True)
            return _one(tx, request.path_params["id"], stances)

        return Json(entity(await site.db.read(unit)))

    return index, show


def _one(tx: Tx, wanted: str, stances: tuple[str, ...]) -> Peer:
    for peer in peers.with_stance(tx, stances):
        if host_id(peer.host) == wanted:
            return peer
    raise NotFound


def _forgetting(kind: str, stances: tuple[str, ...]) -> Endpoint:
    """DELETE: the host is like any other again."""

    async def forget(request: Request) -> Response:
        site: Site = request.app.state.site
        token = bearer(request)

        def unit(tx: Tx) -> None:
            me = staff(tx, token, f"admin:write:{kind}", admin=True).me
            actions.stance(tx, site, me, _one(tx, request.path_params["id"], stances).host, "none", None)

        await site.db.write(unit)
        return Json({})

    return forget


def _stance(severity: str) -> str:
    if severity not in _STANCES:
        raise Invalid("Validation failed: Severity is suspend or silence", code="severity")
    return _STANCES[severity]


async def block(request: Request) -> Response:
    """POST /api/v1/admin/domain_blocks. 422 for a host that is blocked or limited already: that is changed by PUT."""
    site: Site = request.app.state.site
    token = bearer(request)
    await site.db.read(lambda tx: staff(tx, token, "admin:write:domain_blocks", admin=True))
    asked = await arguments.read(request, Block)
    if not asked.domain.strip():
        raise Invalid("Validation failed: Domain can't be blank", code="domain")
    host, stance = _host(asked.domain), _stance(asked.severity or "silence")

    def unit(tx: Tx) -> Peer:
        me = staff(tx, token, "admin:write:domain_blocks", admin=True).me
        known = peers.by_host(tx, host)
        if known is not None and known.stance in SEVERITIES:
            raise Invalid("Validation failed: Domain has already been taken", code="taken")
        return actions.stance(tx, site, me, host, stance, asked.public_comment or asked.private_comment)

    return Json(domain_block(await site.db.write(unit)))


async def change(request: Request) -> Response:
    """PUT /api/v1/admin/domain_blocks/ID."""
    site: Site = request.app.state.site
    token = bearer(request)
    await site.db.read(lambda tx: staff(tx, token, "admin:write:domain_blocks", admin=True))
    asked = await arguments.read(request, Block)

    def unit(tx: Tx) -> Peer:
        me = staff(tx, token, "admin:write:domain_blocks", admin=True).me
        known = _one(tx, request.path_params["id"], tuple(SEVERITIES))
        stance = known.stance if asked.severity is None else _stance(asked.severity)
        comment = asked.public_comment if asked.public_comment is not None else asked.private_comment
        return actions.stance(tx, site, me, known.host, stance, known.reason if comment is None else comment)

    return Json(domain_block(await site.db.write(unit)))


async def allow(request: Request) -> Response:
    """POST /api/v1/admin/domain_allows: an agreement with a host; again is the same. 422 for a blocked or limited one."""
    site: Site = request.app.state.site
    token = bearer(request)
    await site.db.read(lambda tx: staff(tx, token, "admin:write:domain_allows", admin=True))
    host = _host((await arguments.read(request, Allow)).domain)

    def unit(tx: Tx) -> Peer:
        me = staff(tx, token, "admin:write:domain_allows", admin=True).me
        known = peers.by_host(tx, host)
        if known is not None and known.stance in SEVERITIES:
            raise Invalid("This domain is blocked or limited; take that back first", code="blocked")
        if known is not None and known.stance == "agreed":
            return known
        return actions.stance(tx, site, me, host, "agreed", None)

    return Json(domain_allow(await site.db.write(unit)))


_blocks, _block = _listing("domain_blocks", tuple(SEVERITIES), domain_block)
_allows, _allow = _listing("domain_allows", ("agreed",), domain_allow)

ROUTES = [
    Route("/api/v1/admin/domain_blocks", _blocks),
    Route("/api/v1/admin/domain_blocks", block, methods=["POST"]),
    Route("/api/v1/admin/domain_blocks/{id}", _block),
    Route("/api/v1/admin/domain_blocks/{id}", change, methods=["PUT"]),
    Route("/api/v1/admin/domain_blocks/{id}", _forgetting("domain_blocks", tuple(SEVERITIES)), methods=["DELETE"]),
    Route("/api/v1/admin/domain_allows", _allows),
    Route("/api/v1/admin/domain_allows", allow, methods=["POST"]),
    Route("/api/v1/admin/domain_allows/{id}", _allow),
    Route("/api/v1/admin/domain_allows/{id}", _forgetting("domain_allows", ("agreed",)), methods=["DELETE"]),
]
