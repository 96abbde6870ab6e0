"""Who asks through the client API: the bearer token of a request, the person behind it, and what it may do.

Browsers with a session cookie are `fedi.sessions`, peers with a signature `fedi.outbox.signed`.
"""

from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from fedi.caches import Cache, shared
from fedi.context import Site
from fedi.errors import Forbidden, Problem, Unauthenticated
from fedi.languages import N_, _
from fedi.visibility import NOBODY, Viewer, person
from storage import apps
from storage.actors import Actor
from storage.apps import App, Bearer
from storage.metadata import Tx

# Mastodon's scopes (doorkeeper.rb of 4.5), and `groups` of mastodon/mastodon#19059: `read` holds every `read:…`, and
# `follow` these, for old clients.
_READ = (
    "accounts blocks bookmarks collections favourites filters follows groups lists mutes notifications search statuses"
)
_WRITE = (
    "accounts blocks bookmarks collections conversations favourites filters follows groups lists media mutes "
    "notifications reports statuses"
)
_ADMIN = "accounts reports domain_allows domain_blocks ip_blocks email_domain_blocks canonical_email_blocks"
_MEANINGS = {
    "read": N_("read everything you can read"),
    "write": N_("post, and change what you can change"),
    "follow": N_("follow and unfollow, join and leave groups"),
    "push": N_("send you notifications"),
    "profile": N_("see your name and picture"),
    "admin:read": N_("read what moderators of this server read"),
    "admin:write": N_("do what moderators of this server do"),
}
_NAMED = {
    "accounts": N_("accounts"),
    "blocks": N_("blocks"),
    "bookmarks": N_("bookmarks"),
    "canonical_email_blocks": N_("canonical email blocks"),
    "collections": N_("collections"),
    "conversations": N_("conversations"),
    "domain_allows": N_("domain allows"),
    "domain_blocks": N_("domain blocks"),
    "email_domain_blocks": N_("email domain blocks"),
    "favourites": N_("favourites"),
    "filters": N_("filters"),
    "follows": N_("follows"),
    "groups": N_("groups"),
    "ip_blocks": N_("ip blocks"),
    "lists": N_("lists"),
    "media": N_("media"),
    "mutes": N_("mutes"),
    "notifications": N_("notifications"),
    "reports": N_("reports"),
    "search": N_("search"),
    "statuses": N_("statuses"),
}
FOLLOW = frozenset({"read:follows", "write:follows", "read:blocks", "write:blocks", "read:mutes", "write:mutes"})
SCOPES = (
    *("read", *(f"read:{name}" for name in _READ.split())),
    *("write", *(f"write:{name}" for name in _WRITE.split())),
    *("follow", "push", "profile"),
    *("admin:read", *(f"admin:read:{name}" for name in _ADMIN.split())),
    *("admin:write", *(f"admin:write:{name}" for name in _ADMIN.split())),
)
"""Every scope that an app may ask for, in the order the server's metadata lists them."""


def meaning(scope: str) -> str:
    """What an app may do with a scope, in words that come after «may»: "read everything you can read"."""
    if scope in _MEANINGS:
        return _(_MEANINGS[scope])
    kind, _colon, name = scope.rpartition(":")
    if kind.startswith("admin:"):
        said = _("read the server's %(what)s") if kind.endswith("read") else _("change the server's %(what)s")
    else:
        said = _("read your %(what)s") if kind.endswith("read") else _("change your %(what)s")
    return said % {"what": _(_NAMED.get(name, name))}


def holds(scopes: frozenset[str], wanted: str) -> bool:
    """Whether `scopes` contain `wanted` or one above it (`read` holds `read:statuses`)."""
    if wanted in scopes:
        return True
    above, _, _ = wanted.rpartition(":")
    return (above != "" and holds(scopes, above)) or (wanted in FOLLOW and "follow" in scopes)


