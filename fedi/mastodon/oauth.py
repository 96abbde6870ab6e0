"""OAuth 2 as Mastodon's clients use it: the authorise page, tokens, revocation, the server's metadata (RFC 6749, 7009,
7636, 8414). Apps register themselves in `apps`; who the person is, the web session says.
"""

import base64
import hashlib
import hmac
import secrets
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import html, sessions
from fedi.callers import SCOPES, caller, holds, known, meaning
from fedi.context import Site
from fedi.csrf import demand_same_origin
from fedi.errors import Invalid, Problem
from fedi.languages import _
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json
from fedi.mastodon.apps import OUT_OF_BAND, granted
from storage import apps, people
from storage.actors import Actor
from storage.apps import App, Grant, Token, hashed
from storage.metadata import Tx

CODE_LIFE = 10 * 60 * 1000
"""Milliseconds within which a code must be turned into a token (Mastodon's; RFC 6749 4.1.2 advises ten minutes)."""


class Authorization(msgspec.Struct, kw_only=True):
    """What an app asks a person for, in the query of /oauth/authorize and again in the form of its page."""

    client_id: str = ""
    redirect_uri: str = ""
    response_type: str = "code"
    scope: str = "read"
    state: str | None = None
    code_challenge: str | None = None
    code_challenge_method: str | None = None
    decision: str = "allow"


class Unacceptable(Exception):
    """The app asked for what it can't have; it is told at its redirect URI (RFC 6749 4.1.2.1)."""

    def __init__(self, error: str, text: str) -> None:
        super().__init__(text)
        self.error = error
        self.text = text


async def authorize(request: Request) -> Response:
    """The page on which a person lets an app in, or (POST) the answer that was chosen there.

    Who is not logged in logs in first and comes back with the same query. An unknown app or redirect URI is told to
    the person and never followed.
    """
    try:
        return await _authorize(request)
    except Problem as problem:
        await sessions.signed_in(request)
        title = _("This app can't be let in")
        return html.page(request, "problem.html", problem.status, title=title, text=problem.text)


async def _authorize(request: Request) -> Response:
    site: Site = request.app.state.site
    asked = await arguments.read(request, Authorization)
    app = await site.db.read(lambda tx: apps.app_by_client(tx, asked.client_id))
    if app is None:
        raise Problem("Nobody registered this app here. Remove this account from the app and add it again.", status=401)
    if asked.redirect_uri not in app.redirect_uris:
        raise Problem("The app wants to be answered at an address that it did not register, so it gets no answer.")
    try:
        scopes = _checked(asked, app)
    except Unacceptable as problem:
        return _answered(asked, error=problem.error, error_description=problem.text)
    me = await sessions.signed_in(request)
    if me is None:
        query = request.scope["query_string"].decode("latin-1")
        if request.method == "POST":
            query = urlencode([(name, value) for name, value in _hidden(asked)])
        back = quote(f"/oauth/authorize?{query}", safe="")
        return _redirect(f"/login?next={back}")
    if request.method == "POST":
        demand_same_origin(request)
        if asked.decision == "deny":
            text = "The resource owner or authorization server denied the request."
            return _answered(asked, error="access_denied", error_description=text)
        return await _granted(site, asked, app, me, scopes)
    return html.page(
        request,
        "authorize.html",
        app=app,
        person=me,
        hidden=_hidden(asked),
        meanings=[meaning(scope) for scope in scopes],
    )


async def _granted(site: Site, asked: Authorization, app: App, me: Actor, scopes: list[str]) -> Response:
    code = secrets.token_urlsafe(32)
    now = site.clock()

    def unit(tx: Tx) -> None:
        person = people.by_id(tx, me.id)
        # Scopes of administration are for those who have the role, whatever the app asks.
        allowed = [
            scope
            for scope in scopes
            if not scope.startswith("admin:") or (person is not None and person.role != "member")
        ]
        apps.insert_grant(
            tx,
            Grant(
                hashed(code),
                app.id,
                me.id,
                asked.redirect_uri,
                " ".join(allowed),
                asked.code_challenge,
                now + CODE_LIFE,
                None,
            ),
        )

    await site.db.write(unit)
    return _answered(asked, code=code)


