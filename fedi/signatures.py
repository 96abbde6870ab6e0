"""Signed requests as they come in: what a peer's POST or GET claims about who signed it, for this very instance."""

from collections.abc import Iterable

from starlette.requests import Request
from starlette.types import Scope

from federation.errors import BadSignature
from federation.hosts import Networks, hostname_of
from federation.signatures.verify import Claim, signature_of
from fedi.context import Site


def claim_of(request: Request) -> Claim:
    """What the signature of a request says; nothing is proven yet. Raises as `claim_in`."""
    site: Site = request.app.state.site
    return claim_in(site, request.method, target(request.scope), request.headers.raw)


def claim_in(site: Site, method: str, target: str, headers: Iterable[tuple[bytes, bytes]]) -> Claim:
    """What the signature of a request with these headers says, `target` as `target` gives it; nothing is proven yet.

    Raises as `federation.signatures.verify.signature_of`, and BadSignature for a request that was signed for another
    host: it may have been sent there, and be passed on to us by whoever got it.
    """
    claim = signature_of(method, target, headers)
    if claim.host != site.config.host and not _same_machine(site, claim.host):
        raise BadSignature(
            f"signed for the host {claim.host[:200]}, and this is {site.config.host}; "
            "a proxy in front of us must pass the Host header on as it came",
            code="wrong-host",
        )
    return claim


def _same_machine(site: Site, host: str) -> bool:
    """Whether `host` is another name of us on a private network (a laboratory, the demo), where one machine has several
    names and each instance a port of its own."""
    networks = Networks(site.config.federation.private_networks)
    name = hostname_of(host)
    local = name == "localhost" or name.endswith(".localhost") or networks.is_private(name)
    return bool(networks.private) and local and _port(host) == _port(site.config.host)


def _port(authority: str) -> str:
    return authority.rpartition("]")[2].rpartition(":")[2] if ":" in authority.rpartition("]")[2] else ""


def target(scope: Scope) -> str:
    """Path and query as they stood in the request line, since that is what was signed."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope.get("query_string", b"")
    return (path + (b"?" + query if query else b"")).decode("latin-1")