@dataclass(frozen=True, slots=True)
class Caller:
    """A live access token: its person (None where an app acts for itself), app and scopes."""

    person: Actor | None
    role: str
    app_id: int
    token_id: int
    scopes: frozenset[str]
    settings: dict[str, Any] = field(default_factory=dict)
    """The person's, where they were asked for (`identify_writer`)."""
    app: App | None = None
    """The same of the app."""

    @property
    def me(self) -> Actor:
        """The person. Raises Problem (422, as Mastodon answers a client's own token) when there is none."""
        if self.person is None:
            raise Problem("This method requires an authenticated user", status=422, code="user-required")
        return self.person

    @property
    def viewer(self) -> Viewer:
        """How the gate knows this caller."""
        return NOBODY if self.person is None else person(self.person.id)

    def demand(self, wanted: tuple[str, ...]) -> None:
        """Raises Forbidden unless one of the `wanted` scopes is held (no scope wanted: any token will do)."""
        if wanted and not any(holds(self.scopes, scope) for scope in wanted):
            raise Forbidden("This action is outside the authorized scopes", code="scope")


def bearer(request: Request) -> str | None:
    """The access token that a request carries, in the Authorization header or as `?access_token=` (RFC 6750 2.1, 2.3)."""
    for name, value in request.scope[
        "headers"
    ]:  # as Starlette's headers, in a tenth of the time: each request asks twice
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            if scheme.lower() == "bearer":
                bare: str = token.strip()
                return bare
            break
    return request.query_params.get("access_token") if request.scope["query_string"] else None


def identify(tx: Tx, token: str | None, *scopes: str) -> Caller | None:
    """The caller with this token text, within a unit of work; None for no token.

    Raises Unauthenticated for a token that is unknown or revoked, Forbidden for a person who may not act now and for a
    token that holds none of `scopes`. The texts are Mastodon's, which clients show or compare.
    """
    return None if token is None else _live(apps.bearer(tx, token), scopes)


def identify_writer(tx: Tx, token: str | None, *scopes: str) -> Caller:
    """As `identify`, for who writes a post: a person, with settings and app. Raises Unauthenticated for no token as well."""
    return known(None if token is None else _live(apps.writer(tx, token), scopes))


def _live(found: Bearer | None, scopes: tuple[str, ...]) -> Caller:
    """Who is behind a token, if they may do this."""
    if found is None:
        raise Unauthenticated("The access token is invalid", code="token")
    if found.token.revoked_at is not None:
        raise Unauthenticated("The access token was revoked", code="token")
    if found.token.person_id is not None:
        if found.state == "pending":
            raise Forbidden("Your login is currently pending approval", code="pending")
        if found.actor is None or found.state == "suspended" or found.actor.state != "active":
            raise Forbidden("Your login is currently disabled", code="suspended")
    scopes_held = frozenset(found.token.scopes.split())
    made = Caller(
        found.actor,
        found.role or "member",
        found.token.app_id,
        found.token.id,
        scopes_held,
        found.settings or {},
        found.app,
    )
    made.demand(scopes)
    return made


def known(caller: Caller | None) -> Caller:
    """`caller`, if it is a person. Raises Unauthenticated for no token, Problem for an app's own token."""
    if caller is None:
        raise Unauthenticated("This method requires an authenticated user")
    _ = caller.me  # raises for an app's own token
    return caller


def viewer(caller: Caller | None) -> Viewer:
    """How the gate knows who asks, with or without a token."""
    return NOBODY if caller is None else caller.viewer


async def admit(request: Request, *scopes: str) -> str:
    """The token of a request that will be identified in the unit of work that writes: who brings one that was not live
    lately is asked here who they are, before anything of theirs is read or waits for the writer. Raises as `require`."""
    token = bearer(request)
    if token is None:
        raise Unauthenticated("This method requires an authenticated user")
    site: Site = request.app.state.site
    key = (site.config.origin, apps.hashed(token))
    if _seen.get(key) is None:
        await site.db.read(lambda tx: known(identify(tx, token, *scopes)))
        _seen.put(key, True, 250)
    return token


_seen: Cache[tuple[str, str], bool] = shared("tokens", 20_000, 4 << 20)
"""Tokens (as they are kept) that were live when they came first. It lets nobody do anything: each unit asks again."""


async def caller(request: Request, *scopes: str) -> Caller | None:
    """Who asks; None without a token. With one, it must be live and hold one of `scopes`, as `identify` says."""
    token = bearer(request)
    if token is None:
        return None
    site: Site = request.app.state.site
    return await site.db.read_quickly(lambda tx: identify(tx, token, *scopes))


async def require(request: Request, *scopes: str) -> Caller:
    """The person who asks, with a token that holds one of `scopes`. Raises Unauthenticated, Forbidden or Problem."""
    return known(await caller(request, *scopes))