def _checked(asked: Authorization, app: App) -> list[str]:
    """The scopes asked for. Raises Unacceptable for what the app can't have."""
    if asked.response_type != "code":
        raise Unacceptable("unsupported_response_type", "The authorization server does not support this response type.")
    try:
        scopes = granted(asked.scope or "read")
    except Invalid as problem:
        raise Unacceptable("invalid_scope", "The requested scope is invalid, unknown, or malformed.") from problem
    registered = frozenset(app.scopes.split())
    if not all(holds(registered, scope) for scope in scopes):
        raise Unacceptable("invalid_scope", "The requested scope is more than the app registered for.")
    if asked.code_challenge is not None and asked.code_challenge_method != "S256":
        raise Unacceptable("invalid_request", "The code_challenge_method must be S256.")
    if asked.code_challenge is None and asked.code_challenge_method is not None:
        raise Unacceptable("invalid_request", "The code_challenge is missing.")
    return scopes


def _hidden(asked: Authorization) -> list[tuple[str, str]]:
    values = msgspec.structs.asdict(asked)
    return [(name, value) for name, value in values.items() if name != "decision" and value is not None]


def _answered(asked: Authorization, **answer: str) -> Response:
    """Back to the app with `answer` and its state, at the redirect URI exactly as it wrote it."""
    if asked.redirect_uri == OUT_OF_BAND:
        return _redirect("/oauth/authorize/native?" + urlencode(answer))
    if asked.state is not None:
        answer["state"] = asked.state
    joint = "&" if "?" in asked.redirect_uri else "?"
    return _redirect(asked.redirect_uri + joint + urlencode(answer, quote_via=quote))


def _redirect(address: str) -> Response:
    # Not RedirectResponse: that encodes anew what the app encoded (Elk has a whole URL in its path).
    return Response(status_code=302, headers={"location": address, "cache-control": "no-store"})


class Native(msgspec.Struct, kw_only=True):
    """The query of the page that shows a code."""

    code: str = ""
    error_description: str = ""


async def native(request: Request) -> Response:
    """The page that shows the code, for apps without an address of their own (GET /oauth/authorize/native)."""
    asked = arguments.query(request, Native)
    await sessions.signed_in(request)
    if not asked.code:
        text = asked.error_description or _("There is no code here. Begin again in the app.")
        return html.page(request, "problem.html", 400, title=_("No code"), text=text)
    page = html.page(request, "native.html", code=asked.code)
    page.headers["cache-control"] = "no-store"
    return page


class Exchange(msgspec.Struct, kw_only=True):
    """The body of POST /oauth/token."""

    grant_type: str = ""
    client_id: str | None = None
    client_secret: str | None = None
    code: str = ""
    redirect_uri: str = ""
    code_verifier: str | None = None
    scope: str | None = None


