"""What this server is, for clients: both forms of `instance`. The small pages about it are in `instance_pages`."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import VERSION
from fedi.actions import hashtags, media, pins
from fedi.actions.drafts import MAX_CHARACTERS, MAX_OPTION_CHARACTERS, MAX_OPTIONS, MAX_POLL_DAYS
from fedi.actions.profiles import DESCRIPTION_LENGTH, FIELD_LENGTH, FIELDS, NAME_LENGTH, NOTE_LENGTH
from fedi.context import Site
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.account import account
from fedi.mastodon.writing import MIN_POLL_SECONDS
from fedi.media import kinds
from fedi.push import keys as push_keys
from storage import actors, peers, people, posts
from storage.actors import Actor
from storage.metadata import Tx

COMPATIBLE = f"4.5.0 (compatible; fedi {VERSION})"
"""Ice Cubes reads the first three characters as a number, Phanpy and Mastodon.py a version at the start."""

API = 9
"""`api_versions.mastodon`, and what each step asks for: 2 grouped notifications, 3 attribution domains (kept; no preview names
an author), 4 deleting media, 5 filters that blur, 6 featured tags and accounts, 7 quotes, 8 `exclude_direct` and
/api/v1/profile, 9 descriptions of avatar and header. 10 would be collections, which nobody has here."""

GROUPS_API = "pleroma:groups.pleroma.pl-api"
"""What pl-fe looks for in `api_versions` before it shows groups (`fedi.mastodon.groups`)."""

_MONTH = 30 * 24 * 3600 * 1000
_KEPT = 60_000
_URL_LENGTH = 23
_BLURHASH = "00Ogc{"
"""Of the thumbnail, which is of one colour."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What of the database an instance's description tells."""

    people: int
    active: int
    posts: int
    hosts: int
    contact: Actor | None
    vapid: str


async def facts(site: Site) -> Facts:
    """The facts, at most a minute old: clients ask at every start, and counting costs."""
    now = site.clock()

    def unit(tx: Tx) -> Facts:
        total, active = people.totals(tx, now - _MONTH)
        admins = people.by_role(tx, "admin")
        contact = actors.by_id(tx, admins[0]) if admins else None
        hosts = peers.total(tx)
        return Facts(total, active, posts.local_total(tx), hosts, contact, push_keys.public(tx, site))

    return await site.recent.get("instance", now, _KEPT, lambda: site.db.read(unit))


async def v2(request: Request) -> Response:
    """GET /api/v2/instance."""
    site: Site = request.app.state.site
    config = site.config
    told = await facts(site)
    return public(
        {
            "domain": config.handle_domain,
            "title": config.name,
            "version": COMPATIBLE,
            "source_url": "",
            "description": config.description,
            "usage": {"users": {"active_month": told.active}},
            "thumbnail": {
                "url": _thumbnail(site),
                "blurhash": _BLURHASH,
                "versions": {"@1x": _thumbnail(site), "@2x": _thumbnail(site)},
                "description": "",
            },
            "icon": [{"src": f"{config.origin}/avatars/original/group.png", "size": "240x240"}],
            "languages": list(config.languages),
            "configuration": {
                "urls": {
                    "streaming": _socket(site),
                    "status": None,
                    "about": f"{config.origin}/about",
                    "privacy_policy": f"{config.origin}/about#privacy" if config.privacy_policy is not None else None,
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
            "api_versions": {"mastodon": API, GROUPS_API: 1},
            "contact": {
                "email": config.contact,
                "account": None if told.contact is None else account(config.origin, told.contact),
            },
            "rules": rules(site),
            "wrapstodon": None,
        }
    )


async def v1(request: Request) -> Response:
    """GET /api/v1/instance: deprecated since 4.0, and all that toot, megalodon and Toot! ask."""
    site: Site = request.app.state.site
    config = site.config
    told = await facts(site)
    return public(
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
            "languages": list(config.languages),
            "registrations": config.registrations in ("open", "approval"),
            "approval_required": config.registrations == "approval",
            "invites_enabled": config.registrations == "invite",
            "configuration": _limits(),
            "max_toot_chars": MAX_CHARACTERS,
            "contact_account": None if told.contact is None else account(config.origin, told.contact),
            "rules": rules(site),
        }
    )


def _limits() -> dict[str, Any]:
    """What a post may hold. Clients believe these: no media means that they offer none."""
    return {
        "accounts": {
            "max_featured_tags": hashtags.MOST_FEATURED,
            "max_pinned_statuses": pins.MOST,
            "max_profile_fields": FIELDS,
            "max_display_name_length": NAME_LENGTH,
            "max_note_length": NOTE_LENGTH,
            "profile_field_name_limit": FIELD_LENGTH,
            "profile_field_value_limit": FIELD_LENGTH,
            "max_avatar_description_length": DESCRIPTION_LENGTH,
            "max_header_description_length": DESCRIPTION_LENGTH,
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


def rules(site: Site) -> list[dict[str, Any]]:
    """The rules of this instance as the Rule entity, numbered from 1."""
    return [
        {"id": str(number), "text": text, "hint": "", "translations": {}}
        for number, text in enumerate(site.config.rules, 1)
    ]


def _thumbnail(site: Site) -> str:
    return f"{site.config.origin}/headers/original/missing.png"


def _socket(site: Site) -> str:
    return "ws" + site.config.origin.removeprefix("http")


def public(content: Any) -> Response:
    """An answer that is the same for everyone, and may be kept for a minute."""
    return Json(content, headers={"cache-control": "public, max-age=60"})


ROUTES = [
    Route("/api/v2/instance", v2),
    Route("/api/v1/instance", v1),
]
