"""GET of what peers want to know when they try us, and of what we found when we tried others; signed questions only."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation.hosts import MAX_IRI
from federation.peering.probing import build_answer
from fedi.actions import canaries, probes
from fedi.actions.canaries import Canaries
from fedi.context import Site
from fedi.errors import Forbidden, NotFound, Problem, Unauthenticated
from fedi.outbox.answers import Ready, check_text, door
from fedi.outbox.signed import viewer_of
from storage import peers
from storage.metadata import Tx

PATH = "/peering/probing"


@door
async def probing(request: Request) -> Response:
    """GET /peering/probing?object=IRI: our canaries, and what they see of a canary, or of its post, of the server that asks.

    401 without a signature, 403 for who may not try us.
    """
    site: Site = request.app.state.site
    host = await _asker(request)
    asked = request.query_params.get("object")
    if asked is not None and len(check_text(asked)) > MAX_IRI:
        raise Problem("that is no address")
    refused = await site.db.read(partial(canaries.why_not, host=host))
    if refused is not None:
        raise Forbidden(refused, code="no-probes")
    ours = await canaries.ready(site)
    query = request.url.query
    iri = site.iri(f"{PATH}?{query}" if query else PATH)
    found = await site.db.read(lambda tx: _answer(tx, site, ours, host, asked, iri))
    return found.answer(request, private=True)


def _answer(tx: Tx, site: Site, ours: Canaries, host: str, asked: str | None, iri: str) -> Ready:
    return Ready(build_answer(iri, canaries.answer(tx, site, ours, host, asked), asked))


@door
async def report(request: Request) -> Response:
    """GET /peering/probes/HOST: what we found when we tried a peer, signed; to that peer and to agreed ones."""
    site: Site = request.app.state.site
    asker = await _asker(request)
    host = check_text(request.path_params["host"])

    def unit(tx: Tx) -> Ready:
        peer = peers.by_host(tx, asker)
        if asker != host and (peer is None or peer.stance != "agreed"):
            raise NotFound
        found = probes.report(tx, site, host)
        if found is None:
            raise NotFound
        return Ready(found)

    return (await site.db.read(unit)).answer(request, private=True)


async def _asker(request: Request) -> str:
    """The host that signed this question."""
    viewer = await viewer_of(request)
    if viewer.host is None:
        raise Unauthenticated("this is told to signed questions only", code="missing-signature")
    return viewer.host


ROUTES = [Route(PATH, probing), Route("/peering/probes/{host}", report)]
