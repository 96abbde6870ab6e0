"""Undo: a peer takes back a Follow, a Like, an Announce. Only what the same actor did, by an id that is known here."""

from federation import fields as wire
from federation.activity import Authentic
from federation.errors import Malformed, WrongOrigin
from fedi.actions import follows as follow_actions
from fedi.actions import groups as group_actions
from fedi.actions import reactions as reaction_actions
from fedi.context import Site
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Needs
from fedi.inbox.objects import embedded, signer
from storage import actors, follows, posts, reactions
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """Nothing: what is undone is known, or there is nothing to undo."""
    return NOTHING


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """Find what is undone by its id, or else (Lemmy makes a new id for the inner Like) by actor and object."""
    actor = signer(tx, received)
    inner = embedded(received.activity)
    named = wire.first_id(received.activity.object)
    if named is None and inner is None:
        raise Malformed("an Undo needs an object")
    if inner is not None and (claimed := wire.first_id(inner.get("actor"))) not in (None, actor.iri):
        raise WrongOrigin(f"{actor.iri} can't undo what {claimed} did")
    kinds = set(wire.types(inner)) if inner is not None else set()
    target = wire.first_id(inner.get("object")) if inner is not None else None
    if _undo_follow(tx, site, actor, named, target, kinds):
        return
    unvoted = _undo_like(tx, actor, named, target, kinds)
    if unvoted is None:
        # A boost is its booster's own affair: no group passes it on, nor its undoing.
        if _undo_boost(tx, actor, named, target, kinds) is None:
            raise Ignored("unknown-object", "there is nothing known here to undo")
        return
    group = group_actions.of_posts(tx, unvoted)
    if group is not None:
        group_actions.announce(tx, site, group, received.activity.raw, unvoted, "other")


def _undo_follow(tx: Tx, site: Site, actor: Actor, named: str | None, target: str | None, kinds: set[str]) -> bool:
    follow = follows.by_iri(tx, named) if named is not None else None
    if follow is None and kinds & {"Follow"}:
        followed = actors.by_iri(tx, target) if target is not None else None
        follow = follows.find(tx, actor.id, followed.id) if followed is not None else None
    if follow is None:
        return False
    if follow.follower_id != actor.id:
        raise WrongOrigin(f"{actor.iri} can't undo what another did")
    followed = actors.by_id(tx, follow.target_id)
    if followed is not None:
        follow_actions.undone(tx, site, actor, followed)
    return True


def _undo_like(tx: Tx, actor: Actor, named: str | None, target: str | None, kinds: set[str]) -> Post | None:
    like = reactions.like_by_iri(tx, named) if named is not None else None
    if like is None and kinds & {"Like", "Dislike", "EmojiReact"} and target is not None:
        liked = posts.by_iri(tx, target)
        like = reactions.find_like(tx, actor.id, liked.id) if liked is not None else None
    if like is None:
        return None
    if like.actor_id != actor.id:
        raise WrongOrigin(f"{actor.iri} can't undo what another did")
    post = posts.by_id(tx, like.post_id)
    if post is not None:
        reaction_actions.drop_like(tx, actor, post, like)
    return post


def _undo_boost(tx: Tx, actor: Actor, named: str | None, target: str | None, kinds: set[str]) -> Post | None:
    boost = reactions.boost_by_iri(tx, named) if named is not None else None
    if boost is None and kinds & {"Announce"} and target is not None:
        boosted = posts.by_iri(tx, target)
        boost = reactions.find_boost(tx, actor.id, boosted.id) if boosted is not None else None
    if boost is None:
        return None
    if boost.actor_id != actor.id:
        raise WrongOrigin(f"{actor.iri} can't undo what another did")
    post = posts.by_id(tx, boost.post_id)
    if post is not None:
        reaction_actions.drop_boost(tx, actor, post, boost)
    return post
