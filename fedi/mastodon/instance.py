"""What this server is, for clients: both forms of `instance`, and the small pages about it."""

import hashlib
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import VERSION
from fedi.actions import hashtags, media, pins
from fedi.actions.drafts import MAX_CHARACTERS, MAX_OPTION_CHARACTERS, MAX_OPTIONS, MAX_POLL_DAYS
from fedi.context import Site
from fedi.fetching import translating
from fedi.mastodon.answers import Json, moment
from fedi.mastodon.entities.account import account
from fedi.mastodon.writing import MIN_POLL_SECONDS
from fedi.media import kinds
from fedi.push import keys as push_keys
from fedi.text.plain import to_html
from storage import actors, peers, people, posts
from storage.actors import Actor
from storage.metadata import Tx

COMPATIBLE = f"4.5.0 (compatible; fedi {VERSION})"
"""Ice Cubes reads the first three characters as a number, Phanpy and Mastodon.py a version at the start."""

API = 7
"""`api_versions.mastodon`: 2 has grouped notifications, 7 quotes. What 3 to 6 brought (attribution, deleting media,
blurring filters, featured tags) is of things that nobody has here: their lists are empty, and clients show nothing."""

_MONTH = 30 * 24 * 3600 * 1000
_KEPT = 60_000
_URL_LENGTH = 23


@dataclass(frozen=True, slots=True)
class Facts:
    """What of the database an instance's description tells."""

    people: int
    active: int
    posts: int
    hosts: int
    contact: Actor | None
    vapid: str


_facts: dict[str, tuple[int, Facts]] = {}


async def facts(site: Site) -> Facts:
    """The facts, at most a minute old: clients ask at every start, and counting costs."""
    now = site.clock()
    known = _facts.get(site.db.url)
    if known is not None and 0 <= now - known[0] < _KEPT:
        return known[1]

    def unit(tx: Tx) -> Facts:
        total, active = people.totals(tx, now - _MONTH)
        admins = people.by_role(tx, "admin")
        contact = actors.by_id(tx, admins[0]) if admins else None
        hosts = len(peers.everyone(tx))
        return Facts(total, active, posts.local_total(tx), hosts, contact, push_keys.public(tx, site))

    found = await site.db.read(unit)
    if len(_facts) > 1000:
        _facts.clear()
    _facts[site.db.url] = (now, found)
    return found


async def v2(request: Request) -> Response:
    """GET /api/v2/instance."""
    site: Site = request.app.state.site
    config = site.config
    told = await facts(site)
    return _public(
        {
            "domain": config.handle_domain,
            "title": config.name,
            "version": COMPATIBLE,
            "source_url": "",
            "description": config.description,
            "usage": {"users": {"active_month": told.active}},
            "thumbnail": {"url": _thumbnail(site), "blurhash": None, "versions": {}, "description": ""},
            "icon": [],
            "languages": ["en"],
            "configuration": {
                "urls": {
                    "streaming": _socket(site),
                    "status": None,
                    "about": f"{config.origin}/about",
                    "privacy_policy": None,
                    "terms_of_service": None,
                },
                "vapid": {"public_key": told.vapid},
                **_limits(),
                "translation": {"enabled": bool(config.translation.url)},
                "timelines_access": {
                    "live_feeds": {"local": "public", "remote": "public"},
                    "hashtag_feeds": {"local": "public", "remote": "public"},
                    "trending_link_feeds": {"local": "public", "remote": "public"},
                },
                "limited_federation": config.federation.mode != "open",
            },
            "registrations": {
                "enabled": config.registrations in ("open", "approval"),
                "approval_required": config.registrations == "approval",
                "reason_required": False,
                "message": None,
                "min_age": None,
                "url": f"{config.origin}/join",
            },
            "api_versions": {"mastodon": API},
            "contact": {
                "email": config.contact,
                "account": None if told.contact is None else account(config.origin, told.contact),
            },
            "rules": [],
        }
    )


async def v1(request: Request) -> Response:
    """GET /api/v1/instance: deprecated since 4.0, and all that toot, megalodon and Toot! ask."""
    site: Site = request.app.state.site
    config = site.config
    told = await facts(site)
    return _public(
        {
            "uri": config.handle_domain,
            "title": config.name,
            "short_description": config.description,
            "description": config.description,
            "email": config.contact,
            "version": COMPATIBLE,
            "urls": {"streaming_api": _socket(site)},
            "stats": {"user_count": told.people, "status_count": told.posts, "domain_count": told.hosts},
            "thumbnail": _thumbnail(site),
            "languages": ["en"],
            "registrations": config.registrations in ("open", "approval"),
            "approval_required": config.registrations == "approval",
            "invites_enabled": config.registrations == "invite",
            "configuration": _limits(),
            "max_toot_chars": MAX_CHARACTERS,
            "contact_account": None if told.contact is None else account(config.origin, told.contact),
            "rules": [],
        }
    )


