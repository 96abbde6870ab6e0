"""Announce: a person boosts a post, or a group passes on what happened in it (`fedi.inbox.passed_on`).

A group may pass several activities on at once (FEP-1a11, PieFed's batches of votes).
"""

from typing import Any

from federation import fields as wire
from federation.activity import Authentic
from federation.audience import read_audience
from federation.errors import FederationError
from fedi.actions import conversations, remote_posts, twins
from fedi.actions import reactions as reaction_actions
from fedi.context import Site
from fedi.errors import Problem
from fedi.inbox import passed_on
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Needs
from fedi.inbox.objects import in_scope, object_id, post, signer
from storage import actors, follows, posts, reactions
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post
from storage.reactions import Boost
from storage.savepoints import savepoint

MAX_BATCH = 100
"""Activities that a group may pass on at once; what is beyond is left out."""

_COLLECTIONS = frozenset({"Collection", "OrderedCollection"})


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """The post as its origin has it, or what proves the activities that were passed on."""
    announcer = actors.by_iri(tx, received.signer)
    if announcer is None or not wanted(tx, received, announcer):
        return NOTHING
    inner = activities(received)
    if inner:
        found = NOTHING
        for one in inner if announcer.is_group else ():
            found += passed_on.needs(tx, site, announcer, one)
        return found
    named = _post_id(received)
    if named is None or site.is_local(named) or posts.by_iri(tx, named) is not None:
        return NOTHING
    return Needs(posts=(named,))


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """Keep the boost, or what the group passed on."""
    announcer = signer(tx, received)
    if not wanted(tx, received, announcer):
        raise Ignored("not-relevant", "nobody here follows who announces, and it is not about a post of this instance")
    inner = activities(received)
    if not inner:
        _one(tx, site, received, announcer)
        return
    if not announcer.is_group:
        raise Ignored("not-a-group", "only groups pass on what others do")
    if len(inner) == 1:
        passed_on.handle(tx, site, received, announcer, inner[0], fetched)
        return
    _batch(tx, site, received, announcer, inner, fetched)


def activities(received: Authentic) -> list[dict[str, Any]]:
    """The activities that are passed on: none when it is a post that is announced, embedded or by its id."""
    found = wire.as_objects(received.activity.object)
    if len(found) == 1 and _COLLECTIONS.intersection(wire.types(found[0])):
        # Only here: a collection within the list would be another batch within this one.
        items = found[0].get("orderedItems")
        found = wire.as_objects(found[0].get("items") if items is None else items)
    # A post has an author; whatever has an actor was done.
    return [one for one in found if wire.first_id(one.get("actor")) is not None and "object" in one][:MAX_BATCH]


def wanted(tx: Tx, received: Authentic, announcer: Actor) -> bool:
    """Whether an Announce concerns anyone here: its sender is followed, its post is one of this instance, or it bans, or
    lets in again, somebody of this instance."""
    if follows.has_local_follower(tx, announcer.id):
        return True
    inner = activities(received)
    if len(inner) == 1 and announcer.is_group and _banned_here(tx, inner[0]):
        return True
    named = _post_id(received)
    found = posts.by_iri(tx, named) if named is not None else None
    return found is not None and found.local


def _banned_here(tx: Tx, inner: dict[str, Any]) -> bool:
    undone = wire.as_objects(inner.get("object"))
    block = undone[0] if undone and "Undo" in wire.types(inner) else inner
    named = wire.first_id(block.get("object")) if "Block" in wire.types(block) else None
    person = actors.by_iri(tx, named) if named is not None else None
    return person is not None and person.local


def _post_id(received: Authentic) -> str | None:
    """The IRI of the post that is boosted, or that the one passed-on activity is about."""
    inner = activities(received)
    if not inner:
        return wire.first_id(received.activity.object)
    about = len(inner) == 1 and passed_on.ABOUT_POSTS.intersection(wire.types(inner[0]))
    return wire.first_id(inner[0].get("object")) if about else None


def _batch(
    tx: Tx, site: Site, received: Authentic, group: Actor, inner: list[dict[str, Any]], fetched: Fetched
) -> None:
    """Each by itself: what is wrong with one is no reason to lose the others. Raises the first problem when none is kept."""
    first: Problem | FederationError | Ignored | None = None
    kept = 0
    for one in inner:
        try:
            with savepoint(tx):
                passed_on.handle(tx, site, received, group, one, fetched)
            kept += 1
        except (Problem, FederationError, Ignored) as problem:
            first = first or problem
    if not kept and first is not None:
        raise first


def _one(tx: Tx, site: Site, received: Authentic, announcer: Actor) -> None:
    """A post that is announced as such."""
    found = post(tx, object_id(received.activity))
    if announcer.is_group:
        at = received.activity.published or site.clock()
        found = twins.relay(tx, site, announcer, found, None)
        everyone = read_audience(received.activity.document).public_in is not None
        remote_posts.announced(tx, site, announcer, found, received.activity.id, at, to_everyone=everyone)
        conversations.named(tx, site, announcer, found, wire.first_id(received.activity.document.get("context")))
        return
    _boost(tx, site, received, announcer, found)


def _boost(tx: Tx, site: Site, received: Authentic, announcer: Actor, found: Post) -> None:
    if found.visibility not in reaction_actions.BOOSTABLE:
        raise Ignored("not-boostable", "a post that is not for everyone can't be boosted")
    if reactions.find_boost(tx, announcer.id, found.id) is not None:
        raise Ignored("known", "this boost is known already")
    in_scope(tx, found, announcer, "announce")
    at = min(received.activity.published or site.clock(), site.clock())
    audience = read_audience(received.activity.document)
    visibility = {"to": "public", "cc": "unlisted", None: "followers"}[audience.public_in]
    if audience.public_in is None and not audience.everyone:
        visibility = "public"  # addressed to nobody: as ever. To some people alone, it is for no more than followers
    made = Boost(site.new_id(), announcer.id, found.id, received.activity.id, at, visibility)
    reaction_actions.keep_boost(tx, site, announcer, found, made)
