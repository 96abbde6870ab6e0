"""Domain blocks of persons: servers of which the caller wants to see nothing (docs.joinmastodon.org/methods/domain_blocks)."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.actions import domain_blocks as actions
from fedi.callers import bearer, identify, known
from fedi.context import Site
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json
from fedi.mastodon.paging import Paging, links
from storage import domain_blocks
from storage.domain_blocks import DomainBlock
from storage.metadata import Tx


class Domain(msgspec.Struct, kw_only=True):
    """The parameter of all that is about one domain."""

    domain: str = ""


async def listed(request: Request) -> Response:
    """GET /api/v1/domain_blocks: the domains as strings, last blocked first."""
    site: Site = request.app.state.site
    page = arguments.query(request, Paging).page(100, 200)
    token = bearer(request)

    def unit(tx: Tx) -> list[DomainBlock]:
        me = known(identify(tx, token, "read:blocks")).me
        return domain_blocks.page_of(tx, me.id, page)

    found = await site.db.read(unit)
    headers = links(request, found[0].id, found[-1].id) if found else None
    return Json([one.domain for one in found], headers=headers)


async def preview(request: Request) -> Response:
    """GET /api/v1/domain_blocks/preview?domain=…: how many follows would end."""
    site: Site = request.app.state.site
    asked = arguments.query(request, Domain)
    token = bearer(request)

    def unit(tx: Tx) -> tuple[int, int]:
        me = known(identify(tx, token, "read:blocks")).me
        return domain_blocks.counts(tx, me.id, actions.normalised(asked.domain))

    following, followers = await site.db.read(unit)
    return Json({"following_count": following, "followers_count": followers})


async def block(request: Request) -> Response:
    """POST /api/v1/domain_blocks."""
    site: Site = request.app.state.site
    token = bearer(request)
    asked = await arguments.read(request, Domain)

    def unit(tx: Tx) -> None:
        me = known(identify(tx, token, "write:blocks", "follow")).me
        actions.block(tx, site, me, asked.domain)

    await site.db.write(unit)
    return Json({})


async def unblock(request: Request) -> Response:
    """DELETE /api/v1/domain_blocks, the domain in the query or the body; nothing when it was not blocked."""
    site: Site = request.app.state.site
    token = bearer(request)
    asked = await arguments.read(request, Domain)

    def unit(tx: Tx) -> None:
        actions.unblock(tx, known(identify(tx, token, "write:blocks", "follow")).me, asked.domain)

    await site.db.write(unit)
    return Json({})


ROUTES = [
    Route("/api/v1/domain_blocks", listed),
    Route("/api/v1/domain_blocks", block, methods=["POST"]),
    Route("/api/v1/domain_blocks", unblock, methods=["DELETE"]),
    Route("/api/v1/domain_blocks/preview", preview),
]
