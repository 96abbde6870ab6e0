"""Asking an OpenID provider: what it says of itself (OpenID Connect Discovery), its keys, and a code for who somebody is
(OpenID Connect Core, code flow with PKCE, RFC 7636). Whatever goes wrong is a `ProviderError` whose text says what to do.
"""

import base64
import hashlib
import logging
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from starlette.requests import Request

from federation.errors import FederationError
from federation.fields import Json
from federation.signatures import id_tokens, jws
from fedi.context import Site
from fedi.errors import Problem
from fedi.languages import N_, _

log = logging.getLogger(__name__)

KEPT = 3600 * 1000
"""Ms for which what the provider says of itself is believed; keys that don't fit are asked for anew, once a minute."""
_AGAIN = 60 * 1000
SILENT = N_("The log-in of your institution gives no answer. Try again in some minutes.")
REFUSED = N_("The log-in of your institution answered something that does not fit. Begin again.")


@dataclass(slots=True)
class Provider:
    """What one process knows of the provider; `at` and `keys_at` in ms."""

    issuer: str
    document: Json
    at: int
    keys: list[Json] = field(default_factory=list)
    keys_at: int = 0


def refused(why: object, text: str = REFUSED) -> Problem:
    """What the person is told; operators find the cause in the log."""
    log.warning("the institution's log-in: %s", why)
    return Problem(_(text), status=502, code="provider")


class Unfit(Exception):
    """The provider is silent, or says of itself what can't be used; the text is for operators, `told` for people."""

    def __init__(self, why: object, told: str = REFUSED) -> None:
        super().__init__(str(why))
        self.told = told


async def read(site: Site) -> Provider:
    """What the provider of the settings says of itself. Raises Unfit."""
    issuer = site.config.sso.issuer
    try:
        document = await site.client.ask_service(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    except FederationError as problem:
        raise Unfit(problem, SILENT) from problem
    said = document.get("issuer") if isinstance(document, dict) else None
    if not isinstance(document, dict) or said != issuer:
        raise Unfit(f"its configuration is of the issuer {str(said)[:200]!r}, not of {issuer!r}")  # Discovery 4.3
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        if not _fits(issuer, document.get(name)):
            raise Unfit(f"its {name} is no address that can be asked")
    return Provider(issuer, document, site.clock())


async def provider(request: Request) -> Provider:
    """The same, from memory where it was read lately. Raises Problem (502)."""
    site: Site = request.app.state.site
    state, now = request.app.state, site.clock()
    known: Provider | None = getattr(state, "provider", None)
    if known is not None and known.issuer == site.config.sso.issuer and 0 <= now - known.at < KEPT:
        return known
    try:
        made = await read(site)
    except Unfit as problem:
        raise refused(problem, problem.told) from problem
    state.provider = made
    return made


def _fits(issuer: str, address: object) -> bool:
    """Whether an address that the provider names may be asked: https, where the provider itself is."""
    if not isinstance(address, str) or len(address) > 2000:
        return False
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and issuer.startswith("http:")))


def challenge(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def address(site: Site, known: Provider, *, state: str, nonce: str, verifier: str) -> str:
    """Where the browser goes to."""
    asked = {
        "response_type": "code",
        "client_id": site.config.sso.client_id,
        "redirect_uri": site.iri("/login/sso/back"),
        "scope": " ".join(site.config.sso.scopes),
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
    }
    endpoint = str(known.document["authorization_endpoint"])
    return endpoint + ("&" if "?" in endpoint else "?") + urlencode(asked)


async def claims_for(request: Request, known: Provider, code: str, *, nonce: str, verifier: str) -> Json:
    """Who the code is for: the claims of the ID token, with those of userinfo where the provider has that. Raises Problem."""
    site: Site = request.app.state.site
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": site.iri("/login/sso/back"),
        "code_verifier": verifier,
        "client_id": site.config.sso.client_id,
    }
    try:
        answer = await _exchange(site, known, form)
        token, access = answer.get("id_token"), answer.get("access_token")
        if not isinstance(token, str):
            raise refused("its answer has no id_token")
        claims = await _verified(request, known, token, nonce)
        if isinstance(access, str) and _fits(known.issuer, known.document.get("userinfo_endpoint")):
            more = await site.client.ask_service(
                str(known.document["userinfo_endpoint"]), authorization=f"Bearer {access}"
            )
            if not isinstance(more, dict) or more.get("sub") != claims["sub"]:
                raise refused("its userinfo is of somebody else (Core section 5.3.2)")
            claims = more | claims
    except FederationError as problem:
        raise refused(problem) from problem
    return claims


async def _exchange(site: Site, known: Provider, form: dict[str, str]) -> dict[str, Any]:
    secret, authorization = site.config.sso.client_secret, ""
    ways = known.document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    if secret and isinstance(ways, list) and "client_secret_basic" not in ways and "client_secret_post" in ways:
        form["client_secret"] = secret
    elif secret:
        # Both are percent-encoded before they are joined (RFC 6749 section 2.3.1).
        pair = f"{quote(site.config.sso.client_id, safe='')}:{quote(secret, safe='')}"
        authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
    endpoint = str(known.document["token_endpoint"])
    answer = await site.client.ask_service(endpoint, form=form, authorization=authorization)
    if not isinstance(answer, dict):
        raise refused("its answer to a code is no object")
    return answer


async def _verified(request: Request, known: Provider, token: str, nonce: str) -> Json:
    site: Site = request.app.state.site
    client_id = site.config.sso.client_id
    for again in (False, True):
        now = site.clock()
        if not known.keys or (again and now - known.keys_at >= _AGAIN) or now - known.keys_at >= KEPT:
            known.keys = jws.read_keys(await site.client.ask_service(str(known.document["jwks_uri"])))
            known.keys_at = now
        try:
            return id_tokens.verify(
                token, known.keys, issuer=known.issuer, client_id=client_id, nonce=nonce, now=now // 1000
            )
        except FederationError as problem:
            if again or problem.code != "wrong-key":
                raise
    raise AssertionError("the second try returns or raises")
