"""Web Push subscriptions, one for each access token (docs.joinmastodon.org/methods/push)."""

import secrets
from dataclasses import replace
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation.errors import FederationError
from fedi.callers import Caller, bearer, identify, known
from fedi.context import Site
from fedi.errors import Invalid, NotFound, Unauthenticated
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json
from fedi.push import keys as push_keys
from fedi.push.encrypting import BadKey, receiver
from storage import push
from storage.metadata import Tx
from storage.notifications import KINDS
from storage.push import Subscription

ALERTS = tuple(kind for kind in KINDS if kind not in ("moderation_warning", "severed_relationships"))
"""What a subscription can ask for."""
POLICIES = ("all", "followed", "follower", "none")
_LARGEST = (1 << 31) - 1


class Keys(msgspec.Struct, kw_only=True):
    """The keys of a browser or phone, in base64url."""

    p256dh: str
    auth: str


class Wanted(msgspec.Struct, kw_only=True):
    """Where to send to, and in which form: `standard` is RFC 8291, without it the draft before."""

    endpoint: str
    keys: Keys
    standard: bool = False


class Data(msgspec.Struct, kw_only=True):
    """Which kinds, and of whom; the names of some kinds have dots, so they are read by hand."""

    alerts: Any = None
    policy: str | None = None


class Subscribe(msgspec.Struct, kw_only=True):
    """The body of POST. Old apps send the policy beside the data."""

    subscription: Wanted
    data: Data = msgspec.field(default_factory=Data)
    policy: str | None = None


class Change(msgspec.Struct, kw_only=True):
    """The body of PUT."""

    data: Data = msgspec.field(default_factory=Data)
    policy: str | None = None


class _Switch(msgspec.Struct, kw_only=True):
    value: bool = False


async def subscribe(request: Request) -> Response:
    """POST /api/v1/push/subscription: push to this token's app from now on, in place of what it asked for before."""
    site: Site = request.app.state.site
    token = bearer(request)
    asked = await arguments.read(request, Subscribe)
    wanted = asked.subscription
    endpoint = _endpoint(site, wanted.endpoint)
    _check_keys(wanted.keys)
    alerts, policy = _alerts(asked.data.alerts), _policy(asked.data.policy or asked.policy or "all")

    def unit(tx: Tx) -> dict[str, Any]:
        caller, text = _caller(tx, token)
        push_keys.ensure(tx, site)
        while True:
            # Tusky reads the id as an integer of 32 bits; at random, as none may come again while jobs name it.
            made = Subscription(
                secrets.randbelow(_LARGEST) + 1,
                caller.token_id,
                caller.me.id,
                endpoint,
                wanted.keys.p256dh.strip(),
                wanted.keys.auth.strip(),
                wanted.standard,
                alerts,
                policy,
                push_keys.seal(tx, site, text, caller.token_id),
                0,
                site.clock(),
            )
            if push.save(tx, made):
                return _entity(made, push_keys.public(tx, site))

    return Json(await site.db.write(unit))


async def show(request: Request) -> Response:
    """GET /api/v1/push/subscription: this token's; 404 when there is none, which Elk waits for."""
    site: Site = request.app.state.site
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        caller, _ = _caller(tx, token)
        return _entity(_found(tx, caller), push_keys.public(tx, site))

    return Json(await site.db.read(unit))


async def change(request: Request) -> Response:
    """PUT /api/v1/push/subscription: other kinds, or another policy; all kinds that are not named are off."""
    site: Site = request.app.state.site
    token = bearer(request)
    asked = await arguments.read(request, Change)
    policy = asked.data.policy or asked.policy
    values: dict[str, Any] = {}
    if asked.data.alerts is not None:
        values["alerts"] = _alerts(asked.data.alerts)
    if policy is not None:
        values["policy"] = _policy(policy)

    def unit(tx: Tx) -> dict[str, Any]:
        caller, _ = _caller(tx, token)
        made = replace(_found(tx, caller), **values)
        if values:
            push.change(tx, made.id, **values)
        return _entity(made, push_keys.public(tx, site))

    return Json(await site.db.write(unit))


async def unsubscribe(request: Request) -> Response:
    """DELETE /api/v1/push/subscription: push nothing more; the same when there was none."""
    site: Site = request.app.state.site
    token = bearer(request)

    def unit(tx: Tx) -> None:
        caller, _ = _caller(tx, token)
        push.remove_of_tokens(tx, [caller.token_id])

    await site.db.write(unit)
    return Json({})


def _caller(tx: Tx, token: str | None) -> tuple[Caller, str]:
    caller = known(identify(tx, token, "push"))
    if token is None:
        raise Unauthenticated("This method requires an authenticated user")
    return caller, token


def _found(tx: Tx, caller: Caller) -> Subscription:
    found = push.of_token(tx, caller.token_id)
    if found is None:
        raise NotFound
    return found


def _endpoint(site: Site, text: str) -> str:
    """A URL that may be asked: the rules of every other request of ours (`federation.hosts`)."""
    try:
        return site.client.networks.check_iri(text.strip().partition("#")[0])
    except FederationError as problem:
        raise Invalid(f"Validation failed: Endpoint is not a URL that can be sent to ({problem.text})") from problem


def _check_keys(given: Keys) -> None:
    try:
        receiver(given.p256dh, given.auth)
    except BadKey as problem:
        raise Invalid(f"Validation failed: Keys are not those of a subscription: {problem}") from problem


def _alerts(given: Any) -> dict[str, bool]:
    """Which kinds are wanted; kinds that there are not are left out."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise Invalid("Validation failed: alerts must be an object")
    return {kind: arguments.fit({"value": given.get(kind)}, _Switch).value for kind in ALERTS if kind in given}


def _policy(given: str) -> str:
    if given not in POLICIES:
        raise Invalid(f"Validation failed: Policy is none of {', '.join(POLICIES)}")
    return given


def _entity(one: Subscription, server_key: str) -> dict[str, Any]:
    """The WebPushSubscription; its id is an integer, which Ice Cubes and Tusky insist on."""
    return {
        "id": one.id,
        "endpoint": one.endpoint,
        "standard": one.standard,
        "alerts": {kind: bool(one.alerts.get(kind)) for kind in ALERTS},
        "policy": one.policy,
        "server_key": server_key,
    }


ROUTES = [
    Route("/api/v1/push/subscription", subscribe, methods=["POST"]),
    Route("/api/v1/push/subscription", show),
    Route("/api/v1/push/subscription", change, methods=["PUT"]),
    Route("/api/v1/push/subscription", unsubscribe, methods=["DELETE"]),
]
