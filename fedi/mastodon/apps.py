"""Apps: a client registers itself (POST /api/v1/apps) and checks its own token."""

import re
import secrets
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.callers import SCOPES, bearer, identify
from fedi.context import Site
from fedi.errors import Invalid, Unauthenticated
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json
from fedi.push import keys as push_keys
from storage import apps
from storage.apps import App, hashed
from storage.metadata import Tx

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
"""The redirect URI of apps that let the person copy the code from a page."""

_URI = re.compile(r"[a-z][a-z0-9+.-]*:[\x21-\x7e]+", re.IGNORECASE)
# A browser would run these instead of opening an app (Doorkeeper's forbid_redirect_uri, widened).
_RUN_BY_BROWSERS = frozenset({"javascript", "data", "vbscript", "blob", "file", "about", "view-source"})


class Registration(msgspec.Struct, kw_only=True):
    """What an app says of itself. `redirect_uris` is a text with one a line (or divided by spaces), or a list."""

    client_name: str
    redirect_uris: list[str]
    scopes: str = "read"
    website: str | None = None


async def create(request: Request) -> Response:
    """Register an app: its client id and secret come back, this once. Raises Invalid as Mastodon words it."""
    site: Site = request.app.state.site
    asked = await arguments.read(request, Registration)
    name = asked.client_name.strip()
    if not name:
        raise Invalid("Validation failed: Name can't be blank")
    if len(name) > 60:
        raise Invalid("Validation failed: Name is too long (maximum is 60 characters)")
    uris = redirect_uris(asked.redirect_uris)
    scopes = granted(asked.scopes or "read")
    website = asked.website or None
    if website is not None and (len(website) > 2000 or not website.startswith(("https://", "http://"))):
        raise Invalid("Validation failed: Website must be a valid URL")
    secret = secrets.token_urlsafe(32)
    app = App(
        site.new_id(), secrets.token_urlsafe(32), hashed(secret), name, website, uris, " ".join(scopes), site.clock()
    )

    def unit(tx: Tx) -> str:
        apps.insert_app(tx, app)
        push_keys.ensure(tx, site)
        return push_keys.public(tx, site)

    vapid_key = await site.db.write(unit)
    return Json(
        {**entity(app, vapid_key), "client_id": app.client_id, "client_secret": secret, "client_secret_expires_at": 0}
    )


async def verify_credentials(request: Request) -> Response:
    """The app whose token this is, a person's or its own (GET /api/v1/apps/verify_credentials)."""
    site: Site = request.app.state.site
    token = bearer(request)

    def unit(tx: Tx) -> tuple[App | None, str]:
        caller = identify(tx, token)
        return None if caller is None else apps.app_by_id(tx, caller.app_id), push_keys.public(tx, site)

    app, vapid_key = await site.db.read(unit)
    if app is None:
        raise Unauthenticated("The access token is invalid")
    return Json(entity(app, vapid_key))


def redirect_uris(given: list[str]) -> list[str]:
    """The URIs as they will be compared: exactly as written, only split. Raises Invalid for one that can't be used.

    Any scheme is good (`icecubesapp://`, `oauth2redirect://…`), as apps of phones have their own.
    """
    uris = list(dict.fromkeys(uri for text in given for uri in text.split()))
    if not uris:
        raise Invalid("Validation failed: Redirect URI can't be blank")
    for uri in uris:
        scheme = uri.partition(":")[0].lower()
        if len(uri) > 2000 or not _URI.fullmatch(uri) or "#" in uri or scheme in _RUN_BY_BROWSERS:
            raise Invalid("Validation failed: Redirect URI must be an absolute URI without a fragment")
    return uris


def granted(text: str) -> list[str]:
    """A scope parameter as a list. Raises Invalid for a scope that there is not (RFC 6749 3.3: divided by spaces)."""
    scopes = list(dict.fromkeys(text.replace(",", " ").replace("+", " ").split()))
    if not scopes or not set(scopes) <= set(SCOPES):
        raise Invalid("Validation failed: Scopes doesn't match configured on the server.", code="invalid_scope")
    return scopes


def entity(app: App, vapid_key: str) -> dict[str, Any]:
    """The Application entity; `vapid_key` is the instance's public key of Web Push."""
    return {
        "id": str(app.id),
        "name": app.name,
        "website": app.website,
        "scopes": app.scopes.split(),
        "redirect_uri": "\n".join(app.redirect_uris),
        "redirect_uris": app.redirect_uris,
        "vapid_key": vapid_key,
    }


ROUTES = [
    Route("/api/v1/apps", create, methods=["POST"]),
    Route("/api/v1/apps/verify_credentials", verify_credentials),
]
