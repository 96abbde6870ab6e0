"""The Announcement entity, with its Reactions: what the operator tells everyone here."""

from typing import Any
from urllib.parse import quote

from fedi.context import Site
from fedi.mastodon.answers import moment
from fedi.mastodon.entities.account import acct
from fedi.text.mentions import handles_in, hashtags_in
from fedi.text.plain import to_html
from storage import actors, announcements
from storage.actors import Actor
from storage.announcements import Announcement, Reaction
from storage.metadata import Tx

_HANDLES = 50


def shown(tx: Tx, site: Site, found: list[Announcement], person_id: int | None) -> list[dict[str, Any]]:
    """Some announcements as a person sees them; without one (streams, which tell all the same) `read` and `me` are left
    out."""
    reactions = announcements.reactions(tx, [one.id for one in found], person_id)
    read = announcements.dismissed(tx, person_id) if person_id is not None else frozenset[int]()
    return [
        _entity(tx, site, one, reactions.get(one.id, []), None if person_id is None else one.id in read)
        for one in found
    ]


def announcement(tx: Tx, site: Site, announcement_id: int) -> dict[str, Any] | None:
    """An announcement as it is streamed to everyone; None when it is not shown (any more)."""
    found = [one for one in announcements.shown(tx, site.clock()) if one.id == announcement_id]
    return shown(tx, site, found, None)[0] if found else None


def reaction(tx: Tx, announcement_id: int, name: str) -> dict[str, Any]:
    """What is streamed of a reaction: its count, which is 0 when the last one was taken back."""
    found = announcements.reactions(tx, [announcement_id], None).get(announcement_id, [])
    count = next((one.count for one in found if one.name == name), 0)
    return {"name": name, "count": count, "announcement_id": str(announcement_id)}


def _entity(tx: Tx, site: Site, one: Announcement, reactions: list[Reaction], read: bool | None) -> dict[str, Any]:
    mentioned = _mentioned(tx, site, one.text)
    origin = site.config.origin
    links = {handle: (actor.url, actor.username) for handle, actor in mentioned.items()}
    return {
        "id": str(one.id),
        "content": to_html(one.text, links, lambda tag: f"{origin}/tags/{quote(tag)}"),
        "starts_at": None if one.starts_at is None else moment(one.starts_at),
        "ends_at": None if one.ends_at is None else moment(one.ends_at),
        "all_day": one.all_day,
        "published_at": moment(one.published_at or one.created_at),
        "updated_at": moment(one.updated_at),
        **({} if read is None else {"read": read}),
        "mentions": [
            {"id": str(actor.id), "username": actor.username, "url": actor.url, "acct": acct(actor)}
            for actor in {actor.id: actor for actor in mentioned.values()}.values()
        ],
        "statuses": [],
        "tags": [{"name": tag.lower(), "url": f"{origin}/tags/{quote(tag.lower())}"} for tag in hashtags_in(one.text)],
        "emojis": [],
        "reactions": [
            {"name": each.name, "count": each.count, **({} if read is None else {"me": each.mine})}
            for each in reactions
        ],
    }


def _mentioned(tx: Tx, site: Site, text: str) -> dict[str, Actor]:
    found: dict[str, Actor] = {}
    for handle in handles_in(text)[:_HANDLES]:
        username, _, domain = handle.partition("@")
        actor = actors.by_name(tx, username, domain or site.config.handle_domain)
        if actor is not None and actor.state == "active":
            found[handle.lower()] = actor
    return found