def _limits() -> dict[str, Any]:
    """What a post may hold. Clients believe these: no media means that they offer none."""
    return {
        "accounts": {
            "max_featured_tags": hashtags.MOST_FEATURED,
            "max_pinned_statuses": pins.MOST,
            "max_profile_fields": 8,
        },
        "statuses": {
            "max_characters": MAX_CHARACTERS,
            "max_media_attachments": media.MOST,
            "characters_reserved_per_url": _URL_LENGTH,
        },
        "media_attachments": {
            "supported_mime_types": list(kinds.MEDIA_TYPES),
            "description_limit": media.MAX_DESCRIPTION,
            "image_size_limit": kinds.IMAGE_BYTES,
            "image_matrix_limit": kinds.MATRIX,
            "video_size_limit": kinds.FILM_BYTES,
            "video_frame_rate_limit": kinds.FRAME_RATE,
            "video_matrix_limit": kinds.FILM_MATRIX,
        },
        "polls": {
            "max_options": MAX_OPTIONS,
            "max_characters_per_option": MAX_OPTION_CHARACTERS,
            "min_expiration": MIN_POLL_SECONDS,
            "max_expiration": MAX_POLL_DAYS * 24 * 3600,
        },
    }


def _thumbnail(site: Site) -> str:
    return f"{site.config.origin}/headers/original/missing.png"


def _socket(site: Site) -> str:
    return "ws" + site.config.origin.removeprefix("http")


def _public(content: Any) -> Response:
    return Json(content, headers={"cache-control": "public, max-age=60"})


async def known_peers(request: Request) -> Response:
    """GET /api/v1/instance/peers: the hosts we met."""
    site: Site = request.app.state.site
    rows = await site.db.read(peers.everyone)
    return _public([row.host for row in rows if row.stance != "blocked"])


async def domain_blocks(request: Request) -> Response:
    """GET /api/v1/instance/domain_blocks: hosts that are blocked or limited here, and why."""
    site: Site = request.app.state.site
    rows = await site.db.read(peers.everyone)
    severity = {"blocked": "suspend", "limited": "silence"}
    return _public(
        [
            {
                "domain": row.host,
                "digest": hashlib.sha256(row.host.encode()).hexdigest(),
                "severity": severity[row.stance],
                "comment": row.reason or "",
            }
            for row in rows
            if row.stance in severity
        ]
    )


async def extended_description(request: Request) -> Response:
    """GET /api/v1/instance/extended_description."""
    site: Site = request.app.state.site
    text = site.config.description
    content = to_html(text, {}, lambda tag: site.iri(f"/tags/{tag}")) if text.strip() else ""
    return _public({"updated_at": moment(0), "content": content})


async def privacy_policy(request: Request) -> Response:
    """GET /api/v1/instance/privacy_policy: none was written yet."""
    return _public({"updated_at": moment(0), "content": ""})


async def languages(request: Request) -> Response:
    """GET /api/v1/instance/languages."""
    return _public([{"code": "en", "name": "English"}])


async def empty_list(request: Request) -> Response:
    """Rules, weekly activity, custom emojis: there are none."""
    return _public([])


async def translation_languages(request: Request) -> Response:
    """GET /api/v1/instance/translation_languages: from what the engine translates into what; empty without one."""
    site: Site = request.app.state.site
    return _public(await translating.languages(site))


ROUTES = [
    Route("/api/v2/instance", v2),
    Route("/api/v1/instance", v1),
    Route("/api/v1/instance/peers", known_peers),
    Route("/api/v1/instance/domain_blocks", domain_blocks),
    Route("/api/v1/instance/extended_description", extended_description),
    Route("/api/v1/instance/privacy_policy", privacy_policy),
    Route("/api/v1/instance/languages", languages),
    Route("/api/v1/instance/translation_languages", translation_languages),
    Route("/api/v1/instance/rules", empty_list),
    Route("/api/v1/instance/activity", empty_list),
    Route("/api/v1/custom_emojis", empty_list),
]
