"""Accept: a remote actor agreed to be followed by somebody here, or a remote group let somebody in."""

from federation import fields as wire
from federation.activity import Authentic
from fedi.actions import follows as follow_actions
from fedi.actions import quotes as quote_actions
from fedi.context import Site
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Needs
from fedi.inbox.objects import embedded, signer
from storage import actors, follows, outbox, posts
from storage.actors import Actor
from storage.follows import Follow
from storage.metadata import Tx
from storage.posts import Post

_ASKS = frozenset({"Follow", "Join", "Invite"})
"""What asks for a follow, or offers one."""


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """Of a group, who moderates it: one of them may be of this instance."""
    group = actors.by_iri(tx, received.signer)
    known = group is not None and group.is_group and group.moderators is not None and _asked(tx, received, group)
    return Needs(moderators=(received.signer,)) if known else NOTHING


def _asked(tx: Tx, received: Authentic, group: Actor) -> bool:
    try:
        return answered(tx, received, group).state == "pending"
    except Ignored:
        return False


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """The follow is accepted; again is nothing. Or a quote is allowed."""
    answerer = signer(tx, received)
    quoting = quoted_by(tx, received)
    if quoting is not None:
        authorization = wire.first_id(received.activity.document.get("result"))
        if not quote_actions.accepted(tx, site, answerer, quoting, authorization):
            raise Ignored("unknown-object", "this allows no quote that somebody here asked for")
        return
    follow = answered(tx, received, answerer)
    if follow.state == "accepted":
        return
    follower = actors.by_id(tx, follow.follower_id)
    if follower is not None:
        follow_actions.settled(tx, site, follow, follower, answerer)


def quoted_by(tx: Tx, received: Authentic) -> Post | None:
    """The local post whose QuoteRequest an Accept or Reject answers (FEP-044f); None when it answers something else."""
    asked = wire.first_id(received.activity.object)
    row = outbox.by_activity(tx, asked) if asked is not None else None
    if row is not None:
        return posts.by_id(tx, row.post_id) if row.type == "QuoteRequest" and row.post_id is not None else None
    inner = embedded(received.activity)
    if inner is None or "QuoteRequest" not in wire.types(inner):
        return None
    post = posts.by_iri(tx, wire.first_id(inner.get("instrument")) or "")
    return post if post is not None and post.local else None


def answered(tx: Tx, received: Authentic, answerer: Actor) -> Follow:
    """The follow of `answerer` that an Accept or Reject answers, named by its id (Mastodon) or embedded (Lemmy, Mbin).

    Raises Ignored when there is none: nobody can accept for another, nor a follow that was not asked for.
    """
    named = wire.first_id(received.activity.object)
    follow = follows.by_iri(tx, named) if named is not None else None
    if follow is None:
        inner = embedded(received.activity)
        if inner is not None and _ASKS.isdisjoint(kinds := wire.types(inner)) and kinds:
            # A group may refuse one post of a member: that puts nobody out.
            raise Ignored("unknown-object", f"this answers a {kinds[0][:40]}, and no follow of somebody here")
        asker = actors.by_iri(tx, wire.first_id(inner.get("actor")) or "") if inner is not None else None
        follow = follows.find(tx, asker.id, answerer.id) if asker is not None and asker.local else None
    if follow is None or follow.target_id != answerer.id:
        raise Ignored("unknown-object", "this answers no follow of somebody here")
    return follow
