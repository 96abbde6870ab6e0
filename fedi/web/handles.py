"""Whom the address of a page names: `/groups/NAME`, `/@NAME` and `/@NAME@DOMAIN`."""

from starlette.requests import Request

from fedi.context import Site
from fedi.errors import NotFound
from fedi.languages import N_, _
from storage import actors, peers
from storage.actors import Actor
from storage.metadata import Tx

NOBODY = N_("There is nobody of this name here. The name may be misspelt, or the account is gone.")
NO_GROUP = N_("There is no group of this name here.")


def of_handle(tx: Tx, site: Site, handle: str) -> Actor | None:
    """The active actor that is known here by `name` or `name@domain`; no one of a blocked host."""
    name, _at, domain = handle.partition("@")
    if domain == site.config.host:
        domain = site.config.handle_domain
    found = actors.by_name(tx, name, domain or site.config.handle_domain)
    if found is None or found.state != "active" or found.kind == "Application":
        return None
    peer = peers.by_host(tx, found.host)
    return None if peer is not None and peer.stance == "blocked" else found


async def local_group(request: Request) -> Actor:
    """The group of this instance that the path names (`name`). Raises NotFound."""
    site: Site = request.app.state.site
    name: str = request.path_params["name"]
    found = await site.db.read(lambda tx: actors.by_name(tx, name, site.config.handle_domain))
    if found is None or not found.local or not found.is_group or found.state != "active":
        raise NotFound(_(NO_GROUP))
    return found


async def group_of(request: Request) -> Actor:
    """The group that the path names, here (`name`) or elsewhere (`handle`). Raises NotFound."""
    if "handle" not in request.path_params:
        return await local_group(request)
    site: Site = request.app.state.site
    handle: str = request.path_params["handle"]
    found = await site.db.read(lambda tx: of_handle(tx, site, handle))
    if found is None or not found.is_group:
        raise NotFound(_(NO_GROUP))
    return found
