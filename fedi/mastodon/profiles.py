"""One's own account: credentials, profile, preferences; and signing up through an app."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation.signatures.keys import generate_rsa
from fedi.actions import people as actions
from fedi.actions import profiles, sign_ups
from fedi.actions.domain_blocks import normalised
from fedi.actions.drafts import QUOTE_POLICIES
from fedi.callers import Caller, bearer, identify, known
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, Taken, Unauthenticated
from fedi.guard import guard
from fedi.mastodon import arguments, presenting
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.account import PRIVACY, credentials, profile
from fedi.mastodon.faces import taken
from fedi.mastodon.kept import repeatable
from fedi.mastodon.writing import TO_ACTIONS
from fedi.media.processing import FACE_BYTES
from storage import apps, follows, people
from storage.actors import Actor
from storage.apps import Token, hashed
from storage.media import Medium
from storage.metadata import Tx

_DOMAINS = 100
"""Websites that may name one person."""


@repeatable
async def verify_credentials(request: Request) -> Response:
    """GET /api/v1/accounts/verify_credentials: the caller, with what only they see of themselves."""
    site: Site = request.app.state.site
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        caller = known(identify(tx, token, "read:accounts", "profile"))
        return own(tx, site, caller)

    return Json(await site.db.read_quickly(unit))


def own(tx: Tx, site: Site, caller: Caller) -> dict[str, Any]:
    """The caller's CredentialAccount."""
    return own_of(tx, site, caller.me)


def own_of(tx: Tx, site: Site, me: Actor) -> dict[str, Any]:
    """The CredentialAccount of this person."""
    person, requests = people.by_id(tx, me.id), follows.count(tx, me.id, "pending")
    # Others' view of it counts no groups that not everyone may read.
    me = replace(me, following_count=follows.total(tx, me.id))
    return credentials(site.config.origin, me, person, requests, presenting.about(tx, [me]).get(me.id))


class Field(msgspec.Struct, kw_only=True):
    """A row of the profile's table."""

    name: str = ""
    value: str = ""


class Source(msgspec.Struct, kw_only=True):
    """How new posts are, unless one says otherwise."""

    privacy: str | None = None
    sensitive: bool | None = None
    language: str | None = None
    quote_policy: str | None = None


class Profile(msgspec.Struct, kw_only=True):
    """The body of PATCH /api/v1/accounts/update_credentials, and of PATCH /api/v1/profile.

    `show_affiliation` is ours: whether the profile shows what the person is to the institution.
    """

    display_name: str | None = None
    note: str | None = None
    locked: bool | None = None
    bot: bool | None = None
    discoverable: bool | None = None
    indexable: bool | None = None
    fields_attributes: list[Field] | None = None
    source: Source | None = None
    avatar: Any = None
    header: Any = None
    avatar_description: str | None = None
    header_description: str | None = None
    hide_collections: bool | None = None
    attribution_domains: list[str] | None = None
    show_media: bool | None = None
    show_media_replies: bool | None = None
    show_featured: bool | None = None
    show_affiliation: bool | None = None


async def update_credentials(request: Request) -> Response:
    """PATCH /api/v1/accounts/update_credentials: what is left out stays as it is."""
    site: Site = request.app.state.site
    token = bearer(request)
    # Before any picture is taken from the network.
    person_id = (await site.db.read(lambda tx: known(identify(tx, token, "write:accounts")))).me.id
    async with arguments.uploaded(request, Profile, FACE_BYTES) as asked:
        pictures = await taken(site, person_id, {"avatar": asked.avatar, "header": asked.header})
    return await _changed(request, asked, pictures, own_of)


async def show_profile(request: Request) -> Response:
    """GET /api/v1/profile: what the caller can edit of their own account (4.6)."""
    site: Site = request.app.state.site
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        return _profile(tx, site, known(identify(tx, token, "read:accounts", "profile")).me)

    return Json(await site.db.read(unit))


