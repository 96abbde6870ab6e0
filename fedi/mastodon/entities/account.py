"""The Account entity: a person or group, local or remote, as clients know them. Pure: rows in, dicts out."""

import html
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import Any

import msgspec

from fedi.caches import Cache, shared
from fedi.mastodon.answers import day, moment
from fedi.mastodon.entities.emoji import emojis
from storage.actors import FIGURES, Actor, Figures
from storage.people import Person

_DAY = 86_400_000
_rendered: Cache[tuple[str, int], tuple[Actor, msgspec.Raw, int]] = shared("accounts", 8_000, 4 << 20)
_encode = msgspec.json.Encoder().encode

# storage/people.settings -> Mastodon's `source` and preferences
PRIVACY = {"public": "public", "unlisted": "unlisted", "followers": "private", "direct": "direct"}


def acct(actor: Actor) -> str:
    """`name` of a local actor, `name@domain` of a remote one."""
    return actor.username if actor.local else f"{actor.username}@{actor.domain}"


def account(origin: str, actor: Actor, newer: Figures | None = None) -> msgspec.Raw:
    """The Account as ready JSON. Kept while the row stays the same, as the same few authors fill every timeline; while only
    its figures change, all else of it. `newer` are figures since the row was read."""
    key = (origin, actor.id)
    known = _rendered.get(key)
    if known is not None and newer is None and (known[0] is actor or known[0] == actor):
        return known[1]
    if known is not None and (known[0] is actor or _lasting(known[0]) == _lasting(actor)):
        lasting = bytes(memoryview(known[1])[: known[2]])
        if newer is not None:
            return msgspec.Raw(lasting + _encoded(newer))
    else:
        shown = account_dict(origin, actor)
        for name in _FIGURES:
            del shown[name]
        lasting = _encode(shown)[:-1]
    made = msgspec.Raw(lasting + _encoded(figures_of(actor)))
    size = 2 * len(lasting) + 2000  # the row says the same again, in a string each
    _rendered.put(key, (actor, made, len(lasting)), size)
    return made if newer is None else msgspec.Raw(lasting + _encoded(newer))


_FIGURES = ("followers_count", "following_count", "statuses_count", "last_status_at")
_lasting = attrgetter(*(field.name for field in fields(Actor) if field.name not in FIGURES))


def _encoded(figures: Figures) -> bytes:
    """The end of an Account."""
    last = b"null" if figures.last_post_at is None else b'"%s"' % day(figures.last_post_at).encode()
    return b',"followers_count":%d,"following_count":%d,"statuses_count":%d,"last_status_at":%s}' % (
        figures.followers,
        figures.following,
        figures.posts,
        last,
    )


def figures_of(actor: Actor) -> Figures:
    """The figures of an account as they are shown: when who is suspended wrote last is not told."""
    last = actor.last_post_at if actor.state in ("active", "pending") else None
    return Figures(actor.followers_count, actor.following_count, actor.posts_count, last)


@dataclass(frozen=True, slots=True)
class About:
    """What of an account is not in its own row: the account that it moved to, its role here, whether its host is limited."""

    moved: Actor | None = None
    role: str = "member"
    limited: bool = False


