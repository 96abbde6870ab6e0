"""GET of agreements and of the offers of them: told to the other party alone, by its signature. Nobody else learns that they are
there."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation.peering import agreement as documents
from fedi.context import Site
from fedi.errors import NotFound
from fedi.outbox.answers import Ready, door
from fedi.outbox.signed import viewer_of
from storage import agreement_events, agreements
from storage.agreements import AgreementRow
from storage.metadata import Tx


@door
async def agreement(request: Request) -> Response:
    """GET /peering/agreements/NUMBER/vVERSION: a version with the proofs that it has."""
    number, version = request.path_params["number"], request.path_params["version"]
    return await _told(request, f"/peering/agreements/{number}/{version}", offer=False)


@door
async def offer(request: Request) -> Response:
    """GET /peering/offers/NUMBER: the Offer of an agreement, as it was sent."""
    return await _told(request, f"/peering/offers/{request.path_params['number']}", offer=True)


async def _told(request: Request, path: str, *, offer: bool) -> Response:
    site: Site = request.app.state.site
    viewer = await viewer_of(request)
    host, iri = viewer.host, site.iri(path)
    if host is None or len(path) > 200:
        raise NotFound

    def read(tx: Tx) -> bytes:
        row = agreements.by_offer(tx, iri) if offer else agreements.by_iri(tx, iri)
        if row is None or row.host != host or row.state == "draft":
            raise NotFound
        return _sent(tx, row) if offer else _signed(row)

    return Ready(await site.db.read(read)).answer(request, private=True)


def _signed(row: AgreementRow) -> bytes:
    return msgspec.json.encode({**documents.read(row.document).document, "proof": row.proofs})


def _sent(tx: Tx, row: AgreementRow) -> bytes:
    events = agreement_events.of_agreement(tx, row.id)
    body = next((one.body for one in events if one.kind == "sent" and one.body is not None), None)
    if body is None:
        raise NotFound
    return body


ROUTES = [
    Route("/peering/agreements/{number:int}/{version}", agreement),
    Route("/peering/offers/{number:int}", offer),
]