async def update_profile(request: Request) -> Response:
    """PATCH or PUT /api/v1/profile: as update_credentials, and the Profile comes back."""
    site: Site = request.app.state.site
    token = bearer(request)
    person_id = (await site.db.read(lambda tx: known(identify(tx, token, "write:accounts")))).me.id
    async with arguments.uploaded(request, Profile, FACE_BYTES) as asked:
        pictures = await taken(site, person_id, {"avatar": asked.avatar, "header": asked.header})
    return await _changed(request, asked, pictures, _profile)


def _profile(tx: Tx, site: Site, me: Actor) -> dict[str, Any]:
    return profile(site.config.origin, me, people.by_id(tx, me.id))


async def _changed(
    request: Request,
    asked: Profile,
    pictures: dict[str, Medium | None],
    shown: Callable[[Tx, Site, Actor], dict[str, Any]],
) -> Response:
    site: Site = request.app.state.site
    token = bearer(request)
    settings = _settings(asked.source)
    if asked.attribution_domains is not None:
        settings["attribution_domains"] = _domains(asked.attribution_domains)
    fields = asked.fields_attributes

    def unit(tx: Tx) -> dict[str, Any]:
        caller = known(identify(tx, token, "write:accounts"))
        me = profiles.update_profile(
            tx,
            site,
            caller.me,
            name=asked.display_name,
            summary=asked.note,
            fields=None if fields is None else [{"name": one.name, "value": one.value} for one in fields],
            locked=asked.locked,
            discoverable=asked.discoverable,
            indexable=asked.indexable,
            bot=asked.bot,
            hide_collections=asked.hide_collections,
            tabs={
                "media": asked.show_media,
                "media_replies": asked.show_media_replies,
                "featured": asked.show_featured,
            },
            avatar_description=asked.avatar_description,
            header_description=asked.header_description,
            pictures=pictures,
        )
        person = people.by_id(tx, me.id)
        if settings and person is not None:
            people.change(tx, me.id, settings={**person.settings, **settings})
        if asked.show_affiliation is not None:
            me = profiles.affiliate(tx, site, me, show=asked.show_affiliation)
        return shown(tx, site, me)

    return Json(await site.db.write(unit))


def _domains(given: list[str]) -> list[str]:
    """Websites that may name the person as an author. Raises Invalid."""
    wanted = [one for one in given if one.strip()]
    if len(wanted) > _DOMAINS:
        raise Invalid("Validation failed: Attribution domains is too long")
    try:
        return list(dict.fromkeys(normalised(one.strip().removeprefix("*.")) for one in wanted))
    except Invalid as problem:
        raise Invalid("Validation failed: Attribution domains is invalid") from problem


def _settings(source: Source | None) -> dict[str, Any]:
    if source is None:
        return {}
    changed: dict[str, Any] = {}
    if source.privacy:
        if source.privacy not in TO_ACTIONS:
            raise Invalid("Validation failed: Privacy is not included in the list")
        changed["visibility"] = TO_ACTIONS[source.privacy]
    if source.sensitive is not None:
        changed["sensitive"] = source.sensitive
    if source.language is not None:
        if len(source.language) > 35:
            raise Invalid("Validation failed: Language is not a language tag")
        changed["language"] = source.language or None
    if source.quote_policy:
        if source.quote_policy not in QUOTE_POLICIES:
            raise Invalid("Validation failed: Quote policy is not included in the list")
        changed["quote_policy"] = source.quote_policy
    return changed


async def preferences(request: Request) -> Response:
    """GET /api/v1/preferences: how new posts are, and how clients should show others'."""
    site: Site = request.app.state.site
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        me = known(identify(tx, token, "read:accounts")).me
        person = people.by_id(tx, me.id)
        settings = person.settings if person is not None else {}
        return {
            "posting:default:visibility": PRIVACY.get(settings.get("visibility", "public"), "public"),
            "posting:default:sensitive": bool(settings.get("sensitive", False)),
            "posting:default:language": settings.get("language"),
            "posting:default:quote_policy": settings.get("quote_policy", "public"),
            "reading:expand:media": settings.get("reading:expand:media", "default"),
            "reading:expand:spoilers": bool(settings.get("reading:expand:spoilers", False)),
            "reading:autoplay:gifs": bool(settings.get("reading:autoplay:gifs", False)),
        }

    return Json(await site.db.read(unit))