def account_dict(origin: str, actor: Actor, about: About | None = None) -> dict[str, Any]:
    """The Account with every field that a strict client wants; images are never null or empty.

    Of one that is suspended nothing is told but its name, as Mastodon does. `about` adds to it; without it the account has
    no `moved`, no roles and is not limited.
    """
    hidden = actor.state not in ("active", "pending")  # who waits is shown to nobody but those who decide
    if hidden:
        actor = replace(
            actor,
            name="",
            summary="",
            icon=None,
            image=None,
            icon_description=None,
            image_description=None,
            fields=[],
            emoji=[],
            kind="Group" if actor.is_group else "Person",
            discoverable=False,
            indexable=False,
            last_post_at=None,
        )
    avatar = actor.icon or f"{origin}/avatars/original/{'group' if actor.is_group else 'missing'}.png"
    header = actor.image or f"{origin}/headers/original/missing.png"
    shown: dict[str, Any] = {
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
        "avatar_static": still(origin, avatar),
        "avatar_description": actor.icon_description or "",
        "header": header,
        "header_static": still(origin, header),
        "header_description": actor.image_description or "",
        "followers_count": actor.followers_count,
        "following_count": actor.following_count,
        "statuses_count": actor.posts_count,
        "last_status_at": None if actor.last_post_at is None else day(actor.last_post_at),
        "hide_collections": actor.hide_collections,
        "noindex": not actor.indexable,
        "emojis": emojis(actor.emoji),
        "roles": [],
        "fields": [field(one) for one in actor.fields],
        **{f"show_{tab}": tab not in actor.hides for tab in ("media", "media_replies", "featured")},
        # Nobody is put into collections here.
        "feature_approval": {"automatic": [], "manual": [], "current_user": "denied"},
    }
    if hidden:
        shown["suspended"] = True
    if about is not None:
        if about.role != "member":
            own = role(about.role)
            shown["roles"] = [{name: own[name] for name in ("id", "name", "color")}]
        if about.limited:
            shown["limited"] = True
        if about.moved is not None:
            shown["moved"] = account_dict(origin, about.moved)
    return shown


def still(origin: str, picture: str) -> str:
    """The address of a picture that does not move: beside a moving one of ours lies a still (`fedi.media.decode`)."""
    if picture.endswith(".gif") and picture.startswith(f"{origin}/media/"):
        return picture.removesuffix(".gif") + "-small.png"
    return picture


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
    way = "follow it to ask for membership" if actor.approves_followers else "follow it to join"
    return f"{actor.summary}<p>A group: {way}, mention {name} to post in it.</p>"


def typed_fields(actor: Actor) -> list[dict[str, Any]]:
    """The fields of a local profile as they were typed; what the institution says of a person is not among them."""
    own = [one for one in actor.fields if "affiliation" not in one]
    return [{**field(one), "value": one.get("source", one.get("value", ""))} for one in own]


def credentials(
    origin: str, actor: Actor, person: Person | None, requests: int, about: About | None = None
) -> dict[str, Any]:
    """The CredentialAccount: the caller's own account with `source` as typed, `requests` pending, and the role."""
    settings = person.settings if person is not None else {}
    own = person.role if person is not None else "member"
    shown = account_dict(origin, actor, replace(about or About(), role=own))
    shown["source"] = {
        "privacy": PRIVACY.get(settings.get("visibility", "public"), "public"),
        "sensitive": bool(settings.get("sensitive", False)),
        "language": settings.get("language"),
        "note": actor.source or "",
        "fields": typed_fields(actor),
        "follow_requests_count": requests,
        "hide_collections": actor.hide_collections,
        "discoverable": actor.discoverable,
        "indexable": actor.indexable,
        "attribution_domains": settings.get("attribution_domains", []),
        "quote_policy": settings.get("quote_policy", "public"),
    }
    shown["role"] = role(own)
    return shown


def profile(origin: str, actor: Actor, person: Person | None) -> dict[str, Any]:
    """The Profile (4.6): what the caller can edit of their own account, as typed; pictures null where there are none."""
    shown = account_dict(origin, actor)
    for name, kept in (("avatar", actor.icon), ("header", actor.image)):
        if kept is None:
            shown[name] = shown[f"{name}_static"] = None
    settings = person.settings if person is not None else {}
    return {
        **{name: shown[name] for name in _EDITED},
        "note": actor.source or "",
        "fields": typed_fields(actor),
        "formatted_note": actor.summary,
        "formatted_fields": shown["fields"],
        "attribution_domains": settings.get("attribution_domains", []),
    }


_EDITED = (
    *("id", "display_name", "avatar", "avatar_static", "avatar_description", "header", "header_static"),
    *("header_description", "locked", "bot", "hide_collections", "discoverable", "indexable"),
    *("show_media", "show_media_replies", "show_featured"),
)


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
