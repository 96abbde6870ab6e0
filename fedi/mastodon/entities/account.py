"""The Account entity: a person or group, local or remote, as clients know them. Pure: rows in, dicts out."""

import html
from typing import Any

import msgspec

from fedi.mastodon.answers import day, moment
from fedi.mastodon.entities.emoji import emojis
from storage.actors import Actor
from storage.people import Person

_DAY = 86_400_000
_CACHED = 20_000
_cache: dict[tuple[str, int], tuple[Actor, msgspec.Raw]] = {}
_encode = msgspec.json.Encoder().encode

# storage/people.settings -> Mastodon's `source` and preferences
PRIVACY = {"public": "public", "unlisted": "unlisted", "followers": "private", "direct": "direct"}


def acct(actor: Actor) -> str:
    """`name` of a local actor, `name@domain` of a remote one."""
    return actor.username if actor.local else f"{actor.username}@{actor.domain}"


def account(origin: str, actor: Actor) -> msgspec.Raw:
    """The Account as ready JSON. Kept while the row stays the same, as the same few authors fill every timeline."""
    key = (origin, actor.id)
    known = _cache.get(key)
    if known is not None and known[0] == actor:
        return known[1]
    made = msgspec.Raw(_encode(account_dict(origin, actor)))
    if len(_cache) >= _CACHED:
        _cache.clear()  # several threads are here: all at once, rather than one by one
    _cache[key] = (actor, made)
    return made


def account_dict(origin: str, actor: Actor) -> dict[str, Any]:
    """The Account with every field that a strict client wants (CLIENTS 1.5); images are never null or empty."""
    avatar = actor.icon or f"{origin}/avatars/original/{'group' if actor.is_group else 'missing'}.png"
    header = actor.image or f"{origin}/headers/original/missing.png"
    return {
        "id": str(actor.id),
        "username": actor.username,
        "acct": acct(actor),
        "display_name": actor.name,
        "locked": actor.approves_followers,
        "bot": actor.kind in ("Service", "Application"),
        "discoverable": actor.discoverable,
        "indexable": actor.indexable,
        "group": actor.is_group,
        # Mastodon gives midnight, so that the hour of joining tells nobody's time zone.
        "created_at": moment(actor.created_at - actor.created_at % _DAY),
        "note": _note(actor),
        "url": actor.url or actor.iri,
        "uri": actor.iri,
        "avatar": avatar,
        "avatar_static": avatar,
        "avatar_description": "",
        "header": header,
        "header_static": header,
        "header_description": "",
        "followers_count": actor.followers_count,
        "following_count": actor.following_count,
        "statuses_count": actor.posts_count,
        "last_status_at": None if actor.last_post_at is None else day(actor.last_post_at),
        "hide_collections": False,
        "noindex": not actor.indexable,
        "emojis": emojis(actor.emoji),
        "roles": [],
        "fields": [field(one) for one in actor.fields],
    }


def field(one: dict[str, Any]) -> dict[str, Any]:
    """A row of a profile's table."""
    at = one.get("verified_at")
    return {
        "name": one.get("name", ""),
        "value": one.get("value", ""),
        "verified_at": moment(at) if isinstance(at, int) else None,
    }


def _note(actor: Actor) -> str:
    """What stands under the name; a group says how it is used, since clients show it as any account (Lemmy#4339)."""
    if not actor.is_group:
        return actor.summary
    name = html.escape(f"@{actor.username}@{actor.domain}")
    return f"{actor.summary}<p>A group: follow it to join, mention {name} to post in it.</p>"


def credentials(origin: str, actor: Actor, person: Person | None, requests: int) -> dict[str, Any]:
    """The CredentialAccount: the caller's own account with `source` as typed, `requests` pending, and the role."""
    settings = person.settings if person is not None else {}
    shown = account_dict(origin, actor)
    shown["source"] = {
        "privacy": PRIVACY.get(settings.get("visibility", "public"), "public"),
        "sensitive": bool(settings.get("sensitive", False)),
        "language": settings.get("language"),
        "note": actor.source or "",
        "fields": [{**field(one), "value": one.get("source", one.get("value", ""))} for one in actor.fields],
        "follow_requests_count": requests,
        "hide_collections": False,
        "discoverable": actor.discoverable,
        "indexable": actor.indexable,
        "attribution_domains": [],
        "quote_policy": settings.get("quote_policy", "public"),
    }
    shown["role"] = role(person.role if person is not None else "member")
    return shown


def role(name: str) -> dict[str, Any]:
    """The caller's role; permissions are Mastodon's bits (1: administrator; 0x1400000…: see moderator's pages)."""
    ids = {"member": "-99", "moderator": "2", "admin": "3"}
    # view_dashboard, manage_reports, view_audit_log, manage_users: Mastodon's «Moderator» (user_role.rb).
    bits = {"member": 0, "moderator": 1 << 3 | 1 << 4 | 1 << 2 | 1 << 10, "admin": 1}
    return {
        "id": ids.get(name, "-99"),
        "name": "" if name == "member" else name.capitalize(),
        "color": "",
        "permissions": str(bits.get(name, 0)),
        "highlighted": name != "member",
    }


def mention(actor: Actor) -> dict[str, Any]:
    """An actor in the `mentions` of a status."""
    return {"id": str(actor.id), "username": actor.username, "url": actor.url or actor.iri, "acct": acct(actor)}