class SignUp(msgspec.Struct, kw_only=True):
    """The body of POST /api/v1/accounts."""

    username: str = ""
    email: str = ""
    password: str = ""
    agreement: bool = False
    reason: str = ""
    time_zone: str = ""
    invite_code: str = ""


async def sign_up(request: Request) -> Response:
    """POST /api/v1/accounts, with an app's own token: a new person, and a token for the app to act as them.

    Where sign-ups wait for approval the token works once someone approved.
    """
    site: Site = request.app.state.site
    token = bearer(request)
    caller = await site.db.read(lambda tx: identify(tx, token, "write:accounts"))
    if caller is None:
        raise Unauthenticated("The access token is invalid")
    guard(request).check(request, None)
    asked = await arguments.read(request, SignUp)
    if site.config.registrations not in ("open", "approval") and not asked.invite_code:
        raise Forbidden("This server does not take sign-ups from apps")
    wrong: dict[str, list[dict[str, str]]] = {}
    for name in ("username", "email", "password"):
        if not getattr(asked, name):
            wrong[name] = [{"error": "ERR_BLANK", "description": "can't be blank"}]
    if not asked.agreement:
        wrong["agreement"] = [{"error": "ERR_ACCEPTED", "description": "must be accepted"}]
    if wrong:
        raise _invalid(wrong)
    try:
        async with site.hashing:
            password = await asyncio.to_thread(actions.hash_password, asked.password)
    except Invalid as problem:
        raise _invalid({"password": [{"error": "ERR_TOO_SHORT", "description": problem.text}]}) from problem
    key_pair = await asyncio.to_thread(generate_rsa)
    secret, link = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    now = site.clock()

    def unit(tx: Tx) -> dict[str, Any]:
        try:
            actor = sign_ups.sign_up(
                tx,
                site,
                username=asked.username,
                email=asked.email,
                password_hash=password,
                key_pair=key_pair,
                secret=link,
                # Apps ask for a reason where approval is required; old ones don't, and whoever looks decides without.
                reason=asked.reason or "–",
                code=asked.invite_code,
                zone=asked.time_zone,
            ).actor
        except (Taken, Invalid) as problem:
            name = {"email": "email", "address-taken": "email", "reason": "reason"}.get(problem.code, "username")
            error = "ERR_TAKEN" if isinstance(problem, Taken) else "ERR_INVALID"
            raise _invalid({name: [{"error": error, "description": problem.text}]}) from problem
        scopes = " ".join(sorted(scope for scope in caller.scopes if not scope.startswith("admin:")))
        apps.insert_token(tx, Token(site.new_id(), hashed(secret), caller.app_id, actor.id, scopes, now, None, None))
        return {"access_token": secret, "token_type": "Bearer", "scope": scopes, "created_at": now // 1000}

    return Json(await site.db.write(unit))


class _WithDetails(Invalid):
    """A 422 that names each field, as Mastodon's sign-up does."""

    details: dict[str, list[dict[str, str]]]


def _invalid(wrong: dict[str, list[dict[str, str]]]) -> Invalid:
    said = ", ".join(f"{name.capitalize()} {one['description']}" for name, ones in wrong.items() for one in ones)
    problem = _WithDetails(f"Validation failed: {said}")
    problem.details = wrong
    return problem


ROUTES = [
    Route("/api/v1/accounts", sign_up, methods=["POST"]),
    Route("/api/v1/accounts/verify_credentials", verify_credentials),
    Route("/api/v1/accounts/update_credentials", update_credentials, methods=["PATCH"]),
    Route("/api/v1/profile", show_profile),
    Route("/api/v1/profile", update_profile, methods=["PATCH"]),
    Route("/api/v1/preferences", preferences),
]
