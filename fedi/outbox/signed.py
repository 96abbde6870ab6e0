"""Who asks, when a peer signs its GET ("authorized fetch"): the viewer that the gate then asks about."""

from starlette.requests import Request

from federation.errors import BadSignature, FederationError, MissingSignature
from federation.hosts import host_of
from federation.signatures.verify import verify_get
from fedi import fetching, policy
from fedi.actions.refusing import problem as problem_of
from fedi.context import Site
from fedi.errors import Forbidden, Unauthenticated
from fedi.policy import Judged
from fedi.signatures import claim_of
from fedi.visibility import NOBODY, Viewer

OFTEN = (6, 12)
"""Refused requests of one host that are kept: so many a minute, so many at once."""


async def viewer_of(request: Request) -> Viewer:
    """The peer that signed this request, or NOBODY when it is not signed.

    Raises Unauthenticated (401) for a signature that is there and does not hold, and for none where the setting
    `federation.signed_fetch` wants one; Forbidden (403) for a host that policy refuses. The signer's key is fetched when it is not known; its owner's document is readable unsigned by
    every server that signs its fetches, so this does not go round in circles.
    """
    site: Site = request.app.state.site
    if "signature" not in request.headers and "authorization" not in request.headers:
        return _nobody(site)
    try:
        claim = claim_of(request)
    except MissingSignature:
        return _nobody(site)
    except FederationError as problem:
        raise Unauthenticated(problem.text, code=problem.code) from problem
    try:
        host = host_of(claim.key_id)
        judged = await _permitted(site, host)
        key = await fetching.key(site, claim.key_id)
        try:
            actor_iri = verify_get(claim, key, site.clock())
        except BadSignature:
            rotated = await fetching.rotated_key(site, claim.key_id)
            if rotated is None:
                raise
            actor_iri = verify_get(claim, rotated, site.clock())
    except FederationError as problem:
        raise Unauthenticated(problem.text, code=problem.code) from problem
    if judged.decision.policy:
        await _permitted(site, host, actor_iri)  # now that it is known who asks there
    return Viewer(host=host, actor_iri=actor_iri)


async def _permitted(site: Site, host: str, actor: str | None = None) -> Judged:
    """What policy says of answering a host (and an actor there). Raises Forbidden, which says why; some are kept."""
    judged = await site.db.read(lambda tx: policy.answering(tx, site, host, actor))
    if not policy.refuses(judged.decision):
        return judged
    if site.refusals.allow(f"answer {host}", *OFTEN, site.clock()):
        await site.db.write(lambda tx: policy.keep_judged(tx, site, judged))
    refused = Forbidden(judged.decision.text, code=judged.decision.code)
    refused.document = problem_of(site, judged.decision)
    raise refused


def _nobody(site: Site) -> Viewer:
    if site.config.federation.signed_fetch:
        raise Unauthenticated("this instance answers signed requests only", code="missing-signature")
    return NOBODY
