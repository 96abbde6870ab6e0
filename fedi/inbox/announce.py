"""Announce: a person boosts a post, or a group passes on what happened in it (FEP-1b12).

What a group passes on is another's word, so nothing of it is believed as such: it carries its actor's proof (FEP-8b32), or
the post is read, or the activity fetched by its id, from its own origin.
"""

from dataclasses import replace
from typing import Any

from federation import fields as wire
from federation.activity import Authentic
from federation.signatures.integrity import proof_key_id
from fedi.actions import conversations, remote_posts
from fedi.actions import reactions as reaction_actions
from fedi.context import Site
from fedi.inbox import create as create_handler
from fedi.inbox import delete as delete_handler
from fedi.inbox import like as like_handler
from fedi.inbox import undo as undo_handler
from fedi.inbox import update as update_handler
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Needs
from fedi.inbox.objects import embedded, object_id, post, signer
from storage import actors, follows, posts, reactions
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post
from storage.reactions import Boost

PASSED_ON = frozenset({"Like", "Dislike", "EmojiReact", "Undo"})
"""Types whose meaning is in the activity itself, so it is fetched; of the others the post's own state tells all."""

ABOUT_POSTS = frozenset({"Create", "Update", "Delete"})


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """The post as its origin has it, or the activity that was passed on."""
    announcer = actors.by_iri(tx, received.signer)
    if announcer is None or not wanted(tx, received, announcer):
        return NOTHING
    inner = embedded(received.activity)
    kinds = set(wire.types(inner)) if inner is not None else set()
    found = _unproven(tx, site, received, inner, kinds)
    # With a proof nobody need be asked, nor known to show it to us.
    return replace(found, inner=inner) if found and inner is not None and proof_key_id(inner) is not None else found


def _unproven(tx: Tx, site: Site, received: Authentic, inner: dict[str, Any] | None, kinds: set[str]) -> Needs:
    """What must be fetched of an Announce of which nothing is proven but who sent it."""
    named = _post_id(received)
    if kinds & PASSED_ON:
        inner_id = wire.id_of(inner)
        if inner_id is None or site.is_local(inner_id):
            return NOTHING
        voter = wire.first_id(inner.get("actor")) if inner is not None else None
        unknown = voter is not None and not site.is_local(voter) and actors.by_iri(tx, voter) is None
        return Needs(activities=(inner_id,), actors=(voter,) if voter is not None and unknown else ())
    if named is None or site.is_local(named):
        return NOTHING
    if posts.by_iri(tx, named) is None:
        return Needs(posts=(named,))
    return Needs(fresh=(named,)) if kinds & {"Update", "Delete"} else NOTHING


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """Keep the boost, or what the group passed on."""
    announcer = signer(tx, received)
    if not wanted(tx, received, announcer):
        raise Ignored("not-relevant", "nobody here follows who announces, and it is not about a post of this instance")
    inner = embedded(received.activity)
    kinds = set(wire.types(inner)) if inner is not None else set()
    if inner is not None and "Announce" in kinds:
        raise Ignored("nested-announce", "an announce of an announce would go round in circles")
    passed_on = kinds & PASSED_ON
    if inner is not None and passed_on:
        _handle_inner(tx, site, announcer, inner, fetched)
        return
    proven = fetched.activities.get(wire.id_of(inner) or "") if inner is not None else None
    if proven is not None and announcer.is_group and kinds & ABOUT_POSTS:
        _handle_proven(tx, site, announcer, proven, fetched)
    named = _post_id(received)
    if named is None:
        raise Ignored("unsupported-type", f"an Announce of {', '.join(sorted(kinds)) or 'nothing'} is not kept")
    if kinds & {"Update", "Delete"}:
        return  # it was proven, or the post's origin was asked how it is now, and that was kept
    found = post(tx, named)
    if announcer.is_group:
        at = received.activity.published or site.clock()
        remote_posts.announced(tx, site, announcer, found, received.activity.id, at)
        context = wire.first_id(received.activity.document.get("context"))
        conversations.named(tx, site, announcer, found, context)
        return
    _boost(tx, site, received, announcer, found)


def wanted(tx: Tx, received: Authentic, announcer: Actor) -> bool:
    """Whether an Announce concerns anyone here: its sender is followed, or its post is one of this instance."""
    if follows.has_local_follower(tx, announcer.id):
        return True
    named = _post_id(received)
    found = posts.by_iri(tx, named) if named is not None else None
    return found is not None and found.local


def _post_id(received: Authentic) -> str | None:
    """The IRI of the post that is boosted, or that the passed-on activity is about."""
    inner = embedded(received.activity)
    if inner is not None and ABOUT_POSTS.intersection(wire.types(inner)):
        return wire.first_id(inner.get("object"))
    if inner is not None and PASSED_ON & set(wire.types(inner)):
        return None
    return object_id(received.activity)


def _handle_proven(tx: Tx, site: Site, group: Actor, proven: Authentic, fetched: Fetched) -> None:
    """A Create, Update or Delete that a group passed on, and that its actor's own proof vouches for."""
    if proven.activity.type == "Create":
        create_handler.keep(tx, site, proven, vouched_by=group)
    elif proven.activity.type == "Update":
        document = embedded(proven.activity)
        if document is None or wire.milliseconds(document.get("updated")) is None:
            # Without a time nobody can tell whether the group passes on what was said last.
            raise Ignored("undated", "an edit that a group passes on needs the time of it")
        update_handler.handle(tx, site, proven, fetched)
    elif proven.activity.type == "Delete":
        delete_handler.handle(tx, site, proven, fetched)


def _handle_inner(tx: Tx, site: Site, group: Actor, inner: dict[str, Any], fetched: Fetched) -> None:
    if site.is_local(wire.id_of(inner) or ""):
        raise Ignored("known", "it was done here, so it is known here")
    proven = fetched.activities.get(wire.id_of(inner) or "")
    if proven is None:
        raise Ignored("unproven", "the activity that was passed on could not be had from its own origin")
    if proven.activity.type == "Undo":
        undo_handler.handle(tx, site, proven, fetched)
    elif proven.activity.type in PASSED_ON:
        like_handler.keep(tx, site, proven, vouched_by=group)
    else:
        raise Ignored("unsupported-type", f"a passed-on {proven.activity.type} is not kept")


def _boost(tx: Tx, site: Site, received: Authentic, announcer: Actor, found: Post) -> None:
    if found.visibility not in reaction_actions.BOOSTABLE:
        raise Ignored("not-boostable", "a post that is not for everyone can't be boosted")
    if reactions.find_boost(tx, announcer.id, found.id) is not None:
        raise Ignored("known", "this boost is known already")
    at = min(received.activity.published or site.clock(), site.clock())
    made = Boost(site.new_id(), announcer.id, found.id, received.activity.id, at)
    reaction_actions.keep_boost(tx, site, announcer, found, made)
