"""Delete: a peer took a post away, a moderator took it out of a group, or an actor is gone."""

from federation.activity import Authentic
from federation.errors import WrongOrigin
from fedi.actions import envelopes, lists, memberships, moderated, passing_on, questions, quotes, remote_posts
from fedi.context import Site
from fedi.inbox import moderators
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Needs
from fedi.inbox.objects import object_id, signer
from storage import actors, cases, follows, notifications, posts
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """Another's post, of any origin: its own origin is asked how it is, and that is how it is (FEP-4f05). Not of what a
    moderator removes from a group hosted here: that is for us to decide."""
    post = posts.by_iri(tx, object_id(received.activity))
    if post is None or post.local:
        return NOTHING
    known = actors.by_ids(tx, [post.author_id, *([post.group_id] if post.group_id is not None else [])])
    author, group = known.get(post.author_id), known.get(post.group_id or 0)
    by = actors.by_iri(tx, received.signer)
    if author is None or author.iri == received.signer or _takes_back(tx, received, post):
        return NOTHING
    if by is not None and group is not None and group.local and moderators.may(tx, by, group, None):
        return NOTHING
    return Needs(fresh=(post.iri,))


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """Delete what is the sender's own, remove what they moderate; of others', only what its origin does not have any more."""
    keep(tx, site, received, fetched)


def keep(tx: Tx, site: Site, received: Authentic, fetched: Fetched, *, vouched_by: Actor | None = None) -> None:
    """The same of what a group passed on (`vouched_by`)."""
    iri = object_id(received.activity)
    gone = actors.by_iri(tx, iri)
    if gone is not None:
        if gone.iri != received.signer:
            raise WrongOrigin(f"{received.signer} can't delete {iri}")
        delete_actor(tx, site, gone)
        return
    post = posts.by_iri(tx, iri)
    if post is None:
        if quotes.revoked(tx, site, signer(tx, received), iri):
            return  # it was the leave to quote a post
        raise Ignored("unknown-object", f"{iri} is not known here")
    author = actors.by_id(tx, post.author_id)
    if _takes_back(tx, received, post):
        if author is None or not author.local:  # what somebody here wrote is theirs
            remote_posts.delete(tx, site, post)
        return
    if author is None or author.iri != received.signer or is_removal(tx, received, post, vouched_by):
        _remove(tx, site, received, fetched, post, vouched_by)
        return
    if post.deleted_at is not None:
        return
    group = passing_on.of_posts(tx, post)
    remote_posts.delete(tx, site, post)
    if group is not None:
        passing_on.announce(tx, site, group, received.activity.raw, post, "delete")


def _takes_back(tx: Tx, received: Authentic, post: Post) -> bool:
    """Whether a group elsewhere takes back a post in it: it is not open to this instance any more, and asks for erasure."""
    group = actors.by_id(tx, post.group_id) if post.group_id is not None else None
    return group is not None and not group.local and group.iri == received.signer


def is_removal(tx: Tx, received: Authentic, post: Post, vouched_by: Actor | None) -> bool:
    """Whether an author deletes as the moderator that they are as well: with a reason, be it blank (Lemmy, Mbin)."""
    by = actors.by_iri(tx, received.signer)
    group = actors.by_id(tx, post.group_id) if post.group_id is not None else None
    if by is None or group is None or not isinstance(received.activity.document.get("summary"), str):
        return False
    return moderators.may(tx, by, group, vouched_by)


def _remove(tx: Tx, site: Site, received: Authentic, fetched: Fetched, post: Post, vouched_by: Actor | None) -> None:
    if post.iri in fetched.gone or post.deleted_at is not None:
        return  # its origin confirmed it, and fetching deleted it
    by = signer(tx, received)
    group = actors.by_id(tx, post.group_id) if post.group_id is not None else None
    if group is None or (vouched_by is None and not group.local):
        raise WrongOrigin(f"{received.signer} can't delete what another wrote")
    moderators.check(tx, by, group, vouched_by)
    deep = received.activity.document.get("withReplies") is True
    if moderated.removed(tx, site, moderators.deed(received, by, group), post, with_replies=deep) is None:
        raise Ignored("known", "this is removed already")
    if group.local:
        passing_on.announce(tx, site, group, received.activity.raw, post, "delete")


def delete_actor(tx: Tx, site: Site, actor: Actor) -> None:
    """A remote actor is gone: so are its posts, follows and news."""
    if actor.local:
        raise WrongOrigin("an actor of this instance is deleted here only")
    for post in posts.of_author(tx, actor.id):
        remote_posts.delete(tx, site, post)
    questions.forget(tx, site, actor)
    for follow in [*follows.followers(tx, actor.id, 100_000), *follows.following(tx, actor.id, 100_000)]:
        follows.remove(tx, follow.id)
        follower = actors.by_id(tx, follow.follower_id)
        if follower is not None and follow.state == "accepted":
            memberships.count_following(tx, follower, -1)
            actors.count(tx, follow.target_id, followers=-1)
        if follower is not None and follower.local:
            lists.left(tx, follower, actor)
    notifications.forget(tx, actor_id=actor.id)
    cases.forget_about(tx, actor.id)
    envelopes.erase(tx, site, actor.iri)
    actors.change(tx, actor.id, state="gone")