async def token(request: Request) -> Response:
    """Turn a code, or an app's own secret, into an access token (RFC 6749 4.1.3, 4.4.2); tokens don't expire."""
    site: Site = request.app.state.site
    asked = await arguments.read(request, Exchange)
    client_id, client_secret = _client(request, asked.client_id, asked.client_secret)
    secret = secrets.token_urlsafe(32)
    now = site.clock()

    def unit(tx: Tx) -> dict[str, Any]:
        # Refusals are returned, not raised: a code that was used twice must stay revoked.
        app = _authenticated(tx, client_id, client_secret)
        if app is None:
            return _refused(
                "invalid_client",
                "Client authentication failed due to unknown client, no client "
                "authentication included, or unsupported authentication method.",
            )
        if asked.grant_type == "client_credentials":
            return _own(tx, app)
        if asked.grant_type == "authorization_code":
            return _for_code(tx, app)
        return _refused("unsupported_grant_type", "The authorization grant type is not supported by this server.")

    def _own(tx: Tx, app: App) -> dict[str, Any]:
        try:
            scopes = granted(asked.scope or "read")
        except Invalid:
            return _refused("invalid_scope", "The requested scope is invalid, unknown, or malformed.")
        if not all(holds(frozenset(app.scopes.split()), scope) for scope in scopes):
            return _refused("invalid_scope", "The requested scope is more than the app registered for.")
        return _kept(tx, Token(site.new_id(), hashed(secret), app.id, None, " ".join(scopes), now, None, None))

    def _for_code(tx: Tx, app: App) -> dict[str, Any]:
        grant, first = apps.use_grant(tx, asked.code, now)
        if (
            grant is None
            or not first
            or grant.app_id != app.id
            or grant.expires_at <= now
            or grant.redirect_uri != asked.redirect_uri
            or not _proves(grant.challenge, asked.code_verifier)
        ):
            return _refused(
                "invalid_grant",
                "The provided authorization grant is invalid, expired, revoked, does not "
                "match the redirection URI used in the authorization request, or was issued to another client.",
            )
        made = Token(site.new_id(), hashed(secret), app.id, grant.person_id, grant.scopes, now, None, grant.code_hash)
        return _kept(tx, made)

    def _kept(tx: Tx, made: Token) -> dict[str, Any]:
        apps.insert_token(tx, made)
        return {"access_token": secret, "token_type": "Bearer", "scope": made.scopes, "created_at": now // 1000}

    answer = await site.db.write(unit)
    status = 200 if "access_token" in answer else 401 if answer["error"] == "invalid_client" else 400
    return Json(answer, status, {"cache-control": "no-store"})


class Revocation(msgspec.Struct, kw_only=True):
    """The body of POST /oauth/revoke."""

    token: str = ""
    client_id: str | None = None
    client_secret: str | None = None


async def revoke(request: Request) -> Response:
    """End a token (RFC 7009): an app its own ones only; a token that there is not is ended already."""
    site: Site = request.app.state.site
    asked = await arguments.read(request, Revocation)
    client_id, client_secret = _client(request, asked.client_id, asked.client_secret)

    def unit(tx: Tx) -> bool:
        app = _authenticated(tx, client_id, client_secret)
        found = apps.token(tx, asked.token)
        if app is None or (found is not None and found.app_id != app.id):
            return False
        if found is not None:
            apps.revoke(tx, site.clock(), id=found.id)
        return True

    if not await site.db.write(unit):
        return Json(_refused("unauthorized_client", "You are not authorized to revoke this token"), 403)
    return Json({})


async def userinfo(request: Request) -> Response:
    """Who the person is, as OpenID Connect's clients ask (scope `profile`)."""
    site: Site = request.app.state.site
    me = known(await caller(request, "profile", "read:accounts")).me
    return Json(
        {
            "iss": site.config.origin,
            "sub": me.iri,
            "name": me.name,
            "preferred_username": me.username,
            "profile": me.url,
            "picture": me.icon or f"{site.config.origin}/avatars/original/missing.png",
        }
    )


async def metadata(request: Request) -> Response:
    """What this authorisation server can do (RFC 8414)."""
    origin = request.app.state.site.config.origin
    return Json(
        {
            "issuer": f"{origin}/",
            "service_documentation": "https://docs.joinmastodon.org/",
            "authorization_endpoint": f"{origin}/oauth/authorize",
            "token_endpoint": f"{origin}/oauth/token",
            "revocation_endpoint": f"{origin}/oauth/revoke",
            "userinfo_endpoint": f"{origin}/oauth/userinfo",
            "app_registration_endpoint": f"{origin}/api/v1/apps",
            "scopes_supported": list(SCOPES),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
        },
        headers={"cache-control": "public, max-age=3600"},
    )


def _refused(error: str, text: str) -> dict[str, Any]:
    return {"error": error, "error_description": text}


def _client(request: Request, client_id: str | None, client_secret: str | None) -> tuple[str, str]:
    """Client id and secret from the body or HTTP Basic; some apps send both (hollo#296), which must then agree."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return client_id or "", client_secret or ""
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    if client_id not in (None, "", name) or client_secret not in (None, "", password):
        return "", ""
    return name, password


def _authenticated(tx: Tx, client_id: str, client_secret: str) -> App | None:
    app = apps.app_by_client(tx, client_id)
    if app is None or not hmac.compare_digest(app.secret_hash, hashed(client_secret)):
        return None
    return app


def _proves(challenge: str | None, verifier: str | None) -> bool:
    """PKCE (RFC 7636 4.6); a verifier without a challenge is refused as well (OAuth 2.1 4.1.3, downgrade)."""
    if challenge is None:
        return not verifier
    if not verifier:
        return False
    digest = hashlib.sha256(verifier.encode("ascii", "replace")).digest()
    return hmac.compare_digest(base64.urlsafe_b64encode(digest).rstrip(b"="), challenge.rstrip("=").encode())


ROUTES = [
    Route("/oauth/authorize", authorize, methods=["GET", "POST"]),
    Route("/oauth/authorize/native", native),
    Route("/oauth/token", token, methods=["POST"]),
    Route("/oauth/revoke", revoke, methods=["POST"]),
    Route("/oauth/userinfo", userinfo, methods=["GET", "POST"]),
    Route("/.well-known/oauth-authorization-server", metadata),
]
