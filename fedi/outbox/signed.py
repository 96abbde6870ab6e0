"""Who asks, when a peer signs its GET ("authorized fetch"): the viewer that the gate then asks about."""

from starlette.requests import Request

from federation.errors import BadSignature, FederationError, MissingSignature
from federation.hosts import host_of
from federation.policy import Verdict
from federation.signatures.verify import signature_of, verify_get
from fedi import fetching, policy
from fedi.context import Site
from fedi.errors import Forbidden, Unauthenticated
from fedi.visibility import NOBODY, Viewer
from storage import keys
from storage.metadata import Tx

_REFRESH = 5 * 60 * 1000


async def viewer_of(request: Request) -> Viewer:
    """The peer that signed this request, or NOBODY when it is not signed.

    Raises Unauthenticated (401) for a signature that is there and does not hold, and Forbidden (403) for a host that
    policy refuses. The signer's key is fetched when it is not known; its owner's document is readable unsigned by
    every server that signs its fetches, so this does not go round in circles.
    """
    if "signature" not in request.headers and "authorization" not in request.headers:
        return NOBODY
    site: Site = request.app.state.site
    try:
        claim = signature_of(request.method, target(request), request.headers.raw)
    except MissingSignature:
        return NOBODY
    except FederationError as problem:
        raise Unauthenticated(problem.text, code=problem.code) from problem
    try:
        host = host_of(claim.key_id)
        decision = await site.db.read(lambda tx: policy.fetching(tx, site, host))
        if decision.verdict is Verdict.REJECT:
            raise Forbidden(decision.text, code=decision.code)
        key = await fetching.key(site, claim.key_id)
        try:
            actor_iri = verify_get(claim, key, site.clock())
        except BadSignature:
            if not await site.db.read(lambda tx: _may_be_old(tx, claim.key_id, site.clock())):
                raise
            key = await fetching.key(site, claim.key_id, fresh=True)
            actor_iri = verify_get(claim, key, site.clock())
    except FederationError as problem:
        raise Unauthenticated(problem.text, code=problem.code) from problem
    return Viewer(host=host, actor_iri=actor_iri)


def _may_be_old(tx: Tx, key_id: str, now: int) -> bool:
    """Whether the key may have been changed since we read it. Bounded, or each bad signature would be a fetch."""
    row = keys.by_id(tx, key_id)
    return row is not None and (row.fetched_at is None or now - row.fetched_at > _REFRESH)


def target(request: Request) -> str:
    """Path and query as they stood in the request line, since that is what was signed."""
    path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope.get("query_string", b"")
    return (path + (b"?" + query if query else b"")).decode("latin-1")
