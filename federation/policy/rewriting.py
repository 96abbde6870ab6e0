"""Rewriting: what a policy does to a post or an actor that is taken, before it is kept. Pure: a document in, a document out.

It works on what was read (`vocabulary.note`, `vocabulary.actor`), so that it is the same for whatever was received, fetched
or passed on. What is refused, held or counted is not here: that is the verdict (`federation.policy.decide`).
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from federation.audience import Audience
from federation.vocabulary.actor import ActorDocument
from federation.vocabulary.note import PostDocument

POSTS = frozenset({"strip-media", "sensitive", "delist", "unlisted", "followers-only"})
"""Effects that change a post."""
ACTORS = frozenset({"strip-avatar", "strip-header", "strip-media"})
"""Effects that change an actor."""


def post(document: PostDocument, effects: Collection[str], followers: str | None) -> PostDocument:
    """The post as it is kept under these effects; `followers` is its author's collection of followers.

    `strip-media` takes away attachments and custom emoji (Akkoma's media_removal, Mastodon's reject_media); `sensitive`
    marks it (media_nsfw); `delist` and `unlisted` keep it out of public timelines (federated_timeline_removal), as Public
    moves from `to` to `cc`; `followers-only` takes Public away (followers_only). What was for fewer stays so.
    """
    if POSTS.isdisjoint(effects):
        return document
    changed: dict[str, Any] = {}
    if "strip-media" in effects:
        changed |= {"attachments": [], "emoji": []}
    if "sensitive" in effects:
        changed["sensitive"] = True
    audience = document.audience
    if audience.public_in is not None and "followers-only" in effects:
        changed["audience"] = _narrowed(audience, followers)
    elif audience.public_in == "to" and not {"delist", "unlisted"}.isdisjoint(effects):
        changed["audience"] = Audience(audience.to, audience.cc, "cc")
    return replace(document, **changed) if changed else document


def actor(document: ActorDocument, effects: Collection[str]) -> ActorDocument:
    """The actor as it is kept under these effects: `strip-avatar` (avatar_removal), `strip-header` (banner_removal), and
    with `strip-media` neither picture, as Mastodon's reject_media. Backgrounds are kept of nobody (background_removal)."""
    if ACTORS.isdisjoint(effects):
        return document
    changed: dict[str, Any] = {}
    if "strip-avatar" in effects or "strip-media" in effects:
        changed |= {"icon": None, "icon_description": None}
    if "strip-header" in effects or "strip-media" in effects:
        changed |= {"image": None, "image_description": None}
    return replace(document, **changed)


def _narrowed(audience: Audience, followers: str | None) -> Audience:
    """Without Public; for the followers, where the author has a collection of them, and whoever is named."""
    named = audience.everyone
    to = (followers, *(one for one in named if one != followers)) if followers is not None else named
    return Audience(to, (), None)
