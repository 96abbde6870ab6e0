"""How others find us: WebFinger, host-meta and NodeInfo. Every website may read these (CORS `*`)."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation.errors import FederationError
from federation.nodeinfo import SCHEMA, build_index, build_nodeinfo
from federation.webfinger import JRD, build_answer, build_host_meta, split_handle
from fedi import VERSION
from fedi.context import Site
from fedi.errors import NotFound, Problem
from fedi.outbox.answers import Ready, Terms, check_text, door
from fedi.outbox.ready import answered, ready
from storage import actors, people, posts
from storage.actors import Actor
from storage.metadata import Tx

INTENTS = ("Object", "Follow")
"""What the page `/authorize_interaction` does with an address, in FEP-3b86's words: show it, follow it."""

_WEBFINGER_TERMS = Terms(JRD, seconds=3600, private=False, vary="Accept-Encoding", cors=True)
_DAY = 24 * 3600 * 1000
_MONTH = 30 * _DAY
_HALF_YEAR = 180 * _DAY


@door
async def webfinger(request: Request) -> Response:
    """RFC 7033: the actor behind `acct:name@domain`, or behind the address of a person, a group or this instance.

    400 without a resource, 404 for whom we don't have, 410 for whom we had.
    """
    resource = request.query_params.get("resource", "").strip()
    if not resource:
        raise Problem("say whom you look for: ?resource=acct:name@domain", code="no-resource")
    check_text(resource)
    return await answered(
        request, f"webfinger {resource}", lambda tx, site: _answer(tx, site, resource), _WEBFINGER_TERMS
    )


def _answer(tx: Tx, site: Site, resource: str) -> Ready:
    actor = _find(tx, site, resource)
    if actor is None or not actor.local or actor.state in ("suspended", "pending"):
        raise NotFound("nobody of that name is here")
    if actor.state == "gone":
        raise Problem("whoever had this name is gone", code="gone", status=410)
    # Who has an account here is led here to do what a page elsewhere offers: follow, answer, join.
    arrive = site.iri("/authorize_interaction?uri=") if actor.kind in ("Person", "Service") else None
    return Ready(
        build_answer(
            username=actor.username,
            domain=actor.domain,
            actor_iri=actor.iri,
            page=actor.url,
            subscribe=None if arrive is None else arrive + "{uri}",
            intents=None if arrive is None else dict.fromkeys(INTENTS, arrive + "{object}"),
            icon=(actor.icon, _image_type(actor.icon)) if actor.icon else None,
        )
    )


def _find(tx: Tx, site: Site, resource: str) -> Actor | None:
    if resource.startswith(("https://", "http://")):
        if resource.rstrip("/") == site.config.origin:
            return actors.by_iri(tx, site.instance_iri)  # FEP-d556
        name = resource.removeprefix(site.config.origin + "/@")
        if name != resource:
            return actors.by_name(tx, name.partition("@")[0], site.config.handle_domain)
        return actors.by_iri(tx, resource)
    try:
        username, domain = split_handle(resource)
    except FederationError:
        return None
    if domain not in (site.config.handle_domain, site.config.host):
        return None
    if username == site.config.host:
        return actors.by_iri(tx, site.instance_iri)
    return actors.by_name(tx, username, site.config.handle_domain)


def _image_type(url: str) -> str:
    ending = url.rpartition(".")[2].lower()
    return {"png": "image/png", "webp": "image/webp", "gif": "image/gif", "svg": "image/svg+xml"}.get(
        ending, "image/jpeg"
    )


async def host_meta(request: Request) -> Response:
    """RFC 6415 in XML, which old peers ask for before WebFinger."""
    site: Site = request.app.state.site
    found = Ready(build_host_meta(site.config.origin).encode())
    return found.answer(request, media_type="application/xrd+xml", seconds=86400, vary="Accept-Encoding", cors=True)


async def nodeinfo_index(request: Request) -> Response:
    """Where NodeInfo is, in both versions, and the instance's own actor (FEP-2677)."""
    site: Site = request.app.state.site
    document = build_index(site.config.origin, site.instance_iri)
    if not any(link["rel"] == f"{SCHEMA}2.0" for link in document["links"]):
        document["links"].append({"rel": f"{SCHEMA}2.0", "href": site.iri("/nodeinfo/2.0")})
    return Ready(document).answer(
        request, media_type="application/json", seconds=3600, vary="Accept-Encoding", cors=True
    )


async def nodeinfo(request: Request) -> Response:
    """NodeInfo 2.0 or 2.1: what runs here, and counts of people and posts."""
    version = request.path_params["version"]
    if version not in ("2.0", "2.1"):
        return Response(b'{"error":"Not found"}', 404, {"access-control-allow-origin": "*"}, "application/json")
    found = await ready(request, f"nodeinfo {version}", lambda tx, site: _nodeinfo(tx, site, version))
    media_type = f'application/json; profile="{SCHEMA}{version}#"'
    return found.answer(request, media_type=media_type, seconds=1800, vary="Accept-Encoding", cors=True)


def _nodeinfo(tx: Tx, site: Site, version: str) -> Ready:
    now = site.clock()
    total, month = people.totals(tx, now - _MONTH)
    _, half_year = people.totals(tx, now - _HALF_YEAR)
    written, comments = posts.local_totals(tx)
    document = build_nodeinfo(
        version=VERSION,
        open_registrations=site.config.registrations == "open",
        users=total,
        active_month=month,
        active_half_year=half_year,
        posts=written,
        comments=comments,
        # megalodon throws at a name it does not know, unless this says whose client API it finds.
        metadata={
            "nodeName": site.config.name,
            "nodeDescription": site.config.description,
            "upstream": {"name": "Mastodon"},
        }
        | ({"ror": site.config.ror} if site.config.ror else {}),
    )
    if version == "2.0":
        document["version"] = "2.0"
        for name in ("repository", "homepage"):  # words of 2.1
            document["software"].pop(name, None)
    return Ready(document)


ROUTES = [
    Route("/.well-known/webfinger", webfinger),
    Route("/.well-known/host-meta", host_meta),
    Route("/.well-known/nodeinfo", nodeinfo_index),
    Route("/nodeinfo/{version}", nodeinfo),
]
